import { positiveInteger } from './checks.js';
import type { EngineMask } from './engine.js';
import { WordmaskError } from './errors.js';
import {
  compress,
  decompress,
  pixelsOfRuns,
  runsOfBitmap,
  runsOfLabels,
  runsOfPolygons,
  tidyRuns,
} from './rle.js';

/** A mask as pixels, row by row; those that are not zero are inside. */
export interface BitmapMask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** A mask as COCO's run lengths, compressed or as a list. */
export interface RleMask {
  readonly size: readonly [height: number, width: number];
  readonly counts: string | readonly number[];
}

/** A mask as polygons, each a list x, y, x, y, … in pixels: every pixel whose centre is in one of them. */
export interface PolygonMask {
  readonly width: number;
  readonly height: number;
  readonly polygons: readonly (readonly number[])[];
}

/** A mask of the size of its picture. */
export type Mask = BitmapMask | RleMask | PolygonMask;

/** A mask for every label, of the size of the picture; 255 = no label. A `Segmentation` is one. */
export interface LabelMap {
  readonly width: number;
  readonly height: number;
  readonly labels: Uint8Array | Uint8ClampedArray;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The label of pixels without a class. */
export const UNLABELLED = 255;

/** No polygon of a picture reaches this far, and sums of such numbers stay exact enough. */
const farthest = 1e9;

/**
 * The masks as the engine takes them, one after the other; `undefined` where there is no pixel
 * inside. Of a label map, the masks by label, up to the highest one that occurs.
 *
 * @throws WordmaskError with the code `input` for what is no mask or has not this size.
 */
export function* engineMasks(
  masks: unknown,
  size: Size,
): Generator<EngineMask | undefined, void, void> {
  if (Array.isArray(masks)) {
    for (const [index, mask] of masks.entries()) {
      yield packed(runsOf(fields(mask, `masks[${index}]`), `masks[${index}]`, size), size);
    }
    return;
  }
  const given = fields(masks, 'masks');
  if (!given.has('labels')) throw noMask('masks', 'an array of masks or a label map');
  const { width, height } = sized(given, 'masks', size);
  const runs = runsOfLabels(pixels(given, 'labels', 'masks', size), width, height);
  runs.delete(UNLABELLED);
  for (let label = 0; label <= Math.max(-1, ...runs.keys()); label++) {
    yield packed(runs.get(label) ?? [], size);
  }
}

/** The runs of one mask, whatever its form. */
function runsOf(given: ReadonlyMap<string, unknown>, name: string, size: Size): number[] {
  if (given.has('counts')) return runsOfRle(given, name, size);
  const { width, height } = sized(given, name, size);
  if (given.has('data')) return runsOfBitmap(pixels(given, 'data', name, size), width, height);
  if (given.has('polygons')) return runsOfPolygons(polygons(given, name), width, height);
  throw noMask(name, 'a mask with "data", "counts" or "polygons"');
}

function runsOfRle(given: ReadonlyMap<string, unknown>, name: string, size: Size): number[] {
  const shape = given.get('size');
  if (!Array.isArray(shape) || shape.length !== 2) throw noMask(`${name}.size`, '[height, width]');
  sameSize(shape[1], shape[0], name, size);
  const counts = given.get('counts');
  const runs = typeof counts === 'string' ? decompress(counts) : counts;
  const isRun = (run: unknown) => Number.isSafeInteger(run) && Number(run) >= 0;
  if (!Array.isArray(runs) || !runs.every(isRun)) {
    throw noMask(`${name}.counts`, "run lengths as COCO's files have them");
  }
  const total = runs.reduce((sum: number, run: number) => sum + run, 0);
  if (total !== size.width * size.height) {
    throw new WordmaskError(
      'input',
      `The runs of ${name} add up to ${total} pixels, and the picture has ${size.width * size.height}.`,
    );
  }
  return tidyRuns(runs);
}

function polygons(given: ReadonlyMap<string, unknown>, name: string): number[][] {
  const list = given.get('polygons');
  if (!Array.isArray(list)) throw noMask(`${name}.polygons`, 'an array of polygons');
  const isCoordinate = (value: unknown) => typeof value === 'number' && Math.abs(value) <= farthest;
  list.forEach((polygon: unknown, index) => {
    const isPolygon = Array.isArray(polygon) && polygon.length >= 6 && polygon.length % 2 === 0;
    if (!isPolygon || !Array.from(polygon).every(isCoordinate)) {
      throw noMask(`${name}.polygons[${index}]`, 'a list x, y, x, y, … of three points or more');
    }
  });
  return list;
}

/**
 * The pixels inside a mask, 1 each, whatever its form; a region's are those of its `mask`.
 *
 * @throws WordmaskError with the code `input` for what is no mask or has not this size.
 */
export function maskPixels(mask: unknown, name: string, size: Size): Uint8Array {
  const given = fields(mask, name);
  const key = given.has('mask') ? 'mask' : 'data';
  if (!given.has(key)) return pixelsOfRuns(runsOf(given, name, size), size.width, size.height);
  sized(given, name, size);
  return Uint8Array.from(pixels(given, key, name, size), (inside) => (inside === 0 ? 0 : 1));
}

/**
 * The label map, in an array of its own.
 *
 * @throws WordmaskError with the code `input` for what is none.
 */
export function checkLabelMap(map: unknown, name: string): LabelMap & { labels: Uint8Array } {
  const given = fields(map, name);
  const side = (key: 'width' | 'height') => positiveInteger(given.get(key), `${name}.${key}`);
  const size = { width: side('width'), height: side('height') };
  return { ...size, labels: new Uint8Array(pixels(given, 'labels', name, size)) };
}

/**
 * Labels of a picture of this size, in an array of their own.
 *
 * @throws WordmaskError with the code `input` if they have not this size, or one is no class.
 */
export function checkLabels(labels: unknown, size: Size, classes: number): Uint8Array {
  const given = new Map([['labels', labels]]);
  const own = new Uint8Array(pixels(given, 'labels', undefined, size));
  const strange = own.find((label) => label >= classes && label !== UNLABELLED);
  if (strange === undefined) return own;
  throw new WordmaskError(
    'input',
    `"labels" holds ${strange}, and there are ${classes} classes: a label is the index of one, or ${UNLABELLED} for none.`,
  );
}

/** The pixels under this key, one for each of the picture. */
function pixels(
  given: ReadonlyMap<string, unknown>,
  key: 'data' | 'labels' | 'mask',
  name: string | undefined,
  { width, height }: Size,
): Uint8Array | Uint8ClampedArray {
  const data = given.get(key);
  const isBytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  if (!isBytes || data.length !== width * height) {
    throw noMask(
      name === undefined ? key : `${name}.${key}`,
      `a Uint8Array of ${width * height} values, one for each pixel of the picture`,
    );
  }
  return data;
}

function sized(given: ReadonlyMap<string, unknown>, name: string, size: Size): Size {
  sameSize(given.get('width'), given.get('height'), name, size);
  return size;
}

function sameSize(width: unknown, height: unknown, name: string, size: Size): void {
  if (width === size.width && height === size.height) return;
  throw new WordmaskError(
    'input',
    `"${name}" is ${String(width)} × ${String(height)}, and the picture is ${size.width} × ${size.height}. A mask needs the size of its picture, which encode tells.`,
  );
}

function fields(value: unknown, name: string): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null) throw noMask(name, 'an object');
  return new Map(Object.entries(value));
}

function packed(runs: readonly number[], { width, height }: Size): EngineMask | undefined {
  return runs.length > 1 ? { size: [height, width], counts: compress(runs) } : undefined;
}

function noMask(name: string, expected: string): WordmaskError {
  return new WordmaskError('input', `"${name}" must be ${expected}.`);
}
