/** The few helpers that every part of the page needs. */

/** The element with this id. Its absence is a fault of the page itself, not of anything a user did. */
export function element<T extends HTMLElement>(id: string, type: { new (): T }): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} #${id}.`);
  return found;
}

/** A new element with a class and a text; text is always text, never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  if (text !== '') made.textContent = text;
  return made;
}

/** Marks what is English whatever the language of the page: it is read out, and runs, as such. */
export function english<T extends HTMLElement>(node: T): T {
  node.lang = 'en';
  node.dir = 'ltr';
  return node;
}

/** A CSS colour of three channels, 0..255. */
export function css(color: readonly [number, number, number]): string {
  return `rgb(${color.join(' ')})`;
}
