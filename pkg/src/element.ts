import {
  type EncodedPicture,
  type PictureSource,
  type Progress,
  type Segmentation,
  type SegmentOptions,
  WordmaskError,
} from './index.js';
import { Kept } from './kept.js';
import { keyOf, type Lease, lease, type SharedLoadOptions } from './shared.js';
import { View } from './view.js';
import { splitWords } from './words.js';

/** What a `<word-mask>` tells, beside what every element does. */
export interface WordMaskEventMap {
  /** Bytes or steps of what is under way. */
  progress: CustomEvent<Progress>;
  /** The masks, which are on show as well. */
  result: CustomEvent<Segmentation>;
  /** Why there are none: a `WordmaskError`, or what the browser threw. */
  error: CustomEvent<unknown>;
}

type WordMaskListener<Type extends keyof WordMaskEventMap> = (
  this: WordMask,
  event: WordMaskEventMap[Type],
) => unknown;

/** Where there is no page, such as on a server that renders, the module still loads. */
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/**
 * `<word-mask src words model>`: a picture with a mask for each word.
 *
 * Attributes and properties are the same: `src` is the address of the picture, `words` are words
 * with commas between them, `model` is the address of a bundle, `alt` says what the picture shows,
 * `opacity` is that of the masks, 0 to 1. Elements with the same model share one engine.
 */
export class WordMask extends Base {
  static readonly observedAttributes = ['src', 'words', 'model', 'alt', 'opacity'];

  #loadOptions: SharedLoadOptions = {};
  #segmentOptions: Omit<SegmentOptions, 'signal' | 'onProgress' | 'onPartial'> = {};
  #result: Segmentation | null = null;
  #source: PictureSource | null = null;
  /** Tells one source from the next. */
  #sourceNumber = 0;
  #isDue = false;
  /** Stops what is done for the words; the model and the picture are kept for the next words. */
  #run: AbortController | undefined;
  readonly #lease = new Kept<Lease>((held) => held.release());
  readonly #picture = new Kept<EncodedPicture>((picture) => picture.free());
  #view: View | undefined;

  /** The address of the picture. */
  get src(): string {
    return this.getAttribute('src') ?? '';
  }

  set src(value: string) {
    this.setAttribute('src', value);
  }

  /** A picture that has no address, such as a `File`; goes before `src`. */
  get picture(): PictureSource | null {
    return this.#source;
  }

  set picture(value: PictureSource | null | undefined) {
    if ((value ?? null) === this.#source) return;
    this.#source = value ?? null;
    this.#sourceNumber++;
    this.#schedule();
  }

  /** The words, with commas between them; one class may have several names, `tv/monitor`. */
  get words(): string {
    return this.getAttribute('words') ?? '';
  }

  set words(value: string | readonly string[]) {
    this.setAttribute('words', typeof value === 'string' ? value : value.join(', '));
  }

  /** The address of a bundle. */
  get model(): string {
    return this.getAttribute('model') ?? '';
  }

  set model(value: string) {
    this.setAttribute('model', value);
  }

  /** What the picture shows, for those who do not see it. */
  get alt(): string {
    return this.getAttribute('alt') ?? '';
  }

  set alt(value: string) {
    this.setAttribute('alt', value);
  }

  /** The opacity of the masks, 0 to 1. */
  get opacity(): number {
    const given = Number.parseFloat(this.getAttribute('opacity') ?? '');
    return given >= 0 && given <= 1 ? given : 0.6;
  }

  set opacity(value: number) {
    this.setAttribute('opacity', String(value));
  }

  /** How the model is loaded, such as `{ device: 'cpu' }`. */
  get loadOptions(): SharedLoadOptions {
    return this.#loadOptions;
  }

  set loadOptions(value: SharedLoadOptions | undefined) {
    this.#loadOptions = value ?? {};
    this.#schedule();
  }

  /** How the picture is segmented, such as `{ background: 'none' }`. */
  get segmentOptions(): Omit<SegmentOptions, 'signal' | 'onProgress' | 'onPartial'> {
    return this.#segmentOptions;
  }

  set segmentOptions(value:
    | Omit<SegmentOptions, 'signal' | 'onProgress' | 'onPartial'>
    | undefined) {
    this.#segmentOptions = value ?? {};
    this.#schedule();
  }

  /**
   * The masks on show. Freed when the next ones are there or the element leaves the page; `labels`,
   * `classes` and `toImageData` stay of use.
   */
  get result(): Segmentation | null {
    return this.#result;
  }

  connectedCallback(): void {
    this.#view ??= new View(this);
    this.#view.describe(this.alt);
    this.#schedule();
  }

  disconnectedCallback(): void {
    // An element that is moved is out of the page for a moment, and then goes on.
    queueMicrotask(() => {
      if (!this.isConnected) this.#stop();
    });
  }

  attributeChangedCallback(name: string, before: string | null, value: string | null): void {
    if (before === value) return;
    if (name === 'alt') this.#view?.describe(this.alt);
    else if (name === 'opacity') this.#paint();
    else this.#schedule();
  }

  override addEventListener<Type extends keyof WordMaskEventMap>(
    type: Type,
    listener: WordMaskListener<Type>,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener<Type extends keyof HTMLElementEventMap>(
    type: Type,
    listener: (this: HTMLElement, event: HTMLElementEventMap[Type]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    ...given: [string, EventListenerOrEventListenerObject, (boolean | AddEventListenerOptions)?]
  ): void {
    super.addEventListener(...given);
  }

  override removeEventListener<Type extends keyof WordMaskEventMap>(
    type: Type,
    listener: WordMaskListener<Type>,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener<Type extends keyof HTMLElementEventMap>(
    type: Type,
    listener: (this: HTMLElement, event: HTMLElementEventMap[Type]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    ...given: [string, EventListenerOrEventListenerObject, (boolean | EventListenerOptions)?]
  ): void {
    super.removeEventListener(...given);
  }

  /** Several changes at once make one run. */
  #schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.isConnected) void this.#update();
    });
  }

  async #update(): Promise<void> {
    this.#run?.abort();
    const run = new AbortController();
    this.#run = run;
    this.#view?.begin(this.#pictureKey, this.#source ? '' : this.src);
    try {
      await this.#segment(run.signal);
    } catch (error) {
      if (run.signal.aborted) return;
      this.#view?.fail(error instanceof Error ? error.message : String(error));
      this.dispatchEvent(new CustomEvent('error', { detail: error }));
    } finally {
      if (!run.signal.aborted) this.#view?.rest();
    }
  }

  async #segment(signal: AbortSignal): Promise<void> {
    if (this.model === '') this.#lease.clear();
    if (this.#pictureKey === '' || this.model === '') {
      this.#picture.clear();
      this.#take(null);
      return;
    }
    const picture = await this.#encoded();
    signal.throwIfAborted();
    const words = splitWords(this.words);
    const options = { ...this.#segmentOptions, signal, onProgress: this.#report };
    this.#take(words.length > 0 ? await picture.segment(words, options) : null);
  }

  /** Equal as long as the picture is the same; empty if there is none. */
  get #pictureKey(): string {
    return this.#source ? `picture ${this.#sourceNumber}` : this.src;
  }

  /** The picture in the engine of `model`, as both are now. */
  #encoded(): Promise<EncodedPicture> {
    const model = resolved(this.model, 'model', this.baseURI);
    const source = this.#source ?? resolved(this.src, 'src', this.baseURI);
    const options = this.#loadOptions;
    const engine = keyOf(model, options);
    const acquire = (signal: AbortSignal) => acquired(lease(model, options, this.#report), signal);
    const encode = async (signal: AbortSignal): Promise<EncodedPicture> => {
      // Both are on their way at once.
      const [held, given] = await Promise.all([
        this.#lease.get(engine, acquire),
        typeof source === 'string' ? fetchPicture(source, signal) : source,
      ]);
      const segmenter = await held.segmenter;
      const picture = await segmenter.encode(given, { signal, onProgress: this.#report });
      const pixels = await picture.toImageData();
      if (!signal.aborted) this.#view?.show(pixels);
      return picture;
    };
    return this.#picture.get(`${engine}\n${this.#pictureKey}`, encode);
  }

  readonly #report = (progress: Progress): void => {
    this.#view?.report(progress);
    this.dispatchEvent(new CustomEvent('progress', { detail: progress }));
  };

  #take(result: Segmentation | null): void {
    this.#result?.free();
    this.#result = result;
    this.#view?.list(result?.classes ?? []);
    this.#paint();
    if (result) this.dispatchEvent(new CustomEvent('result', { detail: result }));
  }

  #paint(): void {
    const masks = this.#result?.toImageData({ opacity: this.opacity });
    this.#view?.paint(masks);
  }

  #stop(): void {
    this.#run?.abort();
    this.#picture.clear();
    this.#lease.clear();
    this.#result?.free();
  }
}

/** An address as the page means it. */
function resolved(address: string, attribute: string, base: string): string {
  try {
    return new URL(address, base).href;
  } catch (cause) {
    throw new WordmaskError('input', `"${attribute}" is no address: ${address}.`, { cause });
  }
}

/** A lease whose segmenter is loaded; one that fails or is not wanted any more is given back. */
async function acquired(held: Lease, signal: AbortSignal): Promise<Lease> {
  signal.addEventListener('abort', () => held.release(), { once: true });
  try {
    await held.segmenter;
    return held;
  } catch (error) {
    held.release();
    throw error;
  }
}

async function fetchPicture(src: string, signal: AbortSignal): Promise<Blob> {
  let problem: string;
  try {
    const response = await fetch(src, { signal });
    if (response.ok) return await response.blob();
    problem = `the server answered ${response.status}`;
  } catch (error) {
    signal.throwIfAborted();
    problem = error instanceof Error ? error.message : String(error);
  }
  throw new WordmaskError(
    'network',
    `The picture ${src} could not be downloaded (${problem}). Check the address; a server of another origin has to let this page read it (CORS).`,
  );
}

declare global {
  interface HTMLElementTagNameMap {
    'word-mask': WordMask;
  }
}

if (globalThis.customElements && !customElements.get('word-mask')) {
  customElements.define('word-mask', WordMask);
}
