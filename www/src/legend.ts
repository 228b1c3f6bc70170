/** The legend: one row a class with its colour, its share of the picture, its score, a switch and a cut-out. */
import type { ClassSummary } from 'wordmask';
import { targetOf } from './correcting.js';
import { css, element, make } from './dom.js';
import { score, share } from './formats.js';
import type { UnknownWord } from './known-words.js';
import { type Store, shorten } from './state.js';
import { t } from './texts.js';

export interface Legend {
  /**
   * @param unknown Words that have no class, because the model does not know them.
   * @param scored Whether the scores mean something.
   */
  show(classes: readonly ClassSummary[], unknown: readonly UnknownWord[], scored: boolean): void;
}

/** What can be done with one class. */
export interface ClassActions {
  cutout(index: number): void;
  /** Copies the cut-out; `undefined` where browsers cannot. */
  copy?: ((index: number) => Promise<boolean>) | undefined;
}

/** How long a button says that it has done its work, in milliseconds. */
const DONE = 2000;

export function createLegend(store: Store, { cutout, copy }: ClassActions): Legend {
  const block = element('masks', HTMLElement);
  const list = element('legend', HTMLUListElement);
  const help = element('score-help', HTMLElement);
  block.classList.toggle('copies', copy !== undefined);

  const highlight = (index: number | null): void => {
    if (store.state().view.highlight !== index)
      store.dispatch({ type: 'view', change: { highlight: index } });
  };

  /** Whether a tool is chosen that adds to a class: then a click on a row says to which. */
  const adds = (): boolean => ['region', 'brush'].includes(store.state().tools.tool);
  const choose = (event: Event, target: string): void => {
    if (!adds()) return;
    event.preventDefault();
    store.dispatch({ type: 'tools', change: { target } });
  };
  let shown: readonly ClassSummary[] = [];
  const showTarget = (): void => {
    const target = adds() ? targetOf(store.state().tools.target, shown) : null;
    for (const [index, { name }] of shown.entries()) {
      const item = list.children[index];
      item?.classList.toggle('target', name === target);
      if (name === target) item?.setAttribute('aria-current', 'true');
      else item?.removeAttribute('aria-current');
    }
  };

  const row = (of: ClassSummary, index: number): HTMLLIElement => {
    const item = make('li', of.pixels === 0 ? 'row absent' : 'row');
    item.style.setProperty('--class', css(of.color));
    item.style.setProperty('--share', String(of.fraction));
    const label = make('label');
    const box = make('input');
    box.type = 'checkbox';
    box.value = of.name;
    box.checked = !store.state().view.hidden.has(of.name);
    box.addEventListener('change', () => store.dispatch({ type: 'toggle', name: of.name }));
    const name = make('span', 'name', of.name);
    name.title = shorten(of.name, 200);
    label.append(box, name);
    // The switch itself still switches.
    label.addEventListener('click', (event) => event.target !== box && choose(event, of.name));
    box.addEventListener('keydown', (event) => event.key === 'Enter' && choose(event, of.name));
    const take = make('button', 'cutout', t.masks.cutOut);
    take.type = 'button';
    take.disabled = of.pixels === 0;
    take.setAttribute('aria-label', t.masks.cutOutOf(shorten(of.name)));
    take.addEventListener('click', () => cutout(index));
    const copier = copy && copyButton(of, index, copy);
    const part = make('span', 'share', share(of.fraction));
    part.append(make('span', 'apart', ` ${t.masks.ofPicture}`));
    const certainty = make('span', 'score');
    if (of.score !== null)
      certainty.append(make('span', 'apart', `${t.masks.score} `), score(of.score));
    item.append(label, part, certainty, take, ...(copier ? [copier] : []));
    item.addEventListener(
      'pointerenter',
      (event) => event.pointerType === 'mouse' && highlight(index),
    );
    item.addEventListener('pointerleave', () => highlight(null));
    // Only a focus that the keyboard brought: a tap on the switch should not leave the picture dimmed.
    item.addEventListener('focusin', (event) => {
      if (event.target instanceof HTMLElement && event.target.matches(':focus-visible'))
        highlight(index);
    });
    item.addEventListener('focusout', () => highlight(null));
    return item;
  };

  store.subscribe((now, before) => {
    if (now.view.hidden === before.view.hidden) return;
    for (const box of list.querySelectorAll('input')) box.checked = !now.view.hidden.has(box.value);
  });
  store.subscribe((now, before) => {
    if (now.view.highlight === before.view.highlight) return;
    for (const [index, item] of [...list.children].entries())
      item.classList.toggle('lit', index === now.view.highlight);
  });

  store.subscribe((now, before) => {
    if (now.tools !== before.tools) showTarget();
  });

  return {
    show(classes, unknown, scored) {
      highlight(null);
      block.classList.toggle('unscored', !scored);
      help.hidden = !scored;
      const rest = 1 - classes.reduce((sum, of) => sum + of.fraction, 0);
      const items = classes.map((of) => (scored ? of : { ...of, score: null })).map(row);
      items.push(...unknown.map(unknownRow));
      if (rest > 0.0005) {
        const item = make('li', 'row rest');
        item.append(make('span', 'name', t.masks.noWord), make('span', 'share', share(rest)));
        items.push(item);
      }
      // Coarse masks come and go while somebody is at work here.
      const at = focused(list);
      list.replaceChildren(...items);
      shown = classes;
      showTarget();
      if (at !== null) {
        const control = list.children[at.row]?.querySelector<HTMLElement>(at.control);
        control?.focus({ preventScroll: true });
      }
    },
  };
}

function copyButton(
  of: ClassSummary,
  index: number,
  copy: (index: number) => Promise<boolean>,
): HTMLButtonElement {
  const button = make('button', 'copy');
  button.type = 'button';
  button.disabled = of.pixels === 0;
  button.title = t.masks.copy;
  button.setAttribute('aria-label', t.masks.copyOf(shorten(of.name)));
  button.addEventListener('click', async () => {
    if (!(await copy(index))) return;
    button.classList.add('done');
    setTimeout(() => button.classList.remove('done'), DONE);
  });
  return button;
}

/** Says of a word why it has no mask. */
function unknownRow({ word }: UnknownWord): HTMLLIElement {
  const item = make('li', 'row unknown');
  const name = make('span', 'name', word);
  name.title = shorten(word, 200);
  const why = make('span', 'why', t.words.unknownShort);
  why.title = t.words.unknown(shorten(word));
  item.append(name, why);
  return item;
}

/** Which control of which row has the focus. */
function focused(list: HTMLElement): { row: number; control: string } | null {
  const row = [...list.children].findIndex((item) => item.contains(document.activeElement));
  if (row < 0) return null;
  const control = ['input', '.copy'].find((one) => document.activeElement?.matches(one));
  return { row, control: control ?? '.cutout' };
}
