/** Naming a region: a point is picked, the region around it is outlined, and a small box tells its best words. */
import type { EncodedPicture, NamedScore, Region } from 'wordmask';
import { css, element, make } from './dom.js';
import { score, share } from './formats.js';
import { type Point, pixelAt } from './pointer.js';
import type { Stage } from './stage.js';
import { shorten } from './state.js';
import { t } from './texts.js';

/** How many words are told. */
const BEST = 3;

/** What naming has to know at the moment of asking. */
export interface NamingContext {
  picture(): EncodedPicture | null;
  words(): readonly string[];
  /** Whether masks are being made, which a name has to wait for. */
  busy(): boolean;
  colorOf(name: string): readonly [number, number, number] | undefined;
}

export interface Naming {
  /** Takes the box and the outline away. */
  dismiss(): void;
}

export function createNaming(
  stage: Stage,
  now: NamingContext,
  say: (text: string) => void,
): Naming {
  const box = element('naming', HTMLElement);
  const canvas = element('canvas', HTMLCanvasElement);
  const title = element('naming-title', HTMLElement);
  const note = element('naming-note', HTMLElement);
  const list = element('naming-list', HTMLOListElement);
  let asked = new AbortController();

  const dismiss = (): void => {
    asked.abort();
    box.hidden = true;
    stage.pointer.muted = false;
    stage.outline(null);
  };
  const close = (): void => {
    const inside = box.contains(document.activeElement);
    dismiss();
    if (inside) canvas.focus({ preventScroll: true });
  };

  const render = (at: Point, head: string, text: string, names: readonly NamedScore[]): void => {
    title.textContent = head;
    note.textContent = text;
    note.hidden = text === '';
    list.replaceChildren(...names.map((named) => row(named, now.colorOf(named.name))));
    list.hidden = names.length === 0;
    box.hidden = false;
    stage.pointer.muted = true;
    stage.pointer.place(box, at);
  };

  const ask = async (at: Point): Promise<void> => {
    const words = now.words();
    const picture = now.picture();
    if (words.length === 0) return;
    dismiss();
    asked = new AbortController();
    const { signal } = asked;
    if (picture === null) {
      render(at, t.naming.notYet, t.naming.stillReading, []);
      return;
    }
    render(at, t.naming.region, t.naming.looking, []);
    try {
      const { x, y } = pixelAt(picture, at);
      const region = await picture.regionAt(x, y, { signal });
      const head = t.naming.regionOf(share(region.area / (region.width * region.height)));
      stage.outline(region);
      render(at, head, now.busy() ? t.naming.afterMasks : t.naming.naming, []);
      const names = await best(picture, region, words, signal);
      const alone = words.length === 1;
      const advice = alone ? t.naming.alone : '';
      render(at, head, advice, names);
      say(spoken(region, names));
    } catch (error) {
      if (signal.aborted) return;
      const text = shorten(error instanceof Error ? error.message : String(error), 200);
      render(at, t.naming.failed, text, []);
      say(text);
    }
  };

  const aim = connectAim(stage, say);
  stage.pointer.onPick = (point) => void ask(point);
  stage.pointer.onMove = dismiss;
  element('naming-close', HTMLButtonElement).addEventListener('click', close);
  document.addEventListener('pointerdown', ({ target }) => {
    const inside = target instanceof Node && (box.contains(target) || target === canvas);
    if (!box.hidden && !inside) dismiss();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    if (box.hidden) aim.end();
    else close();
  });
  return { dismiss };
}

/** The button that brings and takes the cross-hair. */
function connectAim(stage: Stage, say: (text: string) => void): { end(): void } {
  const button = element('aim', HTMLButtonElement);
  const help = element('aim-help', HTMLElement);
  let aiming = false;
  const aim = (on: boolean): void => {
    aiming = on;
    button.setAttribute('aria-pressed', String(on));
    const how = matchMedia('(pointer: coarse)').matches ? t.naming.tap : t.naming.click;
    help.textContent = on ? how : t.naming.help;
    if (on) say(how);
    stage.pointer.aim(on);
  };
  button.addEventListener('click', () => aim(!aiming));
  return { end: () => aiming && aim(false) };
}

async function best(
  picture: EncodedPicture,
  { width, height, mask }: Region,
  words: readonly string[],
  signal: AbortSignal,
): Promise<readonly NamedScore[]> {
  const [names = []] = await picture.classify([{ width, height, data: mask }], words, { signal });
  return names.slice(0, BEST);
}

function row(
  { name, score: certainty }: NamedScore,
  color: readonly [number, number, number] | undefined,
): HTMLLIElement {
  const item = make('li');
  item.style.setProperty('--class', color === undefined ? 'var(--edge)' : css(color));
  item.style.setProperty('--share', String(certainty));
  item.append(
    make('span', 'dot'),
    make('span', 'name', name),
    make('span', 'score', score(certainty)),
  );
  return item;
}

function spoken({ area, width, height }: Region, names: readonly NamedScore[]): string {
  const words = names.map((named) => `${shorten(named.name, 24)} ${score(named.score)}`);
  return t.naming.spoken(share(area / (width * height)), words.join(t.page.comma));
}
