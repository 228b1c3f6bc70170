import {
  boolean,
  type Check,
  defined,
  fraction,
  oneOf,
  optional,
  ownEntries,
  wrong,
} from './checks.js';
import type { EngineCutoutOptions } from './engine.js';
import type { CutoutFormat } from './protocol.js';
import type { PictureSource } from './source.js';

/** The widest feather that the engine takes, in pixels. */
const widestFeather = 100;

/** The strongest blur that the engine takes, in pixels. */
const strongestBlur = 1000;

/** Options of `Segmentation.matte`. */
export interface MatteOptions {
  /**
   * How far from the border alpha may be a fraction, in pixels of the picture: a whole number up to
   * 100; 0 = a hard edge. Default: a 160th of the short side, 2 to 8.
   */
  feather?: number | undefined;
}

/**
 * What lies behind a cut-out: nothing; a colour, as `#rgb`, `#rrggbb` or red, green and blue of 0 to
 * 255; the rest of the picture, blurred with this standard deviation in pixels, above 0 and up to
 * 1000; or another picture, which covers everything from its middle.
 */
export type CutoutBackground =
  | 'transparent'
  | `#${string}`
  | readonly [red: number, green: number, blue: number]
  | { readonly blur: number }
  | PictureSource;

const formats: readonly CutoutFormat[] = ['png', 'webp'];

/** Options of `Segmentation.cutout`. */
export interface CutoutOptions extends MatteOptions {
  /** Whether the result is as small as what is seen of the classes. Default `false`. */
  trim?: boolean | undefined;
  /** Default `transparent`. */
  background?: CutoutBackground | undefined;
  /** WebP is written by the browser, where it can. Default `png`. */
  format?: CutoutFormat | undefined;
  /** Of WebP, 0 to 1. Default 0.9. */
  quality?: number | undefined;
}

/** A picture file, and where what it shows lies in the picture that it was cut out of, in pixels. */
export type Cutout = Blob & {
  readonly bbox: readonly [x: number, y: number, width: number, height: number];
};

/** Options of `Segmentation.cutout`, checked. */
export interface CheckedCutout {
  engine: EngineCutoutOptions;
  /** What goes behind, if that is a picture; it has not been looked at. */
  picture: unknown;
  format: CutoutFormat;
  quality: number;
}

export function checkMatte(options: unknown): number | undefined {
  return optional(ownEntries(options, 'matte', ['feather']), 'feather', feather);
}

export function checkCutout(options: unknown): CheckedCutout {
  const given = ownEntries(options, 'cutout', [
    'feather',
    'trim',
    'background',
    'format',
    'quality',
  ]);
  const format = optional(given, 'format', oneOf(formats)) ?? 'png';
  const quality = optional(given, 'quality', fraction);
  if (quality !== undefined && format === 'png') {
    throw wrong('quality', 'left out for the format "png", which loses nothing');
  }
  const { picture, ...background } = optional(given, 'background', ground) ?? {};
  const engine = {
    feather: optional(given, 'feather', feather),
    trim: optional(given, 'trim', boolean),
    ...background,
  };
  return { engine: defined(engine), picture, format, quality: quality ?? 0.9 };
}

const feather: Check<number> = (value, name) => {
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= widestFeather) {
    return Number(value);
  }
  throw wrong(name, `a whole number of pixels from 0 to ${widestFeather}`);
};

/** A background, taken for a picture if it is neither colour nor blur. */
const ground: Check<{ color?: number[]; blur?: number; picture?: unknown }> = (value, name) => {
  if (value === 'transparent') return {};
  if (typeof value === 'string') return { color: hexColor(value, name) };
  if (Array.isArray(value)) return { color: color(value, name) };
  if (typeof value !== 'object' || value === null) {
    throw wrong(name, '"transparent", a colour, { blur: pixels } or a picture');
  }
  if (!('blur' in value)) return { picture: value };
  return { blur: blur(ownEntries(value, name, ['blur']).get('blur'), `${name}.blur`) };
};

const hexColor: Check<number[]> = (value, name) => {
  const digits = /^#(?:([\da-f])([\da-f])([\da-f])|([\da-f]{2})([\da-f]{2})([\da-f]{2}))$/i;
  const parts = digits.exec(String(value))?.slice(1).filter(Boolean);
  if (!parts) throw wrong(name, '"transparent" or a colour such as "#fc0" or "#ffcc00"');
  return parts.map((part) => Number.parseInt(part.padEnd(2, part), 16));
};

const color: Check<number[]> = (value, name) => {
  const isLevel = (level: unknown) => Number.isInteger(level) && Number(level) >>> 8 === 0;
  if (Array.isArray(value) && value.length === 3 && value.every(isLevel)) return [...value];
  throw wrong(name, 'red, green and blue as whole numbers from 0 to 255');
};

const blur: Check<number> = (value, name) => {
  if (typeof value === 'number' && value > 0 && value <= strongestBlur) return value;
  throw wrong(name, `a number of pixels above 0 and up to ${strongestBlur}`);
};
