/** Naming a region: a point is picked, the region around it is outlined, and a small box tells its best words. */
import type { EncodedPicture, NamedScore, Region } from 'wordmask';
import { css, element, make } from './dom.js';
import { score, share } from './formats.js';
import { type Extent, pixelAt } from './pointer.js';
import type { Stage } from './stage.js';
import { shorten } from './state.js';
import { t } from './texts.js';
import type { Point } from './zoom.js';

/** How many words are told. */
const BEST = 3;

/** What naming has to know at the moment of asking. */
export interface NamingContext {
  picture(): EncodedPicture | null;
  words(): readonly string[];
  /** Whether masks are being made, which a name has to wait for. */
  busy(): boolean;
  colorOf(name: string): readonly [number, number, number] | undefined;
  /** Whether the scores mean something. */
  scored(): boolean;
}

export interface Naming {
  /** Names the region at a point of the picture. */
  ask(point: Point): void;
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

  /** What the box stands beside: the point that was picked, then the region there. */
  let beside: Extent = { from: [0, 0], to: [0, 0] };
  const render = (at: Point, head: string, text: string, names: readonly NamedScore[]): void => {
    title.textContent = head;
    note.textContent = text;
    note.hidden = text === '';
    list.replaceChildren(
      ...names.map((named) => row(named, now.colorOf(named.name), now.scored())),
    );
    list.hidden = names.length === 0;
    box.hidden = false;
    stage.pointer.muted = true;
    stage.pointer.placeBeside(box, beside, at);
  };

  const ask = async (at: Point): Promise<void> => {
    const words = now.words();
    const picture = now.picture();
    if (words.length === 0) return;
    dismiss();
    asked = new AbortController();
    const { signal } = asked;
    beside = { from: at, to: at };
    if (picture === null) {
      render(at, t.naming.notYet, t.naming.stillReading, []);
      return;
    }
    render(at, t.naming.region, t.naming.looking, []);
    try {
      const { x, y } = pixelAt(picture, at);
      const region = await picture.regionAt(x, y, { signal });
      const head = t.naming.regionOf(share(region.area / (region.width * region.height)));
      beside = extentOf(region);
      stage.outline(region);
      render(at, head, now.busy() ? t.naming.afterMasks : t.naming.naming, []);
      const names = await best(picture, region, words, signal);
      const alone = words.length === 1;
      const advice = alone ? t.naming.alone : '';
      render(at, head, advice, names);
      say(spoken(region, names, now.scored()));
    } catch (error) {
      if (signal.aborted) return;
      const text = shorten(error instanceof Error ? error.message : String(error), 200);
      render(at, t.naming.failed, text, []);
      say(text);
    }
  };

  const aim = connectAim(stage, say);
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
  return { dismiss, ask: (point) => void ask(point) };
}

function extentOf({ width, height, bbox: [x, y, across, down] }: Region): Extent {
  return { from: [x / width, y / height], to: [(x + across) / width, (y + down) / height] };
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
  scored: boolean,
): HTMLLIElement {
  const item = make('li');
  item.style.setProperty('--class', color === undefined ? 'var(--edge)' : css(color));
  item.style.setProperty('--share', String(scored ? certainty : 0));
  item.append(
    make('span', 'dot'),
    make('span', 'name', name),
    make('span', 'score', scored ? score(certainty) : ''),
  );
  return item;
}

function spoken(
  { area, width, height }: Region,
  names: readonly NamedScore[],
  scored: boolean,
): string {
  const words = names.map((named) => {
    const name = shorten(named.name, 24);
    return scored ? `${name} ${score(named.score)}` : name;
  });
  return t.naming.spoken(share(area / (width * height)), words.join(t.page.comma));
}
