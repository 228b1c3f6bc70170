/**
 * Several pictures: a strip of thumbnails to choose from, and the work on those that are not shown. Fetched with the
 * second picture.
 */
import type { Segmentation, Segmenter } from 'wordmask';
import { prepare } from './batch.js';
import { applied } from './corrections.js';
import { element, make } from './dom.js';
import { form, number } from './formats.js';
import { inks, type Painted, paint } from './paint.js';
import { free, type Ready, type Shelf } from './shelf.js';
import { type Marks, type Store, shorten } from './state.js';
import { t } from './texts.js';
import type { Question } from './work.js';

/** The longer side of a thumbnail, in pixels of its canvas. */
const THUMB = 144;

/** A picture that came in. */
export interface Arrived {
  readonly file: File;
  readonly scene: boolean;
}

/** What the strip needs of the page. */
export interface StripPage {
  readonly store: Store;
  readonly shelf: Shelf;
  segmenter(): Segmenter | null;
  question(segmenter: Segmenter): Question;
  /** The picture on the stage. */
  shown(): File | null;
  /** Its masks with all corrections. */
  masks(): Promise<Segmentation | null>;
  /** Whether something is done for the picture on the stage; nothing else is done then. */
  busy(): boolean;
  /** What the user has made of a picture that is not shown. */
  marks(file: File): Marks | undefined;
  /** Shows a picture. */
  open(picture: Arrived): void;
  /** There are more pictures, or fewer. */
  changed(): void;
  /** Does once more what was stopped for the picture on the stage. */
  again(): void;
  say(text: string): void;
}

type Condition =
  | { readonly is: 'waiting' | 'working' }
  /** @param asked What its masks answer. */
  | { readonly is: 'done'; readonly asked: string }
  | { readonly is: 'failed'; readonly reason: string };

interface Item extends Arrived {
  readonly option: HTMLLIElement;
  readonly canvas: HTMLCanvasElement;
  thumb: ImageBitmap | null;
  condition: Condition;
}

/** A picture with its masks, for a file of all. */
export interface Finished {
  readonly name: string;
  readonly masks: Segmentation;
  /** Says that they are of no more use here. */
  release(): void;
}

export class Strip {
  readonly #page: StripPage;
  readonly #items: Item[] = [];
  readonly #box = make('div', 'strip');
  readonly #list = make('ul');
  readonly #progress = make('p', 'quiet');
  readonly #go = make('button', 'button small');
  readonly #remove = make('button', 'button small');
  /** What is done in the background, with the means to stop it. */
  #job: AbortController | null = null;
  #stopped = false;
  #exporting = 0;
  /** The picture that was chosen last, shown already or not. */
  #chosen: File | null = null;
  /** What waits for the work on the stage to come to rest. */
  readonly #waiting: (() => void)[] = [];
  #thumbs: Promise<void> = Promise.resolve();
  #made = 0;

  constructor(page: StripPage) {
    this.#page = page;
    page.shelf.want((file) => this.#item(file) !== undefined);
    this.#list.role = 'listbox';
    this.#list.tabIndex = 0;
    this.#list.ariaOrientation = 'horizontal';
    this.#list.addEventListener('keydown', (event) => this.#key(event));
    this.#list.addEventListener('click', ({ target }) => {
      const item = this.#items.find(
        ({ option }) => target instanceof Node && option.contains(target),
      );
      if (item !== undefined) this.#choose(item);
    });
    for (const button of [this.#go, this.#remove]) button.type = 'button';
    this.#go.id = 'strip-go';
    this.#remove.id = 'strip-remove';
    this.#progress.id = 'strip-progress';
    this.#go.addEventListener('click', () => this.#toggle());
    this.#remove.addEventListener('click', () => this.#removeChosen());
    const head = make('div', 'strip-head');
    head.append(this.#progress, this.#go, this.#remove);
    this.#box.id = 'strip';
    this.#box.append(head, this.#list);
    element('stage', HTMLElement).parentElement?.after(this.#box);
    page.store.subscribe((now, before) => {
      if (now.language !== before.language) this.renew();
      if (now.view.opacity !== before.view.opacity || now.view.hidden !== before.view.hidden)
        for (const item of this.#items) this.#paint(item);
    });
  }

  /** How many pictures there are. */
  get size(): number {
    return this.#items.length;
  }

  /** The pictures in their order. */
  get pictures(): readonly Arrived[] {
    return this.#items;
  }

  /** Takes pictures in, behind those that are there. Two never go by the same name, since files are named by it. */
  add(pictures: readonly Arrived[]): readonly Arrived[] {
    const added = pictures.map(({ file, scene }) => this.#put({ file: this.#named(file), scene }));
    this.renew();
    return added;
  }

  /** Says which picture is to be shown. */
  choose(file: File): void {
    this.#chosen = file;
    this.#mark();
  }

  /** Something is done for the picture on the stage: the others wait. */
  pause(): void {
    this.#job?.abort();
    this.#job = null;
    const item = this.#item(this.#chosen);
    if (item !== undefined && item.condition.is !== 'working') this.#set(item, { is: 'working' });
  }

  /** The work on the picture on the stage came to rest; now it is the turn of the others. */
  rested(how: 'done' | 'stopped' | { readonly failed: unknown }): void {
    // What fails is what was to be shown; what is done is shown, and another one may have been chosen meanwhile.
    const file = typeof how === 'string' ? this.#page.shown() : this.#chosen;
    const item = this.#item(file);
    const segmenter = this.#page.segmenter();
    if (item !== undefined && segmenter !== null) {
      if (how === 'done') {
        this.#set(item, { is: 'done', asked: this.#page.question(segmenter).key });
        void this.#paintShown(item);
      } else if (how === 'stopped') {
        this.#stopped = true;
        this.#set(item, { is: 'waiting' });
      } else this.#set(item, { is: 'failed', reason: reasonOf(how.failed) });
    }
    const shown = this.#page.shown();
    if (typeof how !== 'string' && shown !== file) this.#afterFailure(shown);
    for (const resolve of this.#waiting.splice(0)) resolve();
    void this.#pump();
  }

  /** A picture could not even be opened. */
  failed(file: File, error: unknown): void {
    const item = this.#item(file);
    if (item === undefined) return;
    this.#set(item, { is: 'failed', reason: reasonOf(error) });
    this.#afterFailure(this.#page.shown());
    void this.#pump();
  }

  /** Every picture with its masks and corrections, made where they are not there. What failed is left out. */
  async *finished(signal: AbortSignal): AsyncGenerator<Finished> {
    this.#job?.abort();
    this.#job = null;
    this.#exporting += 1;
    try {
      if (this.#page.busy()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      for (const item of this.#items.filter(({ condition }) => condition.is !== 'failed')) {
        signal.throwIfAborted();
        const finished = await this.#finish(item, signal);
        if (finished !== null) yield finished;
      }
    } finally {
      this.#exporting -= 1;
      void this.#pump();
    }
  }

  async #finish(item: Item, signal: AbortSignal): Promise<Finished | null> {
    const { file } = item;
    const { name } = file;
    if (file === this.#page.shown()) {
      const masks = await this.#page.masks();
      return masks && { name, masks, release: () => {} };
    }
    const segmenter = this.#page.segmenter();
    const ready = await this.#prepared(item, signal).catch((error: unknown) => {
      if (signal.aborted) throw error;
      this.#set(item, { is: 'failed', reason: reasonOf(error) });
    });
    if (ready === undefined) return null;
    this.#set(item, { is: 'done', asked: ready.asked });
    const { masks } = ready;
    const back = () => this.#shelve(item, ready, segmenter);
    if (masks === null) {
      back();
      return null;
    }
    const corrections = this.#page.marks(file)?.corrections ?? null;
    if (corrections === null) return { name, masks, release: back };
    const corrected = await masks.withLabels(applied(masks, corrections));
    const release = (): void => {
      corrected.free();
      back();
    };
    return { name, masks: corrected, release };
  }

  /** Says everything in the language that is in use now. */
  renew(): void {
    this.#list.ariaLabel = t.strip.area;
    this.#remove.textContent = t.strip.remove;
    for (const item of this.#items) this.#tell(item);
    this.#count();
    this.#page.changed();
  }

  /** Does what is due, one picture after the other. */
  async #pump(): Promise<void> {
    if (this.#job !== null || this.#stopped || this.#exporting > 0 || this.#page.busy()) return;
    const segmenter = this.#page.segmenter();
    if (segmenter === null) return;
    const { key } = this.#page.question(segmenter);
    const next = this.#items.find((item) => item.file !== this.#page.shown() && isDue(item, key));
    if (next === undefined) return this.#count();
    const job = new AbortController();
    this.#job = job;
    this.#set(next, { is: 'working' });
    try {
      const ready = await this.#prepared(next, job.signal);
      this.#shelve(next, ready, segmenter);
      this.#set(next, { is: 'done', asked: ready.asked });
      this.#paintMasks(next, ready.masks);
    } catch (error) {
      const reason = reasonOf(error);
      this.#set(next, job.signal.aborted ? { is: 'waiting' } : { is: 'failed', reason });
    }
    if (this.#job !== job) return;
    this.#job = null;
    await this.#pump();
  }

  #prepared({ file }: Item, signal: AbortSignal) {
    const segmenter = this.#page.segmenter();
    if (segmenter === null) throw new Error(t.status.failed);
    const question = this.#page.question(segmenter);
    return prepare(file, this.#page.shelf.take(file), segmenter, question, signal);
  }

  /** Puts a picture on the shelf, unless another model has come meanwhile, which has no use for it. */
  #shelve({ file }: Item, ready: Ready, by: Segmenter | null): void {
    if (by === this.#page.segmenter()) this.#page.shelf.put(file, ready);
    else free(ready);
  }

  #toggle(): void {
    this.#stopped = !this.#stopped;
    if (this.#stopped) {
      this.#job?.abort();
      this.#job = null;
    } else {
      const shown = this.#item(this.#page.shown());
      if (shown?.condition.is === 'waiting') this.#page.again();
      else void this.#pump();
    }
    this.#count();
  }

  #put(picture: Arrived): Item {
    const option = make('li');
    const canvas = make('canvas');
    this.#made += 1;
    option.id = `strip-${this.#made}`;
    option.role = 'option';
    option.append(canvas);
    const item: Item = { ...picture, option, canvas, thumb: null, condition: { is: 'waiting' } };
    this.#items.push(item);
    this.#list.append(option);
    this.#tell(item);
    // One after the other: each is decoded as a whole.
    this.#thumbs = this.#thumbs.then(() => this.#draw(item));
    return item;
  }

  async #draw(item: Item): Promise<void> {
    const whole = await createImageBitmap(item.file).catch(() => null);
    if (whole === null || !this.#items.includes(item)) return;
    const scale = THUMB / Math.max(whole.width, whole.height);
    const side = (of: number) => Math.max(1, Math.round(of * scale));
    const [resizeWidth, resizeHeight] = [side(whole.width), side(whole.height)];
    item.thumb = await createImageBitmap(whole, {
      resizeWidth,
      resizeHeight,
      resizeQuality: 'high',
    });
    whole.close();
    this.#paint(item);
    const ready = this.#page.shelf.get(item.file);
    if (ready !== undefined) this.#paintMasks(item, ready.masks);
    else if (item.file === this.#page.shown()) await this.#paintShown(item);
  }

  async #paintShown(item: Item): Promise<void> {
    const masks = await this.#page.masks().catch(() => null);
    if (this.#page.shown() === item.file) this.#paintMasks(item, masks);
  }

  #paintMasks(item: Item, masks: Segmentation | null): void {
    const corrections = this.#page.marks(item.file)?.corrections ?? null;
    const own = masks === null || corrections === null || item.file === this.#page.shown();
    this.#paint(item, own ? masks : { ...sized(masks), labels: applied(masks, corrections) });
  }

  /** Draws a thumbnail; what it shows of the masks is all that is kept of those for which there is no room. */
  #paint({ canvas, thumb }: Item, masks: Painted | null = null): void {
    if (thumb === null) return;
    const { width, height } = thumb;
    const context = canvas.getContext('2d');
    if (context === null) return;
    canvas.width = width;
    canvas.height = height;
    context.drawImage(thumb, 0, 0);
    if (masks === null) return;
    const { labels, width: columns, height: rows, classes } = masks;
    const colors = inks(classes, { ...this.#page.store.state().view, highlight: null });
    const zoom = { scale: 1, x: 0, y: 0 };
    const pixels = paint(labels, columns, rows, width, height, colors, 1, zoom);
    const layer = new OffscreenCanvas(width, height);
    layer.getContext('2d')?.putImageData(new ImageData(pixels, width, height), 0, 0);
    context.drawImage(layer, 0, 0);
  }

  #item(file: File | null): Item | undefined {
    return this.#items.find((item) => item.file === file);
  }

  #named(file: File): File {
    const taken = new Set(this.#items.map((item) => item.file.name));
    const [, stem = '', ending = ''] =
      /^(.*?)(\.[^.]*)?$/su.exec(file.name || t.picture.unnamed) ?? [];
    for (let count = 1; ; count++) {
      const name = count === 1 ? `${stem}${ending}` : `${stem} (${count})${ending}`;
      if (!taken.has(name)) return count === 1 ? file : new File([file], name, file);
    }
  }

  #choose(item: Item): void {
    if (item.file === this.#chosen && item.condition.is !== 'failed') return;
    this.choose(item.file);
    this.#page.open(item);
  }

  #key(event: KeyboardEvent): void {
    const at = this.#items.findIndex(({ file }) => file === this.#chosen);
    const forward = getComputedStyle(this.#list).direction === 'rtl' ? -1 : 1;
    const to = new Map([
      ['ArrowLeft', at - forward],
      ['ArrowRight', at + forward],
      ['ArrowUp', at - 1],
      ['ArrowDown', at + 1],
      ['Home', 0],
      ['End', this.#items.length - 1],
    ]).get(event.key);
    if (event.key === 'Delete') this.#removeChosen();
    else if (to === undefined) return;
    event.preventDefault();
    const item = to === undefined ? undefined : this.#items[to];
    if (item !== undefined) this.#choose(item);
  }

  /** Removes the picture that is chosen; the one after it, or else before it, is shown then. */
  #removeChosen(): void {
    const at = this.#items.findIndex(({ file }) => file === this.#chosen);
    const [removed] = at < 0 || this.#items.length < 2 ? [] : this.#items.splice(at, 1);
    if (removed === undefined) return;
    removed.option.remove();
    removed.thumb?.close();
    this.#page.shelf.drop(removed.file);
    this.#page.say(t.strip.removed(shorten(removed.file.name)));
    const next = this.#items[Math.min(at, this.#items.length - 1)];
    if (next !== undefined) this.#choose(next);
    this.#count();
    this.#page.changed();
  }

  /** Shows the picture that is there, or the first one that may be shown. */
  #afterFailure(shown: File | null): void {
    const next =
      shown === null ? this.#items.find(({ condition }) => condition.is !== 'failed') : null;
    if (shown !== null) this.choose(shown);
    else if (next) this.#choose(next);
  }

  #set(item: Item, condition: Condition): void {
    item.condition = condition;
    this.#tell(item);
    this.#count();
  }

  #tell({ option, file, condition }: Item): void {
    const { is } = condition;
    const how = is === 'failed' ? t.strip.failed(condition.reason) : t.strip[is];
    option.dataset.condition = is;
    option.title = `${file.name}: ${how}`;
    option.ariaLabel = option.title;
  }

  #mark(): void {
    for (const { option, file } of this.#items) {
      const chosen = file === this.#chosen;
      option.ariaSelected = String(chosen);
      if (!chosen) continue;
      this.#list.setAttribute('aria-activedescendant', option.id);
      option.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
  }

  #count(): void {
    const segmenter = this.#page.segmenter();
    const key = segmenter === null ? '' : this.#page.question(segmenter).key;
    const failed = this.#items.filter(({ condition }) => condition.is === 'failed').length;
    const due = this.#items.filter((item) => isDue(item, key)).length;
    const all = this.#items.length;
    const told = t.strip.progress(number(all - due - failed), number(all));
    this.#progress.textContent =
      failed === 0 ? told : `${told} · ${t.strip.failures(form(failed), number(failed))}`;
    this.#go.textContent = this.#stopped ? t.strip.resume : t.strip.stop;
    this.#go.hidden = due === 0;
    this.#box.hidden = all < 2;
  }
}

function isDue({ condition }: Item, key: string): boolean {
  return condition.is === 'done' ? condition.asked !== key : condition.is !== 'failed';
}

function sized({ width, height, classes }: Painted) {
  return { width, height, classes };
}

function reasonOf(error: unknown): string {
  return shorten(error instanceof Error ? error.message : String(error), 200);
}
