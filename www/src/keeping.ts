/** Picture and words for the next visit: kept as they change, shown to be kept, and forgotten at a click. */
import { writeAddress } from './address.js';
import { element } from './dom.js';
import { type About, forgetPicture, keepAbout, keepPicture } from './kept-picture.js';
import type { Source } from './sources.js';
import type { Store } from './state.js';

export interface Keeping {
  /** Keeps the picture that is on the stage now. */
  keep(source: Source): void;
  /** Says that this picture is the one that is kept. */
  found(source: Source): void;
}

export function createKeeping(store: Store): Keeping {
  const note = element('kept', HTMLElement);
  let kept: Source | null = null;
  let forgotten = false;
  /** One thing after the other, so that what is newest stays. */
  let queue: Promise<unknown> = Promise.resolve();
  const next = (step: () => Promise<void>): void => {
    queue = queue.then(() => (forgotten ? undefined : step()));
  };
  const about = (source: Source): About => {
    const { words, wordsFromSample } = store.state();
    return { scene: source.scene, words, wordsFromSample };
  };

  store.subscribe((now, before) => {
    const source = kept;
    if (source !== null && now.words !== before.words) next(() => keepAbout(about(source)));
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
      if (kept === source) return;
      kept = source;
      next(async () => {
        const done = await keepPicture(source.file, about(source));
        if (kept === source) note.hidden = !done;
      });
    },
    found(source) {
      kept = source;
      note.hidden = false;
    },
  };
}
