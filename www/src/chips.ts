/** The words as chips, the field that adds to them, and the suggestions below. */
import { css, element, make } from './dom.js';
import { form, number } from './formats.js';
import type { LookUp } from './known-words.js';
import { MAX_LETTERS, MAX_WORDS, type Notice, SEPARATOR, type Store, shorten } from './state.js';
import { t } from './texts.js';

/** How many suggestions are offered at once. */
const SUGGESTIONS = 8;

type Color = readonly [number, number, number];

export interface Chips {
  /** The colours of the words that have masks. */
  colors(colors: ReadonlyMap<string, Color>): void;
  /** Words that the model knows, for the list of the field. */
  known(words: readonly string[]): void;
  /** What the model says of a word; `null` before it is there. */
  knowledge(lookUp: LookUp | null): void;
  /** Words that fit the picture at hand, offered first. */
  fitting(words: readonly string[]): void;
}

/** The chip and the kind of its button that has the focus. */
function focusedIn(list: HTMLUListElement): { index: number; button: string } | null {
  const focused = document.activeElement;
  const index = [...list.children].findIndex((item) => item.contains(focused));
  if (index < 0) return null;
  return { index, button: focused?.matches('.mark') ? '.mark' : '.close' };
}

export function createChips(store: Store): Chips {
  const field = element('field', HTMLElement);
  const list = element('chips', HTMLUListElement);
  const input = element('word', HTMLInputElement);
  const notice = element('notice', HTMLElement);
  let lookUp: LookUp | null = null;
  let shades: ReadonlyMap<string, Color> = new Map();

  const commit = (): void => {
    const text = input.value;
    input.value = '';
    if (text.trim() !== '') store.dispatch({ type: 'add', text });
  };

  const remove = (word: string, index: number): void => {
    store.dispatch({ type: 'remove', word });
    // The removed button had the focus: hand it to the chip that took its place, or back to the field.
    const next = list.querySelectorAll('button')[index];
    (next ?? input).focus();
  };

  const chip = (word: string, index: number): HTMLLIElement => {
    const item = make('li', 'chip');
    const dot = make('span', 'dot');
    const close = make('button', 'close', '×');
    close.type = 'button';
    close.setAttribute('aria-label', t.words.remove(shorten(word)));
    close.addEventListener('click', () => remove(word, index));
    const name = make('span', 'name', word);
    name.title = shorten(word, 200);
    const { known, nearest } = lookUp?.(word) ?? { known: true, nearest: null };
    item.classList.toggle('unknown', !known);
    item.append(dot, name, ...(known ? [] : [unknownMark(word, nearest)]), close);
    return item;
  };

  /** On the chip of a word that the model does not know; takes the nearest that it knows instead. */
  const unknownMark = (word: string, nearest: string | null): HTMLElement => {
    const title = t.words.unknown(shorten(word));
    if (nearest === null) {
      const mark = make('span', 'mark', t.words.unknownShort);
      mark.title = title;
      return mark;
    }
    const mark = make('button', 'mark', t.words.nearest(nearest));
    mark.type = 'button';
    mark.title = title;
    const action = t.words.replace(shorten(word), nearest);
    mark.setAttribute('aria-label', `${mark.textContent} ${action}`);
    mark.addEventListener('click', () => {
      store.dispatch({ type: 'replace', word, by: nearest });
      input.focus();
    });
    return mark;
  };

  const tint = (): void => {
    const words = store.state().words;
    for (const [index, item] of [...list.children].entries()) {
      const color = shades.get(words[index] ?? '');
      if (item instanceof HTMLElement) {
        item.classList.toggle('tinted', color !== undefined);
        item.style.setProperty('--class', color === undefined ? 'transparent' : css(color));
      }
    }
  };

  const render = (): void => {
    const { words } = store.state();
    const focused = focusedIn(list);
    list.replaceChildren(...words.map(chip));
    if (focused !== null) {
      const { index, button } = focused;
      list.children[index]?.querySelector<HTMLElement>(button)?.focus({ preventScroll: true });
    }
    input.placeholder = words.length === 0 ? t.words.example : t.words.another;
    tint();
    suggest.show();
  };

  const point = (word: string | null): void => {
    const item = word === null ? undefined : list.children[store.state().words.indexOf(word)];
    if (!(item instanceof HTMLElement)) return;
    item.classList.remove('shake');
    void item.offsetWidth; // Restarts the animation when the same word is refused twice.
    item.classList.add('shake');
    item.scrollIntoView({ block: 'nearest' });
  };

  input.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      commit();
    } else if (event.key === 'Backspace' && input.value === '' && !event.repeat) {
      store.dispatch({ type: 'remove-last' });
    }
  });
  input.addEventListener('input', (event) => {
    const typed = event instanceof InputEvent ? event : null;
    if (typed?.isComposing) return;
    // A choice from the list comes without an input type, or as a replacement.
    const chosen = typed === null || typed.inputType === 'insertReplacementText';
    if (chosen || SEPARATOR.test(input.value)) commit();
  });
  // Leaving the field keeps what was typed: a phone has no visible Enter.
  input.addEventListener('change', commit);
  field.addEventListener('pointerdown', (event) => {
    if (event.target !== field && event.target !== list) return;
    event.preventDefault();
    input.focus();
  });

  const suggest = createSuggestions(store, input);
  store.subscribe((now, before) => {
    if (now.words !== before.words || now.language !== before.language) render();
    if (now.words.length > before.words.length) {
      list.scrollTop = list.scrollHeight;
      if (document.activeElement === input) input.scrollIntoView({ block: 'nearest' });
    }
    if (now.notice !== before.notice) {
      notice.textContent = now.notice === null ? '' : noticeText(now.notice);
      point(now.notice?.kind === 'twin' ? now.notice.word : null);
    }
  });

  render();
  return {
    colors(colors) {
      shades = colors;
      tint();
    },
    knowledge(next) {
      lookUp = next;
      render();
    },
    known: suggest.known,
    fitting: suggest.fitting,
  };
}

function noticeText(notice: Notice): string {
  switch (notice.kind) {
    case 'twin':
      return t.words.twin(shorten(notice.word));
    case 'too-long':
      return t.words.tooLong(form(notice.letters), number(notice.letters), number(MAX_LETTERS));
    case 'too-many':
      return t.words.most(number(MAX_WORDS));
  }
}

function createSuggestions(store: Store, input: HTMLInputElement) {
  const box = element('suggest', HTMLElement);
  const list = element('suggestions', HTMLUListElement);
  const datalist = element('known', HTMLDataListElement);
  let known: readonly string[] = [];
  let fitting: readonly string[] = [];

  const show = (): void => {
    const taken = new Set(store.state().words.map((word) => word.toLowerCase()));
    const offered = [...new Set([...fitting, ...known])].filter(
      (word) => !taken.has(word.toLowerCase()),
    );
    const items = offered.slice(0, SUGGESTIONS).map((word, index) => {
      const item = make('li');
      const add = make('button', 'suggestion', word);
      add.type = 'button';
      add.setAttribute('aria-label', t.words.add(word));
      add.addEventListener('click', () => {
        store.dispatch({ type: 'add', text: word });
        const next = list.querySelectorAll('button')[index];
        (next ?? input).focus({ preventScroll: true });
      });
      item.append(add);
      return item;
    });
    list.replaceChildren(...items);
    box.hidden = items.length === 0;
  };

  return {
    show,
    known(words: readonly string[]) {
      known = words;
      datalist.replaceChildren(
        ...words.map((word) => {
          const option = make('option');
          option.value = word;
          return option;
        }),
      );
      show();
    },
    fitting(words: readonly string[]) {
      fitting = words;
      show();
    },
  };
}
