import { WordmaskError } from './errors.js';

/**
 * Pixels as a WebP file, by the browser. What is partly transparent is rounded on the way, since
 * canvases keep colours multiplied with alpha.
 *
 * @param rgba Four bytes a pixel, alpha not premultiplied.
 * @throws WordmaskError with the code `unsupported` where there is no canvas in workers, or it does
 * not write WebP.
 */
export async function webp(
  rgba: Uint8Array,
  width: number,
  height: number,
  quality: number,
): Promise<Uint8Array> {
  const canvas = globalThis.OffscreenCanvas && new OffscreenCanvas(width, height);
  const context = canvas?.getContext('2d');
  if (!canvas || !context) throw unable();
  const pixels = new Uint8ClampedArray(rgba.buffer as ArrayBuffer, rgba.byteOffset, rgba.length);
  context.putImageData(new ImageData(pixels, width, height), 0, 0);
  const file = await canvas.convertToBlob({ type: 'image/webp', quality });
  // Browsers that cannot write what is asked for write PNG.
  if (file.type !== 'image/webp') throw unable();
  return new Uint8Array(await file.arrayBuffer());
}

function unable(): WordmaskError {
  return new WordmaskError(
    'unsupported',
    'WebP cannot be written here: it takes a browser that does. Choose the format "png".',
  );
}
