/// <reference lib="esnext.disposable" preserve="true" />
import { type Bridge, type Connection, Resident } from './bridge.js';
import type { EngineMask, NamedScore } from './engine.js';
import { WordmaskError } from './errors.js';
import { imageData } from './image-data.js';
import { engineMasks, type LabelMap, type Mask } from './masks.js';
import {
  type CallOptions,
  checkClassify,
  checkPoint,
  checkRegion,
  checkWords,
  type RegionOptions,
} from './options.js';
import { forgotten, orFree, release, usable } from './ownership.js';
import type { CallAnswer, CallRequest } from './protocol.js';
import { checkSegment, type SegmentOptions } from './segment-options.js';
import { Segmentation } from './segmentation.js';
import { turn } from './turn.js';

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
    const coarse: Segmentation[] = [];
    const [home, answer] = await picture.use(async (connection) => {
      const show = (handle: number, partial: CallAnswer<'segment'>) => {
        coarse.pop()?.free();
        const resident = new Resident(this.#bridge, handle, lost);
        const result = this.#segmentation(resident, connection, request.words, partial);
        coarse.push(result);
        onPartial?.(result);
      };
      const made = await orFree(connection, request.segmentation, () =>
        connection.call<'segment'>(request, { signal, onProgress, onPartial: show }),
      );
      return [connection, made] as const;
    }, signal);
    coarse.pop()?.free();
    const resident = new Resident(this.#bridge, request.segmentation, async (home) => {
      await picture.home();
      await home.call<'segment'>({ ...request, partials: false });
      if (picture.freed) picture.free();
    });
    return this.#segmentation(resident, home, request.words, answer);
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
    const picture = this.#resident;
    const request: CallRequest<'classify'> = {
      kind: 'classify',
      picture: picture.handle,
      masks: given,
      words: names,
    };
    const answer = await picture.use(
      (home) => home.call<'classify'>(request, { signal, onProgress }),
      signal,
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
    const picture = this.#resident;
    return picture.use(
      (home) =>
        home.call<'region'>({ kind: 'region', picture: picture.handle, ...point }, { signal }),
      signal,
    );
  }

  /** The pixels that were encoded: turned upright, at the size of the answers. */
  async toImageData(): Promise<ImageData> {
    usable(this.#resident);
    const picture = this.#resident;
    const rgba = await picture.use((home) =>
      home.call<'pixels'>({ kind: 'pixels', picture: picture.handle }),
    );
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
    const device = { ...this.#bridge.loaded.device };
    return new Segmentation(resident, words, answer, { timing, device }, this.#fileName);
  }
}

/** Stands for making a coarse answer anew, which only the call that made it could. */
async function lost(): Promise<void> {
  throw new WordmaskError(
    'input',
    'This coarse result was lost with the engine that made it. Segment the picture again.',
  );
}
