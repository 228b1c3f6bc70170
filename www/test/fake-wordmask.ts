/**
 * Stands in for the package while the look of the page is worked on, and for tests of the page alone: it finds words by
 * the colour that a drawn scene gives them. Same face as the package, no model.
 */
import type { BundleInfo, ClassSummary, Device, LoadOptions, SegmentOptions } from 'wordmask';

export class WordmaskError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

type Color = [number, number, number];

const colors: Readonly<Record<string, Color>> = {
  sky: [150, 205, 240],
  grass: [110, 180, 80],
  sun: [250, 210, 60],
  house: [215, 95, 70],
  tree: [35, 110, 60],
  road: [120, 120, 125],
  snow: [245, 248, 250],
  water: [40, 90, 190],
  cat: [235, 145, 40],
};
const palette: Color[] = [
  [230, 75, 53],
  [77, 187, 213],
  [0, 160, 135],
  [60, 84, 136],
  [243, 155, 127],
  [132, 145, 180],
];

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
const distance = (a: Color, b: Color) =>
  a.reduce((sum, part, at) => sum + Math.abs(part - (b[at] ?? 0)), 0);

export class Segmenter {
  readonly device: Device;
  readonly info: BundleInfo = {
    name: 'doodle',
    license: 'MIT',
    source: 'fake',
    knows: 'It was trained on drawn scenes of simple shapes on plain grounds.',
    scheme: 'q8',
  };

  private constructor(kind: 'webgpu' | 'cpu', note?: string) {
    this.device = note === undefined ? { kind, name: kind } : { kind, name: kind, note };
  }

  static async load(_url: string, { device, signal, onProgress }: LoadOptions): Promise<Segmenter> {
    for (let step = 0; step <= 8; step++) {
      onProgress?.({
        phase: 'download',
        file: 'vision-00.safetensors',
        loaded: step * 5e5,
        total: 4e6,
      });
      await pause(40);
      signal?.throwIfAborted();
    }
    if (device === 'webgpu')
      throw new WordmaskError('device', 'This browser offers no WebGPU adapter. Choose the CPU.');
    return new Segmenter(
      'cpu',
      device === 'auto'
        ? 'The CPU was chosen: the only WebGPU adapter is a software one.'
        : undefined,
    );
  }

  async encode(file: File, { signal, onProgress }: SegmentOptions): Promise<Picture> {
    const bitmap = await createImageBitmap(file);
    for (let step = 0; step <= 12; step++) {
      onProgress?.({ phase: 'encode', done: step, total: 12 });
      await pause(30);
      signal?.throwIfAborted();
    }
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext('2d');
    if (context === null) throw new WordmaskError('internal', 'No canvas.');
    context.drawImage(bitmap, 0, 0);
    return new Picture(context.getImageData(0, 0, bitmap.width, bitmap.height));
  }

  async close(): Promise<void> {}
}

class Picture {
  constructor(readonly image: ImageData) {}

  async segment(words: readonly string[], { signal }: SegmentOptions): Promise<Masks> {
    await pause(60);
    signal?.throwIfAborted();
    return new Masks(this.image, words);
  }

  free(): void {}
}

class Masks {
  readonly width: number;
  readonly height: number;
  readonly labels: Uint8Array;
  readonly classes: ClassSummary[];
  readonly timing = { encodeMs: 240, segmentMs: 12 };

  constructor({ width, height, data }: ImageData, words: readonly string[]) {
    this.width = width;
    this.height = height;
    this.labels = new Uint8Array(width * height).fill(255);
    const wanted = words.map((word) => (Object.hasOwn(colors, word) ? colors[word] : undefined));
    const counts = words.map(() => 0);
    for (let pixel = 0; pixel < this.labels.length; pixel++) {
      const at = pixel * 4;
      const color: Color = [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0];
      const label = wanted.findIndex((of) => of !== undefined && distance(of, color) < 60);
      if (label < 0) continue;
      this.labels[pixel] = label;
      counts[label] = (counts[label] ?? 0) + 1;
    }
    this.classes = words.map((name, index) => {
      const pixels = counts[index] ?? 0;
      const color = palette[index % palette.length] ?? [0, 0, 0];
      return {
        name,
        color,
        pixels,
        fraction: pixels / this.labels.length,
        score: pixels === 0 ? 0 : 0.71,
      };
    });
  }

  toPng = async (): Promise<Blob> => new Blob(['fake']);
  overlay = async (): Promise<Blob> => new Blob(['fake']);
  cutout = async (): Promise<Blob> => new Blob(['fake']);
  toCoco = async (): Promise<string> => '{}';
  toGeoJson = async (): Promise<string> => '{}';
  toSvg = async (): Promise<string> => '<svg/>';
  free(): void {}
}
