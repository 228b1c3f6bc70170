/** Pixels as `ImageData`, or as an object of its form in runtimes without a canvas. */
export function imageData(
  data: Uint8ClampedArray<ArrayBuffer>,
  width: number,
  height: number,
): ImageData {
  if (globalThis.ImageData) return new ImageData(data, width, height);
  return { data, width, height, colorSpace: 'srgb' } as ImageData;
}
