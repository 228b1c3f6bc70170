/**
 * The order of the work: model, then picture, then masks. Each is done once and kept: a new word repeats only the last
 * step, a new picture the last two, another model or device all three. What is newer stops what is older.
 */
import {
  type BundleInfo,
  type Device,
  type EncodedPicture,
  type Methods,
  type Progress,
  type Segmentation,
  Segmenter,
  type SegmentOptions,
  type Timing,
} from 'wordmask';
import { sourceOf } from './catalogue.js';
import { engineWorker } from './engine-worker.js';
import { knownBackground, type LookUp, sortWords } from './known-words.js';
import type { Ready, Shelf } from './shelf.js';
import type { Source } from './sources.js';
import type { DeviceChoice, segmentOptions } from './state.js';

/** A model on a device. */
export interface Choice {
  readonly device: DeviceChoice;
  /** The address of its folder, or its id in the browser's storage. */
  readonly model: string;
}

/** What is wanted right now; asked for at each step, so that it is never out of date. */
export interface Wanted extends Choice {
  readonly words: readonly string[];
  readonly options: ReturnType<typeof segmentOptions>;
}

export interface WorkEvents {
  wanted(): Wanted;
  /** @param loaded Whether the model is there, so that what is fetched is for new words. */
  busy(progress: Progress, loaded: boolean): void;
  /** The work came to rest: done, stopped by the user, or failed. */
  rest(how: 'done' | 'stopped' | { failed: unknown }): void;
  /** The model is there. It does this where it is not told. */
  loaded(methods: Methods, info: BundleInfo, model: string): void;
  /** A model has been loaded, for which the engines at these addresses may be needed. */
  started(engineUrls: readonly string[]): void;
  /** What is to be seen: the chosen picture, and its masks once there are some, coarse ones first. */
  show(source: Source | null, masks: Segmentation | null): void;
  ready(device: Device, info: BundleInfo, timing: Timing | null): void;
  /** The vision tower ran. */
  encoded(): void;
  /** The wanted model or device could not be had; these go on. */
  kept(choice: Choice): void;
}

/** A step under way, with the means to stop it. */
interface Step<T> {
  readonly promise: Promise<T>;
  readonly stop: AbortController;
}

interface Loading extends Step<Segmenter> {
  readonly choice: Choice;
}

interface Loaded {
  readonly choice: Choice;
  readonly segmenter: Segmenter;
}

/** A picture that the engine has read; with what it saw, unless the source shows that already. */
interface Read {
  readonly picture: EncodedPicture;
  /** The masks that were made of it before it was last left. */
  readonly ready: Ready | null;
  readonly pixels: ImageBitmap | null;
}

interface Encoding extends Step<Read> {
  readonly source: Source;
}

interface Encoded {
  readonly source: Source;
  readonly picture: EncodedPicture;
}

/** Masks of a picture. */
interface Shown {
  readonly source: Source;
  readonly masks: Segmentation;
  /** The word of each class, as it was typed. */
  readonly words: readonly string[];
  /** Whether they are an early answer, to be sharpened. */
  readonly coarse: boolean;
  /** What they answer. */
  readonly asked: string;
  /** Whether they come from the shelf, so that they need not be made again if they answer what is asked. */
  readonly shelved: boolean;
}

/** What the engine is asked of any picture, and the same as a key. */
export interface Question {
  readonly words: readonly string[];
  readonly options: Omit<SegmentOptions, 'signal' | 'onProgress' | 'onPartial'>;
  readonly key: string;
}

/** Stops a step that nobody waits for any more, and frees its result should it still come. */
function abandon<T>(step: Step<T> | null, free: (result: T) => unknown): null {
  step?.stop.abort();
  step?.promise.then(free).catch(() => {});
  return null;
}

const same = (a: Choice, b: Choice): boolean => a.device === b.device && a.model === b.model;
const close = (segmenter: Segmenter): Promise<void> => segmenter.close();
const discard = ({ picture, ready, pixels }: Read): void => {
  picture.free();
  ready?.masks?.free();
  pixels?.close();
};

/** What the engine saw. */
async function pixelsOf(picture: EncodedPicture): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(await picture.toImageData());
  } catch (error) {
    picture.free();
    throw error;
  }
}

export class Work {
  readonly #events: WorkEvents;
  /** Where pictures that are left wait to be shown again. */
  readonly #shelf: Shelf;
  /** The run under way, or the last one. A newer run, and Stop, abort it. */
  #job = new AbortController();
  #loading: Loading | null = null;
  #loaded: Loaded | null = null;
  #encoding: Encoding | null = null;
  /** The last picture that went well; shown again should a newer one fail. */
  #encoded: Encoded | null = null;
  #masks: Shown | null = null;
  /** The picture that was chosen last. */
  #source: Source | null = null;

  constructor(events: WorkEvents, shelf: Shelf) {
    this.#events = events;
    this.#shelf = shelf;
  }

  get source(): Source | null {
    return this.#source;
  }

  /** The masks of the picture on the stage. */
  get masks(): Segmentation | null {
    return this.#masks !== null && this.#masks.source === this.#source ? this.#masks.masks : null;
  }

  /** The words that these masks answer, one for each class: those that the model knows. */
  get answered(): readonly string[] {
    return this.masks === null ? [] : (this.#masks?.words ?? []);
  }

  /** Whether these masks are an early answer, to be sharpened. */
  get coarse(): boolean {
    return this.masks !== null && this.#masks?.coarse === true;
  }

  /** The picture on the stage once it has been encoded. */
  get picture(): EncodedPicture | null {
    const encoded = this.#encoded;
    return encoded !== null && encoded.source === this.#source ? encoded.picture : null;
  }

  /** Whether the model knows a word; `null` before there is one. */
  get lookUp(): LookUp | null {
    const segmenter = this.#loaded?.segmenter;
    return segmenter === undefined ? null : (word) => segmenter.knows(word);
  }

  /** The model that is loaded. */
  get segmenter(): Segmenter | null {
    return this.#loaded?.segmenter ?? null;
  }

  /** What is asked of every picture now. */
  question(segmenter: Segmenter): Question {
    const { words: typed, options: chosen } = this.#events.wanted();
    const lookUp: LookUp = (word) => segmenter.knows(word);
    const words = sortWords(typed, lookUp).known;
    const options = { ...chosen, background: knownBackground(chosen.background, lookUp) };
    return { words, options, key: JSON.stringify([words, options]) };
  }

  /** Takes a new picture and runs. */
  open(source: Source): Promise<void> {
    const before = this.#source;
    this.#source = source;
    this.#events.show(source, null);
    // Unless it may have to be shown again.
    if (before !== this.#encoded?.source && before !== this.#masks?.source) before?.close();
    return this.run();
  }

  /** Stops whatever goes on. What was finished stays. */
  stop(): void {
    this.#job.abort();
    this.#loading = abandon(this.#loading, close);
    this.#encoding = abandon(this.#encoding, discard);
    this.#keepChoice();
    this.#events.rest('stopped');
  }

  /** Does whatever is missing for what is wanted now. Never rejects: the events tell how it went. */
  async run(): Promise<void> {
    this.#job.abort();
    const job = new AbortController();
    this.#job = job;
    try {
      const segmenter = await this.#load();
      if (job.signal.aborted) return;
      const encoded = await this.#encode(segmenter);
      if (job.signal.aborted) return;
      if (encoded !== null) await this.#segment(segmenter, encoded, job.signal);
      if (job.signal.aborted) return;
      this.#events.ready(segmenter.device, segmenter.info, this.masks?.timing ?? null);
      this.#events.rest('done');
    } catch (error) {
      if (job.signal.aborted) return;
      this.#keepChoice();
      this.#events.rest({ failed: error });
    }
  }

  /** Where something else was wanted but did not come, the choice goes back to what works. */
  #keepChoice(): void {
    if (this.#loaded !== null && !same(this.#loaded.choice, this.#events.wanted())) {
      this.#events.kept(this.#loaded.choice);
    }
  }

  async #load(): Promise<Segmenter> {
    const { device, model } = this.#events.wanted();
    const choice: Choice = { device, model };
    if (this.#loading !== null && !same(this.#loading.choice, choice)) {
      this.#loading = abandon(this.#loading, close);
    }
    if (this.#loaded !== null && same(this.#loaded.choice, choice)) return this.#loaded.segmenter;
    this.#loading ??= this.#startLoading(choice);
    const loading = this.#loading;
    try {
      const segmenter = await loading.promise;
      if (this.#loading === loading) {
        // Only now: had the new one failed, the old one would go on.
        this.#encoding = abandon(this.#encoding, discard);
        this.#shelf.clear();
        void this.#loaded?.segmenter.close();
        this.#loaded = { choice, segmenter };
        this.#encoded = null;
        this.#events.loaded(segmenter.methods, segmenter.info, model);
        this.#events.started(segmenter.engineUrls);
      }
      return segmenter;
    } finally {
      if (this.#loading === loading) this.#loading = null;
    }
  }

  #startLoading(choice: Choice): Loading {
    const stop = new AbortController();
    const onProgress = this.#progress(stop.signal, false);
    onProgress({ phase: 'prepare' });
    const promise = Segmenter.load(sourceOf(choice.model), {
      device: choice.device,
      workerUrl: engineWorker(),
      signal: stop.signal,
      onProgress,
    });
    return { choice, stop, promise };
  }

  async #encode(segmenter: Segmenter): Promise<Encoded | null> {
    const source = this.#source;
    if (source === null || this.#encoded?.source === source) return this.#encoded;
    if (this.#encoding?.source !== source) {
      this.#encoding = abandon(this.#encoding, discard);
      this.#encoding = this.#startEncoding(segmenter, source);
    }
    const encoding = this.#encoding;
    try {
      const { picture, ready, pixels } = await encoding.promise;
      if (this.#encoding === encoding) {
        this.#leave();
        this.#encoded = { source, picture };
        if (ready !== null && ready.masks !== null) this.#show(source, ready, ready.masks);
        if (pixels !== null) source.settle(pixels);
        // Unless another picture has been chosen meanwhile.
        if (this.#source === source) this.#events.show(source, this.masks);
        this.#events.encoded();
      }
    } catch (error) {
      if (this.#encoding === encoding) this.#goBack();
      throw error;
    } finally {
      if (this.#encoding === encoding) this.#encoding = null;
    }
    return this.#encoded;
  }

  #startEncoding(segmenter: Segmenter, source: Source): Encoding {
    const stop = new AbortController();
    const onProgress = this.#progress(stop.signal);
    onProgress({ phase: 'encode', done: 0, total: 1 });
    const { method } = this.#events.wanted().options;
    const read = async (): Promise<Read> => {
      const ready = this.#shelf.take(source.file);
      const picture =
        ready?.picture ??
        (await segmenter.encode(source.file, { method, signal: stop.signal, onProgress }));
      return { picture, ready, pixels: source.settled ? null : await pixelsOf(picture) };
    };
    return { source, stop, promise: read() };
  }

  /** Puts the picture that was shown on the shelf, with its masks, if they are more than an early answer. */
  #leave(): void {
    if (this.#encoded === null) return;
    const { source, picture } = this.#encoded;
    source.close();
    const masks = this.#masks;
    const own = masks !== null && masks.source === source && !masks.coarse ? masks : null;
    if (own !== null) this.#masks = null;
    const { masks: made = null, words = [], asked = '' } = own ?? {};
    this.#shelf.put(source.file, { picture, masks: made, words, asked });
  }

  /** Shows the masks that a picture had when it was left. */
  #show(source: Source, { words, asked }: Ready, masks: Segmentation): void {
    this.#masks?.masks.free();
    this.#masks = { source, masks, words, coarse: false, asked, shelved: true };
  }

  /** After a picture that failed: the one before is shown again, with its masks. */
  #goBack(): void {
    this.#source = this.#encoded?.source ?? this.#masks?.source ?? null;
    this.#events.show(this.#source, this.masks);
  }

  async #segment(
    segmenter: Segmenter,
    { source, picture }: Encoded,
    signal: AbortSignal,
  ): Promise<void> {
    const { words, options, key: asked } = this.question(segmenter);
    const before = this.#masks;
    if (before?.shelved && before.source === source && before.asked === asked) {
      this.#masks = { ...before, shelved: false };
      return;
    }
    const about = { source, words, asked, shelved: false };
    let masks: Segmentation | null = null;
    if (words.length > 0) {
      const onProgress = this.#progress(signal);
      onProgress({ phase: 'segment', done: 0, total: 1 });
      masks = await picture.segment(words, {
        ...options,
        signal,
        onProgress,
        onPartial: (early) => this.#take({ ...about, masks: early, coarse: true }),
      });
    }
    if (signal.aborted) masks?.free();
    else this.#take(masks && { ...about, masks, coarse: false });
  }

  /** Coarse masks are kept like any: should the run be stopped, they stay. */
  #take(next: Shown | null): void {
    this.#masks?.masks.free();
    this.#masks = next;
    this.#events.show(this.#source, this.masks);
  }

  /** Passes progress on until the step is stopped. */
  #progress(signal: AbortSignal, loaded = true): (progress: Progress) => void {
    return (progress) => {
      if (!signal.aborted) this.#events.busy(progress, loaded);
    };
  }
}
