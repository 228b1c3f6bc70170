/** The pictures that are there: one by itself, or those of the strip, which is fetched with the second. */
import type { Corrections } from './corrections.js';
import { element } from './dom.js';
import { noHistory } from './history.js';
import { type Marks, marksOf } from './state.js';
import type { Arrived, Finished, Strip, StripPage } from './strip.js';
import { t } from './texts.js';

export interface Pictures {
  /** Takes pictures in; resolves to them, under the names that they go by. */
  join(pictures: readonly Arrived[]): Promise<readonly Arrived[]>;
  /** A picture is to be shown from now on. */
  opening(picture: Arrived): void;
  /** A picture could not be opened. */
  failed(picture: Arrived, error: unknown): void;
  /** Something is done for the picture on the stage. */
  busy(): void;
  /** The work on it came to rest. */
  rest(how: 'done' | 'stopped' | { readonly failed: unknown }): void;
  /** What the user had made of a picture when it was left, which goes on from there. */
  back(file: File | null): Marks | null;
  /** Keeps what the user has made of the picture that is left. */
  leave(file: File): void;
  /** Takes what was made of a picture at an earlier visit. */
  remember(file: File, corrections: Corrections): void;
  /** Brings back the pictures that were around the one of an earlier visit. */
  restore(): void;
  /** A picture of the strip is shown, which has steps of its own, or none yet. */
  turn(file: File): void;
  /** All pictures, if there are several and they are wanted together. */
  together(): ((signal: AbortSignal) => AsyncIterable<Finished>) | null;
}

export function createPictures(page: Omit<StripPage, 'marks' | 'changed'>): Pictures {
  const field = element('all-field', HTMLElement);
  const all = element('all', HTMLInputElement);
  const marks = new WeakMap<File, Marks>();
  let current: Arrived | null = null;
  let strip: Strip | null = null;
  /** One after the other, so that pictures stay in the order in which they came. */
  let queue: Promise<unknown> = Promise.resolve();

  const changed = (): void => {
    field.hidden = strip === null || strip.size < 2;
    const now = [...(strip?.pictures ?? [])];
    void import('./several.js').then(({ keepStrip }) => keepStrip(now));
    element('all-text', HTMLElement).textContent = t.strip.together;
  };
  /** @param first The picture on the stage, with those around it. */
  const begin = async (first: readonly Arrived[]): Promise<Strip> => {
    const { Strip } = await import('./several.js');
    const begun = new Strip({ ...page, marks: (file) => marks.get(file), changed });
    strip = begun;
    if (current !== null) {
      begun.add(first);
      begun.choose(current.file);
      if (!page.busy()) begun.rested('done');
    }
    return begun;
  };
  const join = async (pictures: readonly Arrived[]): Promise<readonly Arrived[]> => {
    if (strip === null && pictures.length < 2 && replaces(pictures)) return pictures;
    // Who brings several wants something of all; who adds one looks at that one.
    if (pictures.length > 1) all.checked = true;
    return (strip ?? (await begin(current === null ? [] : [current]))).add(pictures);
  };
  /** The others of an earlier visit, around the one that has come back already. */
  const restore = async (): Promise<void> => {
    const { keptStrip } = await import('./several.js');
    const kept = await keptStrip();
    const own = current;
    const at = kept.findIndex(({ file }) => file.name === own?.file.name);
    if (own === null || strip !== null || at < 0 || kept.length < 2) return;
    for (const { file, corrections } of kept) {
      if (corrections !== null) marks.set(file, { corrections, history: noHistory });
    }
    await begin(kept.map((member, place) => (place === at ? own : member)));
  };
  /** Where there is nothing yet, or a scene after a scene, which is had again by a click, nothing is lost. */
  const replaces = ([next]: readonly Arrived[]): boolean => {
    if (current === null) return true;
    return current.scene && next?.scene === true && page.store.state().corrections === null;
  };

  return {
    join(pictures) {
      const joined = queue.then(() => join(pictures));
      queue = joined.catch(() => {});
      return joined;
    },
    opening(picture) {
      current = picture;
      strip?.choose(picture.file);
    },
    failed(picture, error) {
      if (current === picture) current = null;
      strip?.failed(picture.file, error);
    },
    busy: () => strip?.pause(),
    rest(how) {
      if (typeof how !== 'string' && page.shown() === null) current = null;
      strip?.rested(how);
    },
    back(file) {
      const found = file === null ? undefined : marks.get(file);
      if (file !== null) marks.delete(file);
      return found ?? null;
    },
    leave(file) {
      const made = marksOf(page.store.state());
      marks.set(file, made);
      if (strip === null) return;
      void import('./several.js').then(({ keepOfStrip }) => keepOfStrip(file, made.corrections));
    },
    restore() {
      queue = queue.then(restore).catch(() => {});
    },
    remember: (file, corrections) => void marks.set(file, { corrections, history: noHistory }),
    turn(file) {
      if (!marks.has(file)) marks.set(file, { corrections: null, history: noHistory });
    },
    together() {
      const own = strip;
      if (own === null || own.size < 2 || !all.checked) return null;
      return (signal) => own.finished(signal);
    },
  };
}
