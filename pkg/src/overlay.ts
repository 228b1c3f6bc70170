import type { ClassSummary } from './engine.js';

/**
 * Paints each labelled pixel in the colour of its class.
 *
 * @param labels One class index per pixel; an index without a class, such as 255, stays transparent.
 * @param opacity The alpha of labelled pixels, 0 to 1.
 * @returns RGBA, four bytes per pixel, alpha not premultiplied.
 */
export function paint(
  labels: Uint8Array,
  classes: readonly Pick<ClassSummary, 'color'>[],
  opacity: number,
): Uint8ClampedArray<ArrayBuffer> {
  const palette = new Uint8ClampedArray(256 * 4);
  const alpha = Math.round(opacity * 255);
  classes.slice(0, 255).forEach(({ color }, index) => {
    palette.set([...color, alpha], index * 4);
  });
  // Whole pixels are copied as 32-bit words, which is the same in either byte order.
  const words = new Uint32Array(palette.buffer);
  const painted = Uint32Array.from(labels, (label) => words[label] ?? 0);
  return new Uint8ClampedArray(painted.buffer);
}
