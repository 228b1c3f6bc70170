/** Below the picture: what the model that is loaded cannot answer, and what to do about it. */
import { element, make } from './dom.js';
import type { UnknownWord } from './known-words.js';
import { t } from './texts.js';

/** How many replacements are offered. */
const MOST = 3;

export interface AdviceEvents {
  /** Another word in the place of one. */
  replace(word: string, by: string): void;
  /** Another model is wanted. */
  getModel(): void;
}

export interface Advice {
  /**
   * @param guess Whether the picture may be a photograph, and the model has never seen one.
   * @param noneKnown The words, where the model knows none of them; otherwise empty.
   */
  show(guess: boolean, noneKnown: readonly UnknownWord[]): void;
}

export function createAdvice(on: AdviceEvents): Advice {
  const photos = element('photos', HTMLElement);
  const unknown = element('none-known', HTMLElement);
  const offers = element('none-known-offers', HTMLElement);
  const canvas = element('canvas', HTMLCanvasElement);

  const offer = (word: string, nearest: string): HTMLButtonElement => {
    const button = make('button', 'button small', t.words.replace(word, nearest));
    button.type = 'button';
    button.addEventListener('click', () => {
      on.replace(word, nearest);
      // The button is about to go. The field would bring up a phone's keyboard over the new masks.
      canvas.focus({ preventScroll: true });
    });
    return button;
  };

  for (const id of ['photos-get', 'none-known-get'])
    element(id, HTMLButtonElement).addEventListener('click', on.getModel);
  // Beside the words there is room for the reasons; above them they open on a tap.
  const wide = matchMedia('(min-width: 880px)');
  const unfold = (): void => {
    for (const reasons of document.querySelectorAll<HTMLDetailsElement>('.advice details'))
      reasons.open = wide.matches;
  };
  wide.addEventListener('change', unfold);
  unfold();

  return {
    show(guess, noneKnown) {
      const offered = noneKnown.flatMap(({ word, nearest }) =>
        nearest === null ? [] : [offer(word, nearest)],
      );
      offers.replaceChildren(...offered.slice(0, MOST));
      unknown.hidden = noneKnown.length === 0;
      photos.hidden = !guess || !unknown.hidden;
    },
  };
}
