/** The texts that stand in `index.html`: which element has which, and how they change with the language. */
import { make } from './dom.js';
import { language, t } from './texts.js';

/** The attribute that each `data-…` names a text for; `text` is the content itself. */
const PLACES = {
  text: null,
  label: 'aria-label',
  placeholder: 'placeholder',
  content: 'content',
  role: 'aria-roledescription',
} as const;

/** The text at a path such as `words.title`. */
export function textAt(path: string, table: object = t): string {
  const found = path
    .split('.')
    .reduce<unknown>(
      (part, key) =>
        typeof part === 'object' && part !== null ? Reflect.get(part, key) : undefined,
      table,
    );
  if (typeof found !== 'string') throw new Error(`There is no text ${path}.`);
  return found;
}

/** Puts the texts of the language in use into the page, and sets its direction. */
export function applyTexts(): void {
  document.documentElement.lang = language;
  document.documentElement.dir = language === 'ar' ? 'rtl' : 'ltr';
  for (const [place, attribute] of Object.entries(PLACES)) {
    for (const node of document.querySelectorAll<HTMLElement>(`[data-${place}]`)) {
      const text = textAt(node.dataset[place] ?? '');
      if (attribute !== null) node.setAttribute(attribute, text);
      else if (node.textContent !== text) node.replaceChildren(...marked(text));
    }
  }
}

/** A text whose parts in brackets are marked, one after the other. */
export function marked(text: string): (Node | string)[] {
  return text
    .split(/[[\]]/u)
    .map((part, at) => (at % 2 === 0 ? part : make('mark', `mark-${(at + 1) / 2}`, part)));
}
