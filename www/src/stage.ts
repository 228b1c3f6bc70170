/** The stage: the picture with its masks on a canvas, and the read-out of what lies under the pointer. */
import { css, element, make } from './dom.js';
import { inks, type PaintedClass, paint, UNLABELLED } from './paint.js';
import type { Store } from './state.js';

/** What the stage needs of a segmentation. */
export interface Painted {
  readonly width: number;
  readonly height: number;
  readonly labels: Uint8Array;
  readonly classes: readonly PaintedClass[];
}

/** How far an arrow key moves the read-out, as a part of the picture. */
const STEP = 1 / 40;

export interface Stage {
  show(preview: ImageBitmap | null, masks: Painted | null, description: string): void;
}

export function createStage(store: Store, say: (text: string) => void): Stage {
  const box = element('stage', HTMLElement);
  const canvas = element('canvas', HTMLCanvasElement);
  const layer = document.createElement('canvas');
  let preview: ImageBitmap | null = null;
  let masks: Painted | null = null;
  let queued = false;

  const draw = (): void => {
    queued = false;
    const context = canvas.getContext('2d');
    const ratio = devicePixelRatio;
    const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    if (context === null || preview === null) return;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    context.imageSmoothingQuality = 'high';
    context.clearRect(0, 0, width, height);
    context.drawImage(preview, 0, 0, width, height);
    if (masks === null) return;
    const stroke = Math.max(1, Math.round(1.5 * ratio));
    const { labels, classes } = masks;
    const colors = inks(classes, store.state().view);
    const pixels = paint(labels, masks.width, masks.height, width, height, colors, stroke);
    layer.width = width;
    layer.height = height;
    layer.getContext('2d')?.putImageData(new ImageData(pixels, width, height), 0, 0);
    context.drawImage(layer, 0, 0);
  };
  const redraw = (): void => {
    if (!queued) requestAnimationFrame(draw);
    queued = true;
  };

  new ResizeObserver(redraw).observe(canvas);
  store.subscribe((now, before) => {
    if (now.view !== before.view) redraw();
  });

  const readout = createReadout(canvas, () => masks, say);

  return {
    show(nextPreview, nextMasks, description) {
      preview = nextPreview;
      masks = nextMasks;
      readout.hide();
      canvas.hidden = preview === null;
      box.classList.toggle('filled', preview !== null);
      canvas.setAttribute('aria-label', description);
      if (preview !== null) {
        const { width, height } = preview;
        box.style.setProperty('--ratio', String(width / height));
      }
      redraw();
    },
  };
}

/** Tells the class under the pointer, under a finger, or, by arrow keys, at a point that the keyboard moves. */
function createReadout(
  canvas: HTMLCanvasElement,
  masks: () => Painted | null,
  say: (text: string) => void,
) {
  const tip = element('tip', HTMLElement);
  let point: readonly [number, number] = [0.5, 0.5];

  const hide = (): void => {
    tip.hidden = true;
  };

  /** Shows the class at a point given as parts of the width and the height; returns its name. */
  const show = (x: number, y: number): string | null => {
    const from = masks();
    if (from === null) return null;
    const column = Math.min(from.width - 1, Math.floor(x * from.width));
    const row = Math.min(from.height - 1, Math.floor(y * from.height));
    const label = from.labels[row * from.width + column] ?? UNLABELLED;
    const of = from.classes[label];
    const name = of?.name ?? 'no word';
    const dot = make('span', 'dot');
    dot.style.setProperty('--class', of === undefined ? 'transparent' : css(of.color));
    tip.replaceChildren(dot, make('span', 'name', name));
    tip.hidden = false;
    const left = canvas.offsetLeft + x * canvas.clientWidth;
    const room = (canvas.offsetParent?.clientWidth ?? 0) - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(left - tip.offsetWidth / 2, room))}px`;
    const top = canvas.offsetTop + y * canvas.clientHeight - tip.offsetHeight - 18;
    tip.style.top = `${top < 4 ? top + tip.offsetHeight + 40 : top}px`;
    return name;
  };

  const at = (event: PointerEvent): void => {
    const box = canvas.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return;
    const part = (value: number, size: number) => Math.max(0, Math.min(1, value / size));
    point = [part(event.clientX - box.left, box.width), part(event.clientY - box.top, box.height)];
    show(...point);
  };
  canvas.addEventListener('pointermove', at);
  canvas.addEventListener('pointerdown', at);
  canvas.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && hide());
  canvas.addEventListener('blur', hide);

  canvas.addEventListener('keydown', (event) => {
    const moves: Record<string, readonly [number, number]> = {
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP],
    };
    const move = Object.hasOwn(moves, event.key) ? moves[event.key] : undefined;
    if (event.key === 'Escape') hide();
    if (move === undefined || masks() === null) return;
    event.preventDefault();
    const clamp = (value: number) => Math.max(0, Math.min(1, value));
    point = [clamp(point[0] + move[0]), clamp(point[1] + move[1])];
    const name = show(...point);
    if (name !== null) say(name);
  });

  return { hide };
}
