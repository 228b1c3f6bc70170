/** From a label map to coloured pixels. Pure, so that it is tested without a canvas. */
import type { View } from './state.js';
import { whole, type Zoom } from './zoom.js';

export const UNLABELLED = 255;

export interface PaintedClass {
  readonly name: string;
  readonly color: readonly [number, number, number];
}

/** What is painted of a segmentation. */
export interface Painted {
  readonly width: number;
  readonly height: number;
  readonly labels: Uint8Array;
  readonly classes: readonly PaintedClass[];
}

/** One RGBA quadruple for each label: `fill` inside an area, `edge` along its border. */
export interface Inks {
  readonly fill: Uint8ClampedArray;
  readonly edge: Uint8ClampedArray;
}

/** How each label is drawn in this view. A highlighted class stands in the light, everything else behind a veil. */
export function inks(
  classes: readonly PaintedClass[],
  view: Pick<View, 'opacity' | 'original' | 'hidden' | 'highlight'>,
): Inks {
  const fill = new Uint8ClampedArray(256 * 4);
  const edge = new Uint8ClampedArray(256 * 4);
  if (view.original) return { fill, edge };
  const lit = view.highlight !== null && view.highlight < classes.length ? view.highlight : null;
  for (let label = 0; label < 256; label++) {
    const of = classes[label];
    if (lit !== null && label !== lit) {
      fill.set([8, 11, 10, 160], label * 4);
      edge.set([8, 11, 10, 160], label * 4);
    } else if (of !== undefined && (lit === label || !view.hidden.has(of.name))) {
      const alpha = view.opacity * 255;
      // While a class is looked at, its own pixels should show, not its colour.
      fill.set([...of.color, lit === label ? alpha * 0.4 : alpha], label * 4);
      edge.set([...of.color, view.opacity === 0 ? 0 : 255], label * 4);
    }
  }
  return { fill, edge };
}

/** A region: a white line inside its border and a dark one outside, to be seen on any picture. */
export const regionInks: Inks = (() => {
  const fill = new Uint8ClampedArray(256 * 4);
  const edge = new Uint8ClampedArray(256 * 4);
  fill.set([8, 11, 10, 90], 0);
  edge.set([8, 11, 10, 255], 0);
  edge.set([255, 255, 255, 255], 4);
  return { fill, edge };
})();

/**
 * Paints what is shown of a label map of `width` x `height` into a picture of `outWidth` x `outHeight` RGBA pixels: nearest label, and
 * the inner border of each area, `stroke` pixels wide, in the edge ink. Painting at the size of the screen keeps
 * borders equally thin for a thumbnail and for a 50-megapixel photo, and costs the same.
 */
export function paint(
  labels: Uint8Array,
  width: number,
  height: number,
  outWidth: number,
  outHeight: number,
  { fill, edge }: Inks,
  stroke: number,
  { scale, x: left, y: top }: Zoom = whole,
): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(outWidth * outHeight * 4);
  const column = nearest(width, outWidth * scale, outWidth, left);
  const row = nearest(height, outHeight * scale, outHeight, top);
  const at = (x: number, y: number): number =>
    labels[(row[y] ?? 0) * width + (column[x] ?? 0)] ?? UNLABELLED;
  for (let y = 0; y < outHeight; y++) {
    const above = Math.max(0, y - stroke);
    const below = Math.min(outHeight - 1, y + stroke);
    for (let x = 0; x < outWidth; x++) {
      const label = at(x, y);
      const inside =
        at(Math.max(0, x - stroke), y) === label &&
        at(Math.min(outWidth - 1, x + stroke), y) === label &&
        at(x, above) === label &&
        at(x, below) === label;
      const ink = inside ? fill : edge;
      const from = label * 4;
      const to = (y * outWidth + x) * 4;
      out[to] = ink[from] ?? 0;
      out[to + 1] = ink[from + 1] ?? 0;
      out[to + 2] = ink[from + 2] ?? 0;
      out[to + 3] = ink[from + 3] ?? 0;
    }
  }
  return out;
}

/** Of `to` positions, for the first `count` from a part `start` on, the nearest of `from`. */
function nearest(from: number, to: number, count: number, start: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) =>
    Math.min(from - 1, Math.floor(((start * to + index + 0.5) * from) / to)),
  );
}
