/// <reference lib="esnext.disposable" preserve="true" />
import { abortable, Bridge, type Connection, type LoadRequest, Resident } from './bridge.js';
import type {
  BundleInfo,
  ClassSummary,
  Device,
  EngineMask,
  Methods,
  NamedScore,
} from './engine.js';
import { codeOf, WordmaskError } from './errors.js';
import { imageData } from './image-data.js';
import { engineMasks, type LabelMap, type Mask } from './masks.js';
import { modelId, type StoredModel } from './models.js';
import {
  type CallOptions,
  type CocoOptions,
  checkClassify,
  checkCoco,
  checkEncode,
  checkLoad,
  checkOpacity,
  checkPoint,
  checkRegion,
  checkSegment,
  checkWords,
  type EncodeOptions,
  type LoadOptions,
  type RegionOptions,
  type SegmentOptions,
} from './options.js';
import { paint } from './overlay.js';
import { absolute, enginePlace } from './places.js';
import type { CallAnswer, CallRequest, Place, PngForm, TextForm } from './protocol.js';
import { decodedByBrowser, fileName, type PictureSource, pictureData } from './source.js';
import { startWorker } from './start.js';
import { turn } from './turn.js';

/**
 * What can be loaded: the directory of a bundle or the address of its `wordmask.json`, relative to
 * the page; or a model in the browser's storage. Outside of browsers, paths on the disk work as well.
 */
export type ModelSource = string | URL | Pick<StoredModel, 'id'>;

/** How long the network took, without waiting and copying. */
export interface Timing {
  encodeMs: number;
  segmentMs: number;
}

/** A part of a picture that looks like one thing, whatever it is. */
export interface Region {
  readonly width: number;
  readonly height: number;
  /** One value per pixel of the picture, row by row: 1 inside, 0 outside. */
  readonly mask: Uint8Array;
  /** How many pixels are inside. */
  readonly area: number;
  /** The smallest rectangle around them. */
  readonly bbox: readonly [x: number, y: number, width: number, height: number];
}

/** What is freed when its owner is collected. A safety net: `free()` is prompt, this is not. */
const forgotten = new FinalizationRegistry<Resident>((resident) => resident.free());

/** A loaded model in a worker of its own. */
export class Segmenter {
  readonly #bridge: Bridge;

  private constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /**
   * Loads a bundle: its vision tower, and the words that are ready. The text tower follows with the
   * first call that has a word which is not.
   *
   * @throws WordmaskError with the codes `network`, `integrity`, `model`, `device`, `unsupported` or `input`.
   */
  static async load(model: ModelSource, options?: LoadOptions): Promise<Segmenter> {
    const checked = checkLoad(options);
    const { device, cache, workerUrl, engineUrl, signal, onProgress } = checked;
    signal?.throwIfAborted();
    const request: LoadRequest = {
      model: place(model),
      device,
      cache,
      engineUrl: enginePlace({ engineUrl, workerUrl }),
    };
    const bridge = new Bridge(() => startWorker({ workerUrl }), request, onProgress);
    try {
      await abortable(bridge.connect(), signal);
    } catch (error) {
      bridge.close();
      throw error;
    }
    return new Segmenter(bridge);
  }

  /** Where the network runs. May change from the GPU to the CPU when the GPU keeps failing. */
  get device(): Device {
    return { ...this.#bridge.loaded.device };
  }

  /** The model, for showing to people. */
  get info(): BundleInfo {
    return { ...this.#bridge.loaded.info };
  }

  /** What `segment` does where it is not told; differs by device. */
  get methods(): Methods {
    const { default: method, refine } = this.#bridge.loaded.methods;
    return { default: method, refine: [...refine] };
  }

  /** Whether what was loaded is there for the next visit. */
  get cached(): boolean {
    return this.#bridge.loaded.cached;
  }

  /**
   * Runs the vision tower on a picture, once; words are cheap after that.
   *
   * The engine decodes JPEG, PNG and WebP files itself, alike in every browser, and gets the pixels
   * of what only the browser decodes. `toImageData` of the result has the pixels that were seen.
   *
   * @throws WordmaskError with the codes `input`, `unsupported`, `out-of-memory` or `device`.
   */
  async encode(source: PictureSource, options?: EncodeOptions): Promise<EncodedPicture> {
    const { engine, signal, onProgress } = checkEncode(options);
    signal?.throwIfAborted();
    const data = await abortable(pictureData(source), signal);
    const bridge = this.#bridge;
    const picture = bridge.newHandle();
    const request: CallRequest<'encode'> = { kind: 'encode', picture, data, options: engine };
    const connection = await abortable(bridge.connect(), signal);
    const run = () =>
      orFree(connection, picture, () => connection.call<'encode'>(request, { signal, onProgress }));
    const answer = await run().catch(async (error: unknown) => {
      const isFile = data.size === undefined;
      if (!isFile || codeOf(error) !== 'unsupported') throw error;
      request.data = await abortable(decodedByBrowser(data.blob, error), signal);
      return run();
    });
    const resident = new Resident(bridge, picture, async (home) => {
      await home.call<'encode'>(request);
    });
    resident.settle(connection);
    return new EncodedPicture(bridge, resident, answer, fileName(source));
  }

  /** Ends the worker and frees everything in it. Calls that are under way reject. */
  async close(): Promise<void> {
    this.#bridge.close();
  }

  /** The same as `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A picture that the vision tower has seen. */
export class EncodedPicture {
  readonly width: number;
  readonly height: number;
  readonly #bridge: Bridge;
  readonly #resident: Resident;
  readonly #encodeMs: number;
  readonly #fileName: string;

  /** @internal Made by `Segmenter.encode`. */
  constructor(bridge: Bridge, resident: Resident, answer: CallAnswer<'encode'>, fileName: string) {
    this.#bridge = bridge;
    this.#resident = resident;
    this.width = answer.width;
    this.height = answer.height;
    this.#encodeMs = answer.milliseconds;
    this.#fileName = fileName;
    forgotten.register(this, resident, this);
  }

  /**
   * Gives every pixel to one of the words, or to none.
   *
   * @param words One entry for each class; an entry may hold several names, `tv/monitor/screen`.
   */
  async segment(words: readonly string[], options?: SegmentOptions): Promise<Segmentation> {
    const { engine, signal, onProgress, onPartial } = checkSegment(options);
    signal?.throwIfAborted();
    const picture = this.#resident;
    usable(picture);
    const request: CallRequest<'segment'> = {
      kind: 'segment',
      picture: picture.handle,
      segmentation: this.#bridge.newHandle(),
      words: checkWords(words),
      options: engine,
      partials: onPartial !== undefined,
    };
    const connection = await picture.home(signal);
    const coarse: Segmentation[] = [];
    const show = (handle: number, partial: CallAnswer<'segment'>) => {
      coarse.pop()?.free();
      const resident = new Resident(this.#bridge, handle, lost);
      const result = this.#segmentation(resident, connection, request.words, partial);
      coarse.push(result);
      onPartial?.(result);
    };
    const answer = await orFree(connection, request.segmentation, () =>
      connection.call<'segment'>(request, { signal, onProgress, onPartial: show }),
    );
    coarse.pop()?.free();
    const resident = new Resident(this.#bridge, request.segmentation, async (home) => {
      await picture.home();
      await home.call<'segment'>({ ...request, partials: false });
      if (picture.freed) picture.free();
    });
    return this.#segmentation(resident, connection, request.words, answer);
  }

  /**
   * Says which of the words fit a mask.
   *
   * @param masks Masks of the size of the picture, or one label map, such as a `Segmentation`.
   * @param words As for `segment`; without background words.
   * @returns For each mask, or for each label from 0 on, the words with their scores, best first.
   * The scores of a mask add up to 1. A mask without a pixel has no scores.
   */
  async classify(
    masks: readonly Mask[] | LabelMap,
    words: readonly string[],
    options?: CallOptions,
  ): Promise<NamedScore[][]> {
    const { signal, onProgress } = checkClassify(options);
    signal?.throwIfAborted();
    usable(this.#resident);
    const names = checkWords(words);
    const packed: (EngineMask | undefined)[] = [];
    for (const mask of engineMasks(masks, this)) {
      packed.push(mask);
      // Large masks take their time, and the page has other things to do as well.
      await turn();
      signal?.throwIfAborted();
    }
    const given = packed.filter((mask) => mask !== undefined);
    if (given.length === 0) return packed.map(() => []);
    usable(this.#resident);
    const connection = await this.#resident.home(signal);
    const answer = await connection.call<'classify'>(
      { kind: 'classify', picture: this.#resident.handle, masks: given, words: names },
      { signal, onProgress },
    );
    const scores = answer.names.values();
    return packed.map((mask) => (mask && scores.next().value) ?? []);
  }

  /**
   * The region around a point, whatever it shows; `classify` says what.
   *
   * @param x Pixels from the left edge of the picture.
   * @param y Pixels from its upper edge.
   */
  async regionAt(x: number, y: number, options?: RegionOptions): Promise<Region> {
    const { signal } = checkRegion(options);
    signal?.throwIfAborted();
    usable(this.#resident);
    const point = checkPoint(x, y, this);
    const connection = await this.#resident.home(signal);
    return connection.call<'region'>(
      { kind: 'region', picture: this.#resident.handle, ...point },
      { signal },
    );
  }

  /** The pixels that were encoded: turned upright, at the size of the answers. */
  async toImageData(): Promise<ImageData> {
    usable(this.#resident);
    const connection = await this.#resident.home();
    const rgba = await connection.call<'pixels'>({
      kind: 'pixels',
      picture: this.#resident.handle,
    });
    return imageData(new Uint8ClampedArray(rgba), this.width, this.height);
  }

  /** Frees the engine's memory. Answers that were made from it stay of use. */
  free(): void {
    release(this, this.#resident);
  }

  /** The same as `free`, for `using`. */
  [Symbol.dispose](): void {
    this.free();
  }

  #segmentation(
    resident: Resident,
    home: Connection,
    words: readonly string[],
    answer: CallAnswer<'segment'>,
  ): Segmentation {
    resident.settle(home);
    const timing = { encodeMs: this.#encodeMs, segmentMs: answer.milliseconds };
    return new Segmentation(resident, words, answer, timing, this.#fileName);
  }
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
  readonly #words: readonly string[];
  readonly #resident: Resident;
  readonly #fileName: string;

  /** @internal Made by `EncodedPicture.segment`. */
  constructor(
    resident: Resident,
    words: readonly string[],
    answer: CallAnswer<'segment'>,
    timing: Timing,
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
    forgotten.register(this, resident, this);
  }

  /** The heat map of a class: one value of 0 to 1 per pixel. Classes go by name or by index. */
  async scores(which: string | number): Promise<Float32Array> {
    const index = this.#indexOf(which);
    return this.#ask<'scores'>((segmentation) => ({ kind: 'scores', segmentation, index }));
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

  /** The pixels of one class on a transparent ground, as PNG. */
  async cutout(which: string | number): Promise<Blob> {
    return this.#png({ kind: 'cutout', index: this.#indexOf(which) });
  }

  /**
   * The masks as a COCO object-detection file with one picture: JSON text. Masks without holes are
   * polygons, those with holes run lengths.
   */
  async toCoco(options?: CocoOptions): Promise<string> {
    return this.#text({ kind: 'coco', fileName: checkCoco(options) ?? this.#fileName });
  }

  /** The outlines as a GeoJSON feature collection in pixel coordinates: JSON text. */
  async toGeoJson(): Promise<string> {
    return this.#text({ kind: 'geojson' });
  }

  /** The outlines as the text of an SVG file. */
  async toSvg(): Promise<string> {
    return this.#text({ kind: 'svg' });
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

  async #ask<K extends 'scores' | 'png' | 'text'>(
    request: (handle: number) => CallRequest<K>,
  ): Promise<CallAnswer<K>> {
    usable(this.#resident);
    const connection = await this.#resident.home();
    return connection.call<K>(request(this.#resident.handle));
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

/** Stands for making a coarse answer anew, which only the call that made it could. */
async function lost(): Promise<void> {
  throw new WordmaskError(
    'input',
    'This coarse result was lost with the engine that made it. Segment the picture again.',
  );
}

function usable(resident: Resident): void {
  if (resident.freed) {
    throw new WordmaskError('input', 'This was freed and cannot be used any more.');
  }
}

function release(owner: object, resident: Resident): void {
  forgotten.unregister(owner);
  if (!resident.freed) resident.free();
}

/** Runs a call; if it does not succeed, whatever it may have left in the engine is freed. */
async function orFree<T>(
  connection: Connection,
  handle: number,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    connection.free(handle);
    throw error;
  }
}

function place(model: ModelSource): Place {
  if (model instanceof URL || (typeof model === 'string' && model !== '')) {
    return { url: manifestUrl(model) };
  }
  if (typeof model === 'object' && model !== null) return { id: modelId(model) };
  throw new WordmaskError(
    'input',
    '"model" must be the address of a bundle, such as "models/clip/", or a model that listModels or importModel has given.',
  );
}

function manifestUrl(model: string | URL): string {
  const base = new URL(absolute(model, 'model'));
  if (base.pathname.endsWith('.json')) return base.href;
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return new URL('wordmask.json', base).href;
}
