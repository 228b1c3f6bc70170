/** The stage: what is shown of the picture on a canvas, with its masks and the outline of a region that was asked for. */
import { element } from './dom.js';
import { inks, type Painted, paint, regionInks } from './paint.js';
import { createPointer, type Pointer } from './pointer.js';
import type { Store } from './state.js';

/** What the stage needs of a region: 1 inside, 0 outside. */
export interface Outlined {
  readonly width: number;
  readonly height: number;
  readonly mask: Uint8Array;
}

/** From so many pixels of the screen on, a pixel of the picture is shown as a square and not smoothed away. */
const SQUARE = 4;
/** How many CSS pixels a pixel of the picture may fill at most. */
const LARGEST_PIXEL = 16;

export interface Stage {
  show(preview: ImageBitmap | null, description: string): void;
  /** Draws the outline of a region, or none. */
  outline(region: Outlined | null): void;
  /** Draws once more, for there are other masks. */
  redraw(): void;
  /** How many times larger than whole the picture can be shown. */
  largest(): number;
  readonly pointer: Pointer;
}

/** @param masks What is to be painted over the picture now. */
export function createStage(
  store: Store,
  masks: () => Painted | null,
  say: (text: string) => void,
): Stage {
  const box = element('stage', HTMLElement);
  const canvas = element('canvas', HTMLCanvasElement);
  const layer = document.createElement('canvas');
  let preview: ImageBitmap | null = null;
  let region: Outlined | null = null;
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
    const { view } = store.state();
    const { zoom, split } = view;
    const [across, down] = [preview.width / zoom.scale, preview.height / zoom.scale];
    context.imageSmoothingEnabled = width / across < SQUARE;
    context.imageSmoothingQuality = 'high';
    context.clearRect(0, 0, width, height);
    const [left, top] = [zoom.x * preview.width, zoom.y * preview.height];
    context.drawImage(preview, left, top, across, down, 0, 0, width, height);
    const stroke = Math.max(1, Math.round(1.5 * ratio));
    const over = (pixels: Uint8ClampedArray<ArrayBuffer>, from: number): void => {
      layer.width = width;
      layer.height = height;
      layer.getContext('2d')?.putImageData(new ImageData(pixels, width, height), 0, 0);
      const rest = Math.max(1, width - from);
      context.drawImage(layer, from, 0, rest, height, from, 0, rest, height);
    };
    const painted = masks();
    const bare = split === null ? 0 : Math.round(split * width);
    if (painted !== null && bare < width) {
      const colors = inks(painted.classes, view);
      const { labels, width: columns, height: rows } = painted;
      over(paint(labels, columns, rows, width, height, colors, stroke, zoom), bare);
    }
    if (region !== null) {
      const { mask, width: columns, height: rows } = region;
      over(paint(mask, columns, rows, width, height, regionInks, stroke, zoom), 0);
    }
  };
  const redraw = (): void => {
    if (!queued) requestAnimationFrame(draw);
    queued = true;
  };

  const pointer = createPointer(canvas, store, masks, say);
  store.subscribe((now, before) => {
    if (now.view === before.view) return;
    if (now.view.zoom !== before.view.zoom) {
      box.classList.toggle('zoomed', now.view.zoom.scale > 1);
      pointer.settle();
    }
    redraw();
  });
  const resized = new ResizeObserver(() => {
    // The picture need not be as wide as the stage.
    box.style.setProperty('--left', `${canvas.offsetLeft}px`);
    box.style.setProperty('--width', `${canvas.clientWidth}px`);
    pointer.settle();
    redraw();
  });
  resized.observe(canvas);
  resized.observe(box);

  return {
    pointer,
    redraw,
    largest() {
      const shown = Math.max(1, canvas.clientWidth);
      return Math.max(LARGEST_PIXEL / 4, (LARGEST_PIXEL * (preview?.width ?? 1)) / shown);
    },
    show(nextPreview, description) {
      preview = nextPreview;
      pointer.hideTip();
      canvas.hidden = preview === null;
      box.classList.toggle('filled', preview !== null);
      canvas.setAttribute('aria-label', description);
      if (preview !== null) {
        const { width, height } = preview;
        box.style.setProperty('--ratio', String(width / height));
      }
      redraw();
    },
    outline(next) {
      if (region === next) return;
      region = next;
      redraw();
    },
  };
}
