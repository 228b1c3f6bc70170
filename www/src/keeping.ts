/** Picture, words and corrections for the next visit: kept as they change, shown to be kept, and forgotten at a click. */
import { writeAddress } from './address.js';
import { element } from './dom.js';
import {
  forgetPicture,
  type KeptPicture,
  type KeptWords,
  keepCorrections,
  keepPicture,
  keepWords,
  newId,
} from './kept-picture.js';
import type { Source } from './sources.js';
import type { Store } from './state.js';

export interface Keeping {
  /** Keeps the picture that is on the stage now. */
  keep(source: Source): void;
  /** Says that this picture is the one that is kept, under this id. */
  found(source: Source, id: string): void;
}

/** @param current The picture on the stage. */
export function createKeeping(store: Store, current: () => Source | null): Keeping {
  const note = element('kept', HTMLElement);
  let kept: { readonly source: Source; readonly picture: KeptPicture } | null = null;
  let forgotten = false;
  /** One thing after the other, so that what is newest stays. */
  let queue: Promise<unknown> = Promise.resolve();
  const next = (step: () => Promise<void>): void => {
    queue = queue.then(() => (forgotten ? undefined : step()));
  };
  const words = (): KeptWords => {
    const { words, wordsFromSample } = store.state();
    return { words, wordsFromSample };
  };
  const keptAs = (source: Source, id: string) => {
    return { source, picture: { id, file: source.file, scene: source.scene } };
  };

  store.subscribe((now, before) => {
    const own = kept;
    if (own === null || now.words === before.words) return;
    next(async () => {
      // The words that come with a picture come before it, and are not those of the one it follows.
      if (own.source === current()) await keepWords(own.picture, words());
    });
  });
  store.subscribe((now, before) => {
    const own = kept;
    if (own === null || own.source !== current() || now.corrections === before.corrections) return;
    next(() => keepCorrections(own.picture, now.corrections));
  });
  element('forget', HTMLButtonElement).addEventListener('click', () => {
    const forget = async (): Promise<void> => {
      forgotten = true;
      await forgetPicture();
      // A page anew has nothing of the picture in its memory either.
      location.replace(writeAddress(new URL(location.href), { ...store.state(), words: [] }));
    };
    next(forget);
  });
  return {
    keep(source) {
      if (kept?.source === source) return;
      const own = keptAs(source, newId());
      const { corrections } = store.state();
      kept = own;
      next(async () => {
        const done = await keepPicture(own.picture, words());
        await keepCorrections(own.picture, corrections);
        if (kept === own) note.hidden = !done;
      });
    },
    found(source, id) {
      kept = keptAs(source, id);
      note.hidden = false;
    },
  };
}
