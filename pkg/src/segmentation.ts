/// <reference lib="esnext.disposable" preserve="true" />
import type { Connection, Resident } from './bridge.js';
import {
  type Cutout,
  type CutoutOptions,
  checkCutout,
  checkMatte,
  type MatteOptions,
} from './cutout.js';
import type { ClassSummary, Device, EngineExportOptions, ExportFormat } from './engine.js';
import { codeOf, WordmaskError } from './errors.js';
import { imageData } from './image-data.js';
import { checkLabels } from './masks.js';
import {
  type CocoOptions,
  checkCoco,
  checkExport,
  checkFormat,
  checkObjects,
  checkOpacity,
  type ExportOptions,
  type ObjectOptions,
} from './options.js';
import { paint } from './overlay.js';
import { forgotten, orFree, release, usable } from './ownership.js';
import type { CallAnswer, CallRequest, PictureData, PngForm, TextForm } from './protocol.js';
import { decodedByBrowser, pictureData } from './source.js';

/** How long the network took, without waiting and copying. */
export interface Timing {
  encodeMs: number;
  segmentMs: number;
}

/** A class, or several, each by its name or its index. */
export type Which = string | number | readonly (string | number)[];

/** A file of a data set. */
export interface ExportFile {
  /** Where it belongs below the data set's folder, with `/` between folders. */
  readonly path: string;
  readonly blob: Blob;
}

/** Masks for words. */
export class Segmentation {
  readonly width: number;
  readonly height: number;
  /** One class index per pixel, row by row; 255 = unlabelled. */
  readonly labels: Uint8Array;
  /** The classes, by their index in `labels`. */
  readonly classes: readonly ClassSummary[];
  readonly timing: Timing;
  /** Where the network ran for it, and why on the CPU if that was not asked for. */
  readonly device: Device;
  readonly #words: readonly string[];
  readonly #resident: Resident;
  readonly #fileName: string;

  /** @internal Made by `EncodedPicture.segment`. */
  constructor(
    resident: Resident,
    words: readonly string[],
    answer: CallAnswer<'segment'>,
    { timing, device }: { timing: Timing; device: Device },
    fileName: string,
  ) {
    this.#resident = resident;
    this.#words = words;
    this.#fileName = fileName;
    this.width = answer.width;
    this.height = answer.height;
    this.labels = answer.labels;
    this.classes = answer.classes;
    this.timing = timing;
    this.device = device;
    forgotten.register(this, resident, this);
  }

  /** The heat map of a class: one value of 0 to 1 per pixel. Classes go by name or by index. */
  async scores(which: string | number): Promise<Float32Array> {
    const index = this.#indexOf(which);
    return this.#ask<'scores'>((segmentation) => ({ kind: 'scores', segmentation, index }));
  }

  /**
   * Another segmentation of the same picture, with the same classes and scores and these labels,
   * such as `paint` and `withRegion` make. This one stays as it is.
   *
   * @param labels One class index per pixel, row by row; 255 = unlabelled.
   */
  async withLabels(labels: Uint8Array | Uint8ClampedArray): Promise<Segmentation> {
    usable(this.#resident);
    const own = checkLabels(labels, this, this.classes.length);
    const source = this.#resident;
    const relabel = (home: Connection, made: number) =>
      home.call<'relabel'>({ kind: 'relabel', segmentation: source.handle, made, labels: own });
    const resident = source.derive(relabel);
    const [home, { classes }] = await source.use(async (connection) => {
      const make = () => relabel(connection, resident.handle);
      return [connection, await orFree(connection, resident.handle, make)] as const;
    });
    resident.settle(home);
    const { width, height, timing, device } = this;
    const answer = { width, height, labels: own, classes, milliseconds: timing.segmentMs };
    return new Segmentation(resident, this.#words, answer, { timing, device }, this.#fileName);
  }

  /** The masks in the colours of their classes, transparent where no class is. */
  toImageData(options?: { opacity?: number | undefined }): ImageData {
    const opacity = checkOpacity(options, 'toImageData');
    const rgba = paint(this.labels, this.classes, opacity);
    return imageData(rgba, this.width, this.height);
  }

  /** The label map as an indexed PNG with the colours of the classes. */
  async toPng(): Promise<Blob> {
    return this.#png({ kind: 'labels' });
  }

  /** The picture with the masks painted over it, as PNG. */
  async overlay(options?: { opacity?: number | undefined }): Promise<Blob> {
    return this.#png({ kind: 'overlay', opacity: checkOpacity(options, 'overlay') });
  }

  /**
   * How much of each pixel belongs to a class, or to several together, 0 to 255, row by row: the
   * alpha of their cut-out. Fractions lie along the border alone, within `feather` pixels.
   */
  async matte(which: Which, options?: MatteOptions): Promise<Uint8Array> {
    const feather = checkMatte(options);
    const classes = this.#indicesOf(which);
    return this.#ask<'matte'>((segmentation) => ({
      kind: 'matte',
      segmentation,
      classes,
      feather,
    }));
  }

  /**
   * The pixels of a class, or of several together, with soft edges that have nothing left in them of
   * what was behind: on a transparent ground or another one. Transparent pixels have no colour.
   * Where no pixel has the class, all are, and nothing is trimmed.
   *
   * @throws WordmaskError with the code `unsupported` where the browser cannot write WebP, or read
   * the background.
   */
  async cutout(which: Which, options?: CutoutOptions): Promise<Cutout> {
    const { engine, picture, format, quality } = checkCutout(options);
    const classes = this.#indicesOf(which);
    usable(this.#resident);
    const largest = this.#resident.largestPicture;
    const cut = (backdrop: PictureData | undefined) =>
      this.#ask<'cutout'>((segmentation) => {
        const how = { options: engine, backdrop, format, quality };
        return { kind: 'cutout', segmentation, classes, ...how };
      });
    const backdrop = picture === undefined ? undefined : await pictureData(picture, largest);
    const { file, bbox } = await cut(backdrop).catch(async (error: unknown) => {
      const isFile = backdrop && backdrop.size === undefined;
      if (!isFile || codeOf(error) !== 'unsupported') throw error;
      return cut(await decodedByBrowser(backdrop.blob, error, largest));
    });
    const blob = new Blob([file as Uint8Array<ArrayBuffer>], { type: `image/${format}` });
    return Object.assign(blob, { bbox });
  }

  /** The masks as a COCO object-detection file with one picture: JSON text. */
  async toCoco(options?: CocoOptions): Promise<string> {
    const { fileName, engine } = checkCoco(options);
    return this.#text({ kind: 'coco', fileName: fileName ?? this.#fileName, options: engine });
  }

  /** The outlines as a GeoJSON feature collection in pixel coordinates: JSON text. */
  async toGeoJson(options?: ObjectOptions): Promise<string> {
    return this.#text({ kind: 'geojson', options: checkObjects(options, 'toGeoJson') });
  }

  /** The outlines as the text of an SVG file. */
  async toSvg(options?: ObjectOptions): Promise<string> {
    return this.#text({ kind: 'svg', options: checkObjects(options, 'toSvg') });
  }

  /**
   * The masks as a data set with one picture, in a format of annotation and training tools: the
   * files of its folder. `exportDataset` does it for several pictures.
   */
  async export(format: ExportFormat, options?: ExportOptions): Promise<ExportFile[]> {
    const { fileName, engine } = checkExport(options);
    return Segmentation.#dataset([this], format, [fileName ?? this.#fileName], engine);
  }

  /** @internal `exportDataset`. */
  static async exportAll(
    segmentations: readonly Segmentation[],
    format: ExportFormat,
    options?: ObjectOptions,
  ): Promise<ExportFile[]> {
    const names = segmentations.map((segmentation) => segmentation.#fileName);
    const engine = checkObjects(options, 'exportDataset');
    return Segmentation.#dataset(segmentations, format, names, engine);
  }

  static async #dataset(
    segmentations: readonly Segmentation[],
    format: ExportFormat,
    names: readonly string[],
    options: EngineExportOptions,
  ): Promise<ExportFile[]> {
    const checked = checkFormat(format);
    const residents = segmentations.map((segmentation) => segmentation.#resident);
    residents.forEach(usable);
    const [first] = residents;
    if (!first) throw new WordmaskError('input', 'A data set needs a segmentation at least.');
    const files = await first.use(async (home) => {
      for (const resident of residents) {
        if ((await resident.home()) !== home) throw strangers();
      }
      const pictures = residents.map(({ handle }, index) => {
        return { segmentation: handle, fileName: names[index] ?? '' };
      });
      return home.call<'dataset'>({ kind: 'dataset', format: checked, pictures, options });
    });
    return files.map(({ path, contents }) => {
      return { path, blob: new Blob([contents as Uint8Array<ArrayBuffer>]) };
    });
  }

  /** Frees the engine's memory. `labels`, `classes` and `toImageData` stay of use. */
  free(): void {
    release(this, this.#resident);
  }

  /** The same as `free`, for `using`. */
  [Symbol.dispose](): void {
    this.free();
  }

  async #png(form: PngForm): Promise<Blob> {
    const bytes = await this.#ask<'png'>((segmentation) => ({ kind: 'png', segmentation, form }));
    return new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'image/png' });
  }

  #text(form: TextForm): Promise<string> {
    return this.#ask<'text'>((segmentation) => ({ kind: 'text', segmentation, form }));
  }

  async #ask<K extends 'scores' | 'png' | 'text' | 'matte' | 'cutout'>(
    request: (handle: number) => CallRequest<K>,
  ): Promise<CallAnswer<K>> {
    usable(this.#resident);
    const segmentation = this.#resident;
    return segmentation.use((home) => home.call<K>(request(segmentation.handle)));
  }

  #indicesOf(which: Which): number[] {
    const list = typeof which === 'object' ? which : [which];
    if (!Array.isArray(list) || list.length === 0) {
      throw new WordmaskError('input', 'Give a class at least, by its name or its index.');
    }
    return list.map((each) => this.#indexOf(each));
  }

  #indexOf(which: string | number): number {
    const index = typeof which === 'number' ? which : this.#find(which);
    if (!this.classes[index]) {
      const names = this.classes.map(({ name }) => name).join(', ');
      throw new WordmaskError('input', `There is no class ${which}. The classes are: ${names}.`);
    }
    return index;
  }

  /** By the name in the answer, or by the word as it was given. */
  #find(name: string): number {
    const named = this.classes.findIndex((candidate) => candidate.name === name);
    return named >= 0 ? named : this.#words.indexOf(name);
  }
}

/**
 * The masks of several pictures as one data set, in a format of annotation and training tools: the
 * files of its folder. All come from one segmenter and the same words; each picture goes by the
 * name of the file that was encoded.
 */
export function exportDataset(
  segmentations: readonly Segmentation[],
  format: ExportFormat,
  options?: ObjectOptions,
): Promise<ExportFile[]> {
  return Segmentation.exportAll(segmentations, format, options);
}

function strangers(): WordmaskError {
  return new WordmaskError(
    'input',
    'These segmentations are of different segmenters. Export those of each on their own.',
  );
}
