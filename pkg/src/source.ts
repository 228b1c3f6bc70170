import type { LargestPicture } from './engine.js';
import { messageOf, WordmaskError } from './errors.js';
import type { PictureData } from './protocol.js';

/** What can be encoded: a picture file, its bytes, or anything that holds pixels. */
export type PictureSource =
  | Blob
  | ArrayBuffer
  | Uint8Array
  | ImageData
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas;

interface Size {
  readonly width: number;
  readonly height: number;
}

const fileLimit = 100_000_000;

/**
 * A picture as the engine takes it, in a `Blob` that lasts as long as the page: the picture may be
 * needed again when the engine has died, and what it came from may have changed by then.
 *
 * Files go to the engine as they are, so that every browser decodes them alike. Those that the
 * engine refuses as `unsupported` are for `decodedByBrowser`.
 *
 * @param largest What the engine takes. More is not drawn: the engine gets the size alone, and tells
 *   that it is too much.
 */
export async function pictureData(source: unknown, largest: LargestPicture): Promise<PictureData> {
  if (source instanceof Blob) return fromFile(source);
  if (source instanceof ArrayBuffer) return fromFile(new Blob([source]));
  if (source instanceof Uint8Array) return fromFile(new Blob([source.slice()]));
  if (isA(source, globalThis.ImageData)) return fromImageData(source, largest);
  if (isA(source, globalThis.HTMLImageElement)) return fromImageElement(source, largest);
  if (
    isA(source, globalThis.ImageBitmap) ||
    isA(source, globalThis.HTMLCanvasElement) ||
    isA(source, globalThis.OffscreenCanvas)
  ) {
    return drawn(source, source, largest);
  }
  throw input(
    'This cannot be read as a picture. Give a File or Blob, the bytes of a file, ImageData, an ImageBitmap, an image element or a canvas.',
  );
}

/** What to call a picture in files about it: the name of its own file, where it has one. */
export function fileName(source: unknown): string {
  return (isA(source, globalThis.File) && source.name) || 'picture';
}

/** `instanceof` for classes that do not exist everywhere. */
function isA<T>(value: unknown, type: (new (...args: never[]) => T) | undefined): value is T {
  return typeof type === 'function' && value instanceof type;
}

async function fromFile(blob: Blob): Promise<PictureData> {
  if (blob.size === 0) throw input('The picture file is empty. Choose another one.');
  if (blob.size > fileLimit) {
    throw input(
      `The picture file has ${Math.ceil(blob.size / 1e6)} MB; 100 MB is the most. Make it smaller first.`,
    );
  }
  return { blob };
}

/**
 * A picture file that the engine does not decode, as the browser decodes it.
 *
 * @param refusal What the engine said of it: what is thrown where the browser cannot decode it
 *   either, and outside browsers.
 */
export async function decodedByBrowser(
  blob: Blob,
  refusal: unknown,
  largest: LargestPicture,
): Promise<PictureData> {
  if (typeof createImageBitmap !== 'function' || !canDraw()) throw refusal;
  let bitmap: ImageBitmap | undefined;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: 'from-image' });
  } catch {
    // No bitmap: a drawing of lines perhaps, which is decoded as an element only.
  }
  if (bitmap === undefined) return fromDrawing(blob, refusal, largest);
  try {
    return drawn(bitmap, bitmap, largest);
  } finally {
    bitmap.close();
  }
}

/** An SVG at the size that it asks for. */
async function fromDrawing(
  blob: Blob,
  refusal: unknown,
  largest: LargestPicture,
): Promise<PictureData> {
  if (blob.type !== 'image/svg+xml' || typeof Image !== 'function') throw refusal;
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
    return drawn(image, { width: image.naturalWidth, height: image.naturalHeight }, largest);
  } catch {
    throw refusal;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

async function fromImageData(image: ImageData, largest: LargestPicture): Promise<PictureData> {
  const plain = image.data instanceof Uint8ClampedArray && (image.colorSpace ?? 'srgb') === 'srgb';
  if (plain) {
    const { width, height } = image;
    requirePixels(width, height);
    const blob = new Blob(isTooLarge({ width, height }, largest) ? [] : [image.data.slice()]);
    return { blob, size: { width, height } };
  }
  const bitmap = await createImageBitmap(image);
  try {
    return drawn(bitmap, bitmap, largest);
  } finally {
    bitmap.close();
  }
}

async function fromImageElement(
  image: HTMLImageElement,
  largest: LargestPicture,
): Promise<PictureData> {
  try {
    await image.decode();
  } catch (cause) {
    throw input(
      'The image element holds no picture that can be decoded. Check its address.',
      cause,
    );
  }
  return drawn(image, { width: image.naturalWidth, height: image.naturalHeight }, largest);
}

/** The pixels of anything that can be drawn, as sRGB. */
function drawn(
  source: CanvasImageSource,
  { width, height }: Size,
  largest: LargestPicture,
): PictureData {
  requirePixels(width, height);
  // Without its pixels: the engine looks at the size first, and tells what the largest is.
  if (isTooLarge({ width, height }, largest)) return { blob: new Blob(), size: { width, height } };
  const context = canvas(width, height).getContext('2d', {
    colorSpace: 'srgb',
    willReadFrequently: true,
  });
  if (!context) {
    throw new WordmaskError(
      'out-of-memory',
      'There is no room to draw the picture. Make it smaller.',
    );
  }
  try {
    context.drawImage(source, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return { blob: new Blob([data as Uint8ClampedArray<ArrayBuffer>]), size: { width, height } };
  } catch (cause) {
    throw input(
      `The picture cannot be read (${messageOf(cause)}). A picture from another site needs the attribute crossorigin="anonymous" and a server that allows it.`,
      cause,
    );
  }
}

/** Whether there is a canvas, as in browsers. */
function canDraw(): boolean {
  return typeof OffscreenCanvas === 'function' || typeof document === 'object';
}

function canvas(width: number, height: number): OffscreenCanvas | HTMLCanvasElement {
  if (typeof OffscreenCanvas === 'function') return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

function requirePixels(width: number, height: number): void {
  if (width < 1 || height < 1) throw input('The picture has no pixels. Choose another one.');
}

function isTooLarge({ width, height }: Size, { side, pixels }: LargestPicture): boolean {
  return Math.max(width, height) > side || width * height > pixels;
}

function input(message: string, cause?: unknown): WordmaskError {
  return new WordmaskError('input', message, cause === undefined ? undefined : { cause });
}
