/**
 * What the user has said of single pixels: that they belong to a class, by its name, or to none. Laid over whatever the
 * model says, so that it survives other words, another method and sharper masks. Pure.
 *
 * Pixels lie in square tiles that are never changed, only replaced: a step back keeps the tiles of before, and costs what
 * was touched since.
 */
import { paint } from 'wordmask';

interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Corrections extends Size {
  /** The names that tiles refer to. */
  readonly names: readonly string[];
  /** By row and column of tiles; a tile without a corrected pixel is not there. */
  readonly tiles: ReadonlyMap<number, Tile>;
}

/** For each pixel 0 where the model's word stands, 1 for no class, or 2 + the index of a name. */
type Tile = Uint16Array;

/** Pixels of the picture: those in a rectangle that are not zero. */
export interface Patch extends Size {
  readonly left: number;
  readonly top: number;
  readonly inside: Uint8Array;
}

/** Of a tile, in pixels. */
const SIDE = 64;
const NO_CLASS = 1;
const FIRST_NAME = 2;
const UNLABELLED = 255;

/** Tiles of a single value, which are most of a large region, and are one and the same. */
const uniform = new Map<number, Tile>();

/**
 * One more correction on top of those before.
 *
 * @param size Of the picture.
 * @param name The class that the pixels belong to, or `null` for none.
 */
export function correct(
  before: Corrections | null,
  size: Size,
  patch: Patch,
  name: string | null,
): Corrections {
  const { width, height } = size;
  const fits = before !== null && before.width === width && before.height === height;
  const names = fits ? before.names : [];
  const known = name === null ? -1 : names.indexOf(name);
  const grown = name === null || known >= 0 ? names : [...names, name];
  const value = name === null ? NO_CLASS : FIRST_NAME + grown.indexOf(name);
  const tiles = new Map(fits ? before.tiles : []);
  const across = Math.ceil(width / SIDE);
  for (const [column, row] of tilesUnder(patch, size)) {
    const at = row * across + column;
    const tile = stamped(tiles.get(at), patch, column * SIDE, row * SIDE, value);
    if (tile !== null) tiles.set(at, tile);
  }
  return { width, height, names: grown, tiles };
}

/** The columns and rows of the tiles that a patch reaches within a picture. */
function* tilesUnder(patch: Patch, { width, height }: Size): Generator<[number, number]> {
  const right = Math.min(width, patch.left + patch.width);
  const bottom = Math.min(height, patch.top + patch.height);
  for (let row = Math.floor(patch.top / SIDE); row * SIDE < bottom; row++) {
    for (let column = Math.floor(patch.left / SIDE); column * SIDE < right; column++) {
      yield [column, row];
    }
  }
}

/** A tile with what a patch has inside of it; `null` where that is nothing. */
function stamped(
  before: Tile | undefined,
  { left, top, width, height, inside }: Patch,
  x0: number,
  y0: number,
  value: number,
): Tile | null {
  let tile: Tile | null = null;
  for (let y = Math.max(top, y0); y < Math.min(top + height, y0 + SIDE); y++) {
    for (let x = Math.max(left, x0); x < Math.min(left + width, x0 + SIDE); x++) {
      if (inside[(y - top) * width + x - left] === 0) continue;
      tile ??= before === undefined ? new Uint16Array(SIDE * SIDE) : before.slice();
      tile[(y - y0) * SIDE + x - x0] = value;
    }
  }
  if (tile === null || tile.some((pixel) => pixel !== value)) return tile;
  const shared = uniform.get(value) ?? tile;
  uniform.set(value, shared);
  return shared;
}

/**
 * Labels with the corrections on top. A name that is no class now says nothing: its pixels are as the model has them.
 *
 * @param classes The classes of these labels.
 */
export function applied(
  { width, height, labels }: Size & { readonly labels: Uint8Array },
  classes: readonly { readonly name: string }[],
  corrections: Corrections,
): Uint8Array {
  if (corrections.width !== width || corrections.height !== height) return labels;
  const index = (name: string) => classes.findIndex((of) => of.name === name);
  const meaning = [-1, UNLABELLED, ...corrections.names.map(index)];
  const out = labels.slice();
  const across = Math.ceil(width / SIDE);
  for (const [at, tile] of corrections.tiles) {
    const [left, top] = [(at % across) * SIDE, Math.floor(at / across) * SIDE];
    for (let y = top; y < Math.min(height, top + SIDE); y++) {
      for (let x = left; x < Math.min(width, left + SIDE); x++) {
        const label = meaning[tile[(y - top) * SIDE + x - left] ?? 0] ?? -1;
        if (label >= 0) out[y * width + x] = label;
      }
    }
  }
  return out;
}

/** The pixels under a stroke of a brush, as far as they are of the picture; `null` where none are. */
export function strokePatch(
  points: readonly (readonly [x: number, y: number])[],
  radius: number,
  size: Size,
): Patch | null {
  const reach = (axis: 0 | 1, most: number): [number, number] => {
    const places = points.map((point) => point[axis]);
    const from = Math.max(0, Math.floor(Math.min(...places) - radius));
    return [from, Math.min(most, Math.ceil(Math.max(...places) + radius)) - from];
  };
  const [left, width] = reach(0, size.width);
  const [top, height] = reach(1, size.height);
  if (!(width > 0 && height > 0)) return null;
  const there = points.map(([x, y]) => [x - left, y - top] as const);
  const blank = { width, height, labels: new Uint8Array(width * height) };
  return {
    left,
    top,
    width,
    height,
    inside: paint(blank, { points: there, radius, label: 1 }).labels,
  };
}

/** The pixels of a region that `regionAt` gave. */
export function regionPatch({ width, height, mask }: Size & { readonly mask: Uint8Array }): Patch {
  return { left: 0, top: 0, width, height, inside: mask };
}
