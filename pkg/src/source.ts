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

const fileLimit = 100_000_000;
const pixelLimit = 100_000_000;

/**
 * A picture as the engine takes it, in a `Blob` that lasts as long as the page: the picture may be
 * needed again when the engine has died, and what it came from may have changed by then.
 *
 * Files go to the engine as they are, so that every browser decodes them alike; formats that the
 * engine does not read are decoded by the browser.
 */
export async function pictureData(source: unknown): Promise<PictureData> {
  if (source instanceof Blob) return fromFile(source);
  if (source instanceof ArrayBuffer) return fromFile(new Blob([source]));
  if (source instanceof Uint8Array) return fromFile(new Blob([source.slice()]));
  if (isA(source, globalThis.ImageData)) return fromImageData(source);
  if (isA(source, globalThis.HTMLImageElement)) return fromImageElement(source);
  if (
    isA(source, globalThis.ImageBitmap) ||
    isA(source, globalThis.HTMLCanvasElement) ||
    isA(source, globalThis.OffscreenCanvas)
  ) {
    return drawn(source, source.width, source.height);
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
  const format = foreignFormat(await head(blob));
  return format === undefined ? { blob } : decodedByBrowser(blob, format);
}

async function head(blob: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.slice(0, 32).arrayBuffer());
  } catch (cause) {
    throw input('The picture file cannot be read. Choose it again.', cause);
  }
}

/** The name of a format that only the browser may be able to read, by the file's first bytes. */
export function foreignFormat(bytes: Uint8Array): string | undefined {
  const text = String.fromCharCode(...bytes);
  if (text.startsWith('GIF8')) return 'GIF';
  if (text.startsWith('BM')) return 'BMP';
  if (text.slice(4, 8) !== 'ftyp') return undefined;
  // The major brand, then the compatible brands of an ISO base media file.
  const brands = text.slice(8);
  if (/avi[fs]/.test(brands)) return 'AVIF';
  return /hei[cfsxm]|hev[cx]|mif1|msf1/.test(brands) ? 'HEIC' : undefined;
}

async function decodedByBrowser(blob: Blob, format: string): Promise<PictureData> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: 'from-image' });
  } catch (cause) {
    throw input(
      `This browser cannot decode the ${format} file. Save it as JPEG, PNG or WebP.`,
      cause,
    );
  }
  try {
    return drawn(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

async function fromImageData(image: ImageData): Promise<PictureData> {
  const plain = image.data instanceof Uint8ClampedArray && (image.colorSpace ?? 'srgb') === 'srgb';
  if (plain) {
    checkSize(image.width, image.height);
    const blob = new Blob([image.data.slice()]);
    return { blob, size: { width: image.width, height: image.height } };
  }
  const bitmap = await createImageBitmap(image);
  try {
    return drawn(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

async function fromImageElement(image: HTMLImageElement): Promise<PictureData> {
  try {
    await image.decode();
  } catch (cause) {
    throw input(
      'The image element holds no picture that can be decoded. Check its address.',
      cause,
    );
  }
  return drawn(image, image.naturalWidth, image.naturalHeight);
}

/** The pixels of anything that can be drawn, as sRGB. */
function drawn(source: CanvasImageSource, width: number, height: number): PictureData {
  checkSize(width, height);
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

function canvas(width: number, height: number): OffscreenCanvas | HTMLCanvasElement {
  if (typeof OffscreenCanvas === 'function') return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

function checkSize(width: number, height: number): void {
  if (width < 1 || height < 1) throw input('The picture has no pixels. Choose another one.');
  if (width * height > pixelLimit) {
    throw input(
      `The picture has ${width} × ${height} pixels; 100 million is the most. Make it smaller first.`,
    );
  }
}

function input(message: string, cause?: unknown): WordmaskError {
  return new WordmaskError('input', message, cause === undefined ? undefined : { cause });
}
