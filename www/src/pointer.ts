/**
 * One point of the picture, under the mouse, under a finger, or moved by arrow keys: a tip tells the class there, a
 * cross-hair shows where the keyboard is, and a click or Enter picks the point.
 */
import { css, element, make } from './dom.js';
import { type Painted, UNLABELLED } from './paint.js';
import { t } from './texts.js';

/** A place in the picture, as parts of its width and height. */
export type Point = readonly [x: number, y: number];

/** How far an arrow key moves, as a part of the picture; with Shift, a quarter of that. */
const STEP = 1 / 40;
/** Between the point and what is placed by it, in CSS pixels. */
const GAP = 18;

export interface Pointer {
  /** Called with each point that is picked. */
  onPick: (point: Point) => void;
  /** Called when an arrow key is about to move the point. */
  onMove: () => void;
  /** Whether the tip stays away, because something else is told about a point. */
  muted: boolean;
  /** Shows the cross-hair and gives the picture the focus; or takes the cross-hair away. */
  aim(on: boolean): void;
  hideTip(): void;
  /** Puts something beside a point, within the stage, and keeps it there when the size changes. */
  place(node: HTMLElement, point: Point): void;
  /** Puts everything in its place again. */
  settle(): void;
}

export function createPointer(
  canvas: HTMLCanvasElement,
  masks: () => Painted | null,
  say: (text: string) => void,
): Pointer {
  const tip = element('tip', HTMLElement);
  const cross = element('cross', HTMLElement);
  const placed = new Map<HTMLElement, Point>();
  let point: Point = [0.5, 0.5];
  let aiming = false;

  const settle = (): void => {
    cross.style.left = `${canvas.offsetLeft + point[0] * canvas.clientWidth}px`;
    cross.style.top = `${canvas.offsetTop + point[1] * canvas.clientHeight}px`;
    for (const [node, at] of placed) if (!node.hidden) beside(canvas, node, at);
  };
  const place = (node: HTMLElement, at: Point): void => {
    placed.set(node, at);
    settle();
  };
  const hideTip = (): void => {
    tip.hidden = true;
  };

  /** Shows the class at the point, if there are masks; returns its name. */
  const showTip = (): string | null => {
    const from = masks();
    if (from === null) return null;
    const of = classAt(from, point);
    const dot = make('span', 'dot');
    dot.style.setProperty('--class', of === undefined ? 'transparent' : css(of.color));
    const name = of?.name ?? t.masks.noWord;
    tip.replaceChildren(dot, make('span', 'name', name));
    tip.hidden = pointer.muted;
    place(tip, point);
    return name;
  };

  const follow = (event: PointerEvent | MouseEvent): boolean => {
    const box = canvas.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return false;
    point = [
      within((event.clientX - box.left) / box.width),
      within((event.clientY - box.top) / box.height),
    ];
    settle();
    return true;
  };
  const over = (event: PointerEvent): void => {
    cross.hidden = !aiming;
    if (follow(event)) showTip();
  };
  canvas.addEventListener('pointermove', over);
  canvas.addEventListener('pointerdown', over);
  canvas.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && hideTip());
  canvas.addEventListener('blur', () => {
    hideTip();
    cross.hidden = !aiming;
  });

  const pick = (): void => {
    hideTip();
    pointer.onPick(point);
  };
  canvas.addEventListener('click', (event) => {
    if (follow(event)) pick();
  });
  canvas.addEventListener('keydown', (event) => {
    const move = Object.hasOwn(MOVES, event.key) ? MOVES[event.key] : undefined;
    if (event.key === 'Escape') hideTip();
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      if (!event.repeat) pick();
    }
    if (move === undefined) return;
    event.preventDefault();
    pointer.onMove();
    const step = event.shiftKey ? STEP / 4 : STEP;
    point = [within(point[0] + move[0] * step), within(point[1] + move[1] * step)];
    cross.hidden = false;
    settle();
    const name = showTip();
    if (name !== null) say(name);
  });

  const pointer: Pointer = {
    onPick: () => {},
    onMove: () => {},
    muted: false,
    aim(on) {
      aiming = on;
      cross.hidden = !on;
      settle();
      if (!on) return;
      canvas.focus({ preventScroll: true });
      const { top, bottom } = cross.getBoundingClientRect();
      if (top < 0 || bottom > innerHeight) cross.scrollIntoView({ block: 'center' });
    },
    hideTip,
    place,
    settle,
  };
  return pointer;
}

const MOVES: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function within(part: number): number {
  return Math.max(0, Math.min(1, part));
}

/** The pixel of a picture of this size at a point. */
export function pixelAt(
  { width, height }: { width: number; height: number },
  [x, y]: Point,
): { x: number; y: number } {
  return {
    x: Math.min(width - 1, Math.floor(x * width)),
    y: Math.min(height - 1, Math.floor(y * height)),
  };
}

function classAt(masks: Painted, point: Point) {
  const { x, y } = pixelAt(masks, point);
  return masks.classes[masks.labels[y * masks.width + x] ?? UNLABELLED];
}

/** Puts a node above a point of the canvas, or below it where there is no room, or none to be seen. */
function beside(canvas: HTMLCanvasElement, node: HTMLElement, [x, y]: Point): void {
  const left = canvas.offsetLeft + x * canvas.clientWidth;
  const stage = canvas.offsetParent;
  const room = (stage?.clientWidth ?? 0) - node.offsetWidth - 8;
  node.style.left = `${Math.max(8, Math.min(left - node.offsetWidth / 2, room))}px`;
  const middle = canvas.offsetTop + y * canvas.clientHeight;
  const top = middle - node.offsetHeight - GAP;
  const least = Math.max(0, -(stage?.getBoundingClientRect().top ?? 0)) + 4;
  node.style.top = `${top < least ? middle + GAP + 4 : top}px`;
}
