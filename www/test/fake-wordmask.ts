/**
 * Stands in for the package while the look of the page is worked on, and for tests of the page alone: it finds words by
 * the colour that a drawn scene gives them. Same face as the package, no model.
 */
import type {
  BitmapMask,
  BundleInfo,
  CallOptions,
  ClassSummary,
  CutoutOptions,
  Device,
  EncodeOptions,
  ExportFile,
  ExportFormat,
  ImportOptions,
  Knowledge,
  LoadOptions,
  Methods,
  ModelSource,
  NamedScore,
  ObjectOptions,
  Region,
  RegionOptions,
  SegmentOptions,
  StorageUse,
  StoredModel,
} from 'wordmask';

export { paint } from '../../pkg/src/correct.js';
export { exportFormats } from '../../pkg/src/options.js';

export class WordmaskError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

type Color = [number, number, number];

/** A PNG with one pixel. */
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=';

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

/** What tests look at, and what they hold up. */
const test = globalThis as typeof globalThis & {
  /** Every call with what was given. */
  asked?: { call: string; words?: readonly string[]; options: object }[];
  /** Coarse masks are followed by sharper ones, and regions by names, only after this. */
  held?: Promise<void>;
  /** Pictures are encoded only after this. */
  heldEncoding?: Promise<void>;
};

function note(call: string, options: object, words?: readonly string[]): void {
  test.asked ??= [];
  // As JSON, which leaves functions and signals out.
  const plain = JSON.parse(JSON.stringify({ ...options, signal: undefined }));
  test.asked.push({ call, options: plain, ...(words && { words }) });
}

/** Waits for the tests, if they wish so, or until the call is stopped. */
async function hold(signal: AbortSignal | undefined, until = test.held): Promise<void> {
  signal?.throwIfAborted();
  const stopped = new Promise((done) => signal?.addEventListener('abort', done));
  await Promise.race([until, stopped]);
  signal?.throwIfAborted();
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
const distance = (a: Color, b: Color) =>
  a.reduce((sum, part, at) => sum + Math.abs(part - (b[at] ?? 0)), 0);

const doodle: BundleInfo = {
  name: 'doodle',
  license: 'MIT',
  source: 'fake',
  description: 'It was trained on drawn scenes of simple shapes on plain grounds.',
  scheme: 'q8',
  pictures: 'photographs',
  vocabulary: [],
};

const STORE = 'fake-models';
const readStore = (): StoredModel[] => JSON.parse(localStorage.getItem(STORE) ?? '[]');
const writeStore = (models: readonly StoredModel[]) =>
  localStorage.setItem(STORE, JSON.stringify(models));

/** Knows a damaged file by its first byte. */
export async function importModel(
  files: readonly File[],
  { scheme, signal, onProgress }: ImportOptions,
): Promise<StoredModel> {
  note('import', { files: files.map(({ name }) => name), scheme });
  for (let done = 0; done < 3; done++) {
    onProgress?.({ phase: 'import', done, total: 3 });
    await hold(signal);
    await pause(20);
    signal?.throwIfAborted();
  }
  const weights = files.find(({ name }) => name.endsWith('.safetensors'));
  const [first] = new Uint8Array((await weights?.arrayBuffer()) ?? new ArrayBuffer(1));
  if (first === 0) throw new WordmaskError('model', 'model.safetensors is damaged. Get it again.');
  const info = {
    ...doodle,
    name: '<b>photo</b> clip',
    description: 'Photographs.',
    scheme: scheme ?? '',
  };
  const id = 'ab'.repeat(32);
  const model = { ...info, id, bytes: 45_200_000, imported: new Date() };
  writeStore([...readStore().filter((other) => other.id !== id), model]);
  return model;
}

export async function listModels(): Promise<StoredModel[]> {
  return readStore();
}

export async function deleteModel(model: string): Promise<void> {
  note('delete', { model });
  writeStore(readStore().filter(({ id }) => id !== model));
}

export async function storageUse(): Promise<StorageUse> {
  const models = readStore().reduce((sum, { bytes }) => sum + bytes, 0);
  return { models, bundles: cleared ? 0 : 5_100_000, downloads: 0 };
}

let cleared = false;

export async function clearCache(): Promise<void> {
  cleared = true;
}

export class Segmenter {
  readonly device: Device;
  readonly info: BundleInfo;
  readonly engineUrls = [new URL('engine.wasm', location.href).href];

  readonly methods: Methods = { default: 'clip-diy', multiScale: false, refine: ['tlp'] };

  private constructor(info: BundleInfo, kind: 'webgpu' | 'cpu', note?: string) {
    this.info = info;
    this.device = note === undefined ? { kind, name: kind } : { kind, name: kind, note };
  }

  static async load(
    model: ModelSource,
    { device, signal, onProgress }: LoadOptions,
  ): Promise<Segmenter> {
    note('load', { model, device });
    const stored = typeof model === 'object' && 'id' in model ? model.id : undefined;
    const info = stored === undefined ? doodle : readStore().find(({ id }) => id === stored);
    if (info === undefined || String(model).includes('missing'))
      throw new WordmaskError('network', 'The model could not be downloaded.');
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
    // A model that lies under this name knows no photographs.
    const drawn = String(model).includes('/drawings/') && { pictures: 'drawings' as const };
    return new Segmenter(
      { ...info, ...drawn },
      'cpu',
      device === 'auto'
        ? 'The CPU was chosen: the only WebGPU adapter is a software one.'
        : undefined,
    );
  }

  /** Nonsense is what it does not know, and it takes that for `sun`. */
  knows(word: string): Knowledge {
    const known = !word.startsWith('blorb');
    return { known, nearest: known || word === 'blorb' ? null : 'sun' };
  }

  async encode(file: File, options: EncodeOptions): Promise<Picture> {
    const { signal, onProgress } = options;
    note('encode', options);
    const bitmap = await createImageBitmap(file);
    for (let step = 0; step <= 12; step++) {
      onProgress?.({ phase: 'encode', done: step, total: 12 });
      if (test.heldEncoding) await hold(signal, test.heldEncoding);
      await pause(30);
      signal?.throwIfAborted();
    }
    // As an engine that heeds what the browser does not.
    const turned = file.name.startsWith('turned');
    const { width, height } = bitmap;
    const canvas = turned ? new OffscreenCanvas(height, width) : new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d');
    if (context === null) throw new WordmaskError('internal', 'No canvas.');
    if (turned) context.setTransform(0, 1, -1, 0, height, 0);
    context.drawImage(bitmap, 0, 0);
    return new Picture(context.getImageData(0, 0, canvas.width, canvas.height));
  }

  async close(): Promise<void> {}
}

type FakeOptions = Omit<SegmentOptions, 'onPartial'> & { onPartial?: (coarse: Masks) => void };

class Picture {
  readonly width: number;
  readonly height: number;

  constructor(readonly image: ImageData) {
    this.width = image.width;
    this.height = image.height;
  }

  async toImageData(): Promise<ImageData> {
    return this.image;
  }

  async segment(words: readonly string[], options: FakeOptions): Promise<Masks> {
    const { method = 'clip-diy', crops = 10, signal, onProgress, onPartial } = options;
    note('segment', options, words);
    await pause(60);
    signal?.throwIfAborted();
    const scales = method === 'clip-diy' ? { 10: 2, 26: 3, 59: 3 }[crops] : 1;
    for (let scale = 1; scale < scales; scale++) {
      onPartial?.(findWords(this.image, words, 32 / scale));
      onProgress?.({ phase: 'segment', done: scale, total: scales });
      await hold(signal);
      await pause(60);
      signal?.throwIfAborted();
    }
    return findWords(this.image, words, 1);
  }

  /** Everything of about the same colour that hangs together with this pixel. */
  async regionAt(x: number, y: number, { signal }: RegionOptions): Promise<Region> {
    note('regionAt', { x, y });
    await pause(20);
    signal?.throwIfAborted();
    const { width, height } = this;
    const mask = new Uint8Array(width * height);
    const seed = this.#colorAt(y * width + x);
    const open = [y * width + x];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (mask[at] === 1 || distance(this.#colorAt(at), seed) > 30) continue;
      mask[at] = 1;
      if (at % width > 0) open.push(at - 1);
      if (at % width < width - 1) open.push(at + 1);
      if (at >= width) open.push(at - width);
      if (at + width < mask.length) open.push(at + width);
    }
    const inside = [...mask.keys()].filter((at) => mask[at] === 1);
    const columns = inside.map((at) => at % width);
    const rows = inside.map((at) => Math.floor(at / width));
    const [left, top] = [Math.min(...columns), Math.min(...rows)];
    const across = Math.max(...columns) - left + 1;
    const down = Math.max(...rows) - top + 1;
    return { width, height, mask, area: inside.length, bbox: [left, top, across, down] };
  }

  /** By the colour of the first pixel inside. */
  async classify(
    masks: readonly BitmapMask[],
    words: readonly string[],
    { signal }: CallOptions,
  ): Promise<NamedScore[][]> {
    note('classify', {}, words);
    await hold(signal);
    await pause(40);
    signal?.throwIfAborted();
    if (words.includes('trouble')) throw new WordmaskError('device', 'The GPU failed. Try again.');
    return masks.map(({ data }) => {
      const color = this.#colorAt(data.indexOf(1));
      const fits = words.map((word) => {
        const own = Object.hasOwn(colors, word) ? colors[word] : undefined;
        return own === undefined ? 1e-3 : Math.exp(-distance(own, color) / 60) + 1e-3;
      });
      const total = fits.reduce((sum, fit) => sum + fit, 0);
      const named = words.map((name, index) => ({ name, score: (fits[index] ?? 0) / total }));
      return named.sort((one, other) => other.score - one.score);
    });
  }

  free(): void {}

  #colorAt(pixel: number): Color {
    const [red = 0, green = 0, blue = 0] = this.image.data.subarray(pixel * 4, pixel * 4 + 3);
    return [red, green, blue];
  }
}

/** @param block The side of the squares whose first pixel speaks for all. */
function findWords(
  { width, height, data }: ImageData,
  words: readonly string[],
  block: number,
): Masks {
  const labels = new Uint8Array(width * height).fill(255);
  const wanted = words.map((word) => (Object.hasOwn(colors, word) ? colors[word] : undefined));
  for (let pixel = 0; pixel < labels.length; pixel++) {
    const column = Math.floor((pixel % width) / block) * block;
    const row = Math.floor(Math.floor(pixel / width) / block) * block;
    const at = (row * width + column) * 4;
    const color: Color = [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0];
    const label = wanted.findIndex((of) => of !== undefined && distance(of, color) < 60);
    if (label >= 0) labels[pixel] = label;
  }
  return new Masks({ width, height }, words, labels);
}

class Masks {
  readonly width: number;
  readonly height: number;
  readonly classes: ClassSummary[];
  readonly timing = { encodeMs: 240, segmentMs: 12 };

  constructor(
    { width, height }: { width: number; height: number },
    readonly words: readonly string[],
    readonly labels: Uint8Array<ArrayBuffer>,
  ) {
    this.width = width;
    this.height = height;
    this.classes = words.map((name, index) => {
      const pixels = labels.filter((label) => label === index).length;
      const color = palette[index % palette.length] ?? [0, 0, 0];
      const fraction = pixels / labels.length;
      return { name, color, pixels, fraction, score: pixels === 0 ? null : 0.71 };
    });
  }

  withLabels = async (labels: Uint8Array): Promise<Masks> =>
    new Masks(this, this.words, new Uint8Array(labels));
  /** No PNG, but what tests read. */
  toPng = async (): Promise<Blob> => new Blob([this.labels]);
  overlay = async (): Promise<Blob> => new Blob(['fake']);
  /** No picture, but what tests read; the clipboard takes none but true ones. */
  cutout = async (which: number, options: CutoutOptions): Promise<Blob> => {
    note('cutout', { which, ...options });
    return new Blob([Uint8Array.from(atob(pixel), (letter) => letter.charCodeAt(0))], {
      type: `image/${options.format ?? 'png'}`,
    });
  };
  toGeoJson = async (options: ObjectOptions): Promise<string> => JSON.stringify(options);
  toSvg = async (): Promise<string> => '<svg/>';
  /** One file, or for YOLO two, of which one is the labels. */
  export = async (format: ExportFormat, options: ObjectOptions): Promise<ExportFile[]> => {
    note('export', { format, ...options });
    const about = { path: `${format}.json`, blob: new Blob(['{}']) };
    if (format !== 'yolo') return [about];
    return [{ path: 'labels/meadow.png', blob: new Blob([this.labels]) }, about];
  };
  free(): void {}
}

/** One file, which tells what it was made of. */
export async function exportDataset(
  all: readonly Masks[],
  format: ExportFormat,
  options: ObjectOptions,
): Promise<ExportFile[]> {
  note('exportDataset', { format, ...options, pictures: all.length });
  const shares = all.map(({ classes }) => classes.map(({ pixels }) => pixels));
  return [{ path: `${format}.json`, blob: new Blob([JSON.stringify(shares)]) }];
}
