/**
 * What hands do on the picture beside pointing: the wheel, two fingers and keys zoom, a drag moves what is shown or
 * draws a stroke, a double click goes in and out. Where the picture is whole, wheel and finger scroll the page.
 */
import type { Stage } from './stage.js';
import { drawsStrokes, type Store } from './state.js';
import { moved, type Point, toPicture, toStage, whole, type Zoom, zoomedAt } from './zoom.js';

export interface StrokeListener {
  /** @param erase Whether Alt was held. */
  start(point: Point, erase: boolean): void;
  move(point: Point): void;
  end(): void;
  /** It was none: a second finger came. */
  cancel(): void;
}

/** How far a pointer moves, in CSS pixels, before it is no click any more. */
const SLACK = 4;
/** One press of a key or button. */
export const ZOOM_STEP = 1.5;
/** A double click. */
const ZOOM_LEAP = 3;
/** A notch of a wheel counts as so much at most; a touchpad moves by less at a time. */
const LARGEST_NOTCH = 50;
/** In CSS pixels, where a wheel counts lines. */
const LINE = 16;

type Mode = 'idle' | 'may-move' | 'moving' | 'stroke' | 'pinch';

export function connectGestures(
  canvas: HTMLCanvasElement,
  stage: Stage,
  store: Store,
  stroke: StrokeListener,
): void {
  const zoom = (): Zoom => store.state().view.zoom;
  const show = (next: Zoom): void => store.dispatch({ type: 'view', change: { zoom: next } });

  /** As parts of the canvas. */
  const part = ({ clientX, clientY }: { clientX: number; clientY: number }): Point => {
    const box = canvas.getBoundingClientRect();
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  };

  const fingers = new Map<number, Point>();
  let mode: Mode = 'idle';
  let start: Point = [0, 0];
  let last: Point = [0, 0];
  /** Whether the click that ends this is none. */
  let spent = false;

  const midpoint = (): Point => {
    const [a = last, b = a] = [...fingers.values()];
    return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  };
  /** Between two fingers, in CSS pixels. */
  const spread = (): number => {
    const [a = last, b = a] = [...fingers.values()];
    return Math.hypot((a[0] - b[0]) * canvas.clientWidth, (a[1] - b[1]) * canvas.clientHeight);
  };

  canvas.addEventListener('pointerdown', (event) => {
    const at = part(event);
    if (event.pointerType === 'touch') fingers.set(event.pointerId, at);
    if (fingers.size === 2) {
      if (mode === 'stroke') stroke.cancel();
      mode = 'pinch';
      spent = true;
      return;
    }
    if (fingers.size > 2) return;
    [start, last, spent] = [at, at, false];
    if (event.button === 0 && drawsStrokes(store.state().tools.tool)) {
      mode = 'stroke';
      spent = true;
      stroke.start(toPicture(zoom(), at), event.altKey);
    } else if (event.button <= 1 && zoom().scale > 1) {
      mode = 'may-move';
      // The middle button would scroll by itself.
      if (event.button === 1) event.preventDefault();
    } else {
      mode = 'idle';
      return;
    }
    canvas.setPointerCapture(event.pointerId);
  });

  canvas.addEventListener('pointermove', (event) => {
    const at = part(event);
    if (mode === 'pinch') {
      if (!fingers.has(event.pointerId)) return;
      const [from, wide] = [midpoint(), spread()];
      fingers.set(event.pointerId, at);
      const to = midpoint();
      const next = moved(zoom(), [to[0] - from[0], to[1] - from[1]]);
      show(zoomedAt(next, to, wide === 0 ? 1 : spread() / wide, stage.largest()));
    } else if (mode === 'stroke') {
      // Not there in older browsers, nor on a page without https.
      const all = event.getCoalescedEvents?.() ?? [];
      for (const one of all.length > 0 ? all : [event]) stroke.move(toPicture(zoom(), part(one)));
    } else if (mode === 'may-move' || mode === 'moving') {
      const far = Math.hypot(
        (at[0] - start[0]) * canvas.clientWidth,
        (at[1] - start[1]) * canvas.clientHeight,
      );
      if (mode === 'may-move' && far < SLACK) return;
      mode = 'moving';
      spent = true;
      canvas.classList.add('moving');
      show(moved(zoom(), [at[0] - last[0], at[1] - last[1]]));
      last = at;
    }
  });

  const lift = (event: PointerEvent): void => {
    fingers.delete(event.pointerId);
    if (mode === 'stroke') {
      if (event.type === 'pointerup') stroke.end();
      else stroke.cancel();
    }
    mode = 'idle';
    canvas.classList.remove('moving');
  };
  canvas.addEventListener('pointerup', lift);
  canvas.addEventListener('pointercancel', lift);
  // Before those that take a click for a pick.
  canvas.addEventListener('click', (event) => spent && event.stopImmediatePropagation(), {
    capture: true,
  });

  canvas.addEventListener('dblclick', (event) => {
    if (store.state().tools.tool !== 'look') return;
    const near = zoom().scale > 1;
    show(near ? whole : zoomedAt(whole, part(event), ZOOM_LEAP, stage.largest()));
  });

  canvas.addEventListener(
    'wheel',
    (event) => {
      const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1;
      const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const notch = Math.max(-LARGEST_NOTCH, Math.min(LARGEST_NOTCH, dy));
        show(zoomedAt(zoom(), part(event), 2 ** (-notch / 100), stage.largest()));
        return;
      }
      const before = zoom();
      const next = moved(before, [-dx / canvas.clientWidth, -dy / canvas.clientHeight]);
      // At the border of the picture the page goes on, as with anything that scrolls.
      if (next.x === before.x && next.y === before.y) return;
      event.preventDefault();
      show(next);
    },
    { passive: false },
  );

  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const factor = { '+': ZOOM_STEP, '=': ZOOM_STEP, '-': 1 / ZOOM_STEP, '0': 0 }[event.key];
    if (factor === undefined) return;
    event.preventDefault();
    const at = toStage(zoom(), stage.pointer.point);
    show(zoomedAt(zoom(), at, factor, stage.largest()));
  });
}
