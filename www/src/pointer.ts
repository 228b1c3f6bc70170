/**
 * One point of the picture, under the mouse, under a finger, or moved by arrow keys: a tip tells the class there, a
 * cross-hair shows where the keyboard is, a ring how wide a stroke is, and a click or Enter picks the point.
 */
import { css, element, make } from './dom.js';
import { type Painted, UNLABELLED } from './paint.js';
import { besideThing } from './placing.js';
import { drawsStrokes, type Store } from './state.js';
import { t } from './texts.js';
import { type Point, toPicture, toStage, withInSight } from './zoom.js';

/** How far an arrow key moves, as a part of what is shown; with Shift, a quarter of that. */
const STEP = 1 / 40;
/** Between the point and the tip, in CSS pixels. */
const GAP = 18;

/** A rectangle of the picture, as parts of its width and height. */
export interface Extent {
  readonly from: Point;
  readonly to: Point;
}

export interface Pointer {
  /** Called with each point that is picked, and whether Alt was held. */
  onPick: (point: Point, alt: boolean) => void;
  /** Called when an arrow key is about to move the point. */
  onMove: () => void;
  /** Whether the tip stays away, because something else is told about a point. */
  muted: boolean;
  /** The point of the picture that it is at. */
  readonly point: Point;
  /** Shows the cross-hair and gives the picture the focus; or takes the cross-hair away. */
  aim(on: boolean): void;
  hideTip(): void;
  /** Puts something beside a part of the picture and near a point of it, and keeps it there when the size changes. */
  placeBeside(node: HTMLElement, thing: Extent, point: Point): void;
  /** Puts everything in its place again. */
  settle(): void;
}

export function createPointer(
  canvas: HTMLCanvasElement,
  store: Store,
  masks: () => Painted | null,
  say: (text: string) => void,
): Pointer {
  const tip = element('tip', HTMLElement);
  const cross = element('cross', HTMLElement);
  const ring = element('ring', HTMLElement);
  /** How to put each thing in its place. */
  const placed = new Map<HTMLElement, () => void>();
  let point: Point = [0.5, 0.5];
  let aiming = false;

  const zoom = () => store.state().view.zoom;
  const settle = (): void => {
    const [x, y] = toStage(zoom(), point);
    const shown = within(x) === x && within(y) === y;
    for (const mark of [cross, ring]) {
      mark.style.left = `${canvas.offsetLeft + x * canvas.clientWidth}px`;
      mark.style.top = `${canvas.offsetTop + y * canvas.clientHeight}px`;
      mark.classList.toggle('beyond', !shown);
    }
    for (const [node, put] of placed) if (!node.hidden) put();
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
    const at = point;
    placed.set(tip, () => above(canvas, tip, toStage(zoom(), at)));
    settle();
    return name;
  };

  const follow = (event: PointerEvent | MouseEvent): boolean => {
    const box = canvas.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return false;
    point = toPicture(zoom(), [
      within((event.clientX - box.left) / box.width),
      within((event.clientY - box.top) / box.height),
    ]);
    settle();
    return true;
  };
  const over = (event: PointerEvent): void => {
    cross.hidden = !aiming;
    ring.hidden = event.pointerType === 'touch' && event.buttons === 0;
    if (!follow(event)) return;
    // A stroke under way shows by itself what becomes of the point.
    if (event.buttons > 0 && drawsStrokes(store.state().tools.tool)) hideTip();
    else showTip();
  };
  const leave = (): void => {
    hideTip();
    ring.hidden = true;
  };
  canvas.addEventListener('pointermove', over);
  canvas.addEventListener('pointerdown', over);
  canvas.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && leave());
  canvas.addEventListener('blur', () => {
    leave();
    cross.hidden = !aiming;
  });

  const pick = (alt: boolean): void => {
    hideTip();
    pointer.onPick(point, alt);
  };
  canvas.addEventListener('click', (event) => {
    if (follow(event)) pick(event.altKey);
  });
  canvas.addEventListener('keydown', (event) => {
    const move = Object.hasOwn(MOVES, event.key) ? MOVES[event.key] : undefined;
    if (event.key === 'Escape') hideTip();
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      if (!event.repeat) pick(event.altKey);
    }
    if (move === undefined) return;
    event.preventDefault();
    pointer.onMove();
    const step = (event.shiftKey ? STEP / 4 : STEP) / zoom().scale;
    point = [within(point[0] + move[0] * step), within(point[1] + move[1] * step)];
    cross.hidden = false;
    ring.hidden = false;
    const sight = withInSight(zoom(), point);
    if (zoom().scale > 1) store.dispatch({ type: 'view', change: { zoom: sight } });
    settle();
    const name = showTip();
    if (name !== null) say(name);
  });

  const pointer: Pointer = {
    onPick: () => {},
    onMove: () => {},
    muted: false,
    get point() {
      return point;
    },
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
    placeBeside(node, { from, to }, at) {
      placed.set(node, () => {
        const [a, b] = [toStage(zoom(), from), toStage(zoom(), to)];
        beside(canvas, node, { from: a, to: b }, toStage(zoom(), at));
      });
      settle();
    },
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
function above(canvas: HTMLCanvasElement, node: HTMLElement, [x, y]: Point): void {
  const left = canvas.offsetLeft + x * canvas.clientWidth;
  const stage = canvas.offsetParent;
  const room = (stage?.clientWidth ?? 0) - node.offsetWidth - 8;
  node.style.left = `${Math.max(8, Math.min(left - node.offsetWidth / 2, room))}px`;
  const middle = canvas.offsetTop + y * canvas.clientHeight;
  const top = middle - node.offsetHeight - GAP;
  const least = Math.max(0, -(stage?.getBoundingClientRect().top ?? 0)) + 4;
  node.style.top = `${top < least ? middle + GAP + 4 : top}px`;
}

/** Puts a node beside a part of the canvas, in the window; what is not shown of the part needs no room. */
function beside(
  canvas: HTMLCanvasElement,
  node: HTMLElement,
  { from, to }: Extent,
  at: Point,
): void {
  const box = canvas.getBoundingClientRect();
  const onScreen = ([x, y]: Point): Point => [
    box.left + within(x) * box.width,
    box.top + within(y) * box.height,
  ];
  const [left, top] = onScreen(from);
  const [right, bottom] = onScreen(to);
  const room = {
    left: 0,
    top: 0,
    right: document.documentElement.clientWidth,
    bottom: innerHeight,
  };
  const size = { width: node.offsetWidth, height: node.offsetHeight };
  const place = besideThing({ left, top, right, bottom }, onScreen(at), size, room);
  const stage = canvas.offsetParent?.getBoundingClientRect();
  node.style.left = `${place.left - (stage?.left ?? 0)}px`;
  node.style.top = `${place.top - (stage?.top ?? 0)}px`;
}
