/** The stage: the picture on a canvas, with its masks and the outline of a region that was asked for. */
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

export interface Stage {
  show(preview: ImageBitmap | null, masks: Painted | null, description: string): void;
  /** Draws the outline of a region, or none. */
  outline(region: Outlined | null): void;
  readonly pointer: Pointer;
}

export function createStage(store: Store, say: (text: string) => void): Stage {
  const box = element('stage', HTMLElement);
  const canvas = element('canvas', HTMLCanvasElement);
  const layer = document.createElement('canvas');
  let preview: ImageBitmap | null = null;
  let masks: Painted | null = null;
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
    context.imageSmoothingQuality = 'high';
    context.clearRect(0, 0, width, height);
    context.drawImage(preview, 0, 0, width, height);
    const stroke = Math.max(1, Math.round(1.5 * ratio));
    const over = (pixels: Uint8ClampedArray<ArrayBuffer>): void => {
      layer.width = width;
      layer.height = height;
      layer.getContext('2d')?.putImageData(new ImageData(pixels, width, height), 0, 0);
      context.drawImage(layer, 0, 0);
    };
    if (masks !== null) {
      const colors = inks(masks.classes, store.state().view);
      over(paint(masks.labels, masks.width, masks.height, width, height, colors, stroke));
    }
    if (region !== null) {
      over(paint(region.mask, region.width, region.height, width, height, regionInks, stroke));
    }
  };
  const redraw = (): void => {
    if (!queued) requestAnimationFrame(draw);
    queued = true;
  };
  store.subscribe((now, before) => {
    if (now.view !== before.view) redraw();
  });

  const pointer = createPointer(canvas, () => masks, say);
  const resized = new ResizeObserver(() => {
    // The picture need not be as wide as the stage.
    box.style.setProperty('--left', `${canvas.offsetLeft}px`);
    pointer.settle();
    redraw();
  });
  resized.observe(canvas);
  resized.observe(box);

  return {
    pointer,
    show(nextPreview, nextMasks, description) {
      preview = nextPreview;
      masks = nextMasks;
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
