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
  const [x1, y1] = [Math.min(left + width, x0 + SIDE), Math.min(top + height, y0 + SIDE)];
  let tile: Tile | null = null;
  for (let y = Math.max(top, y0); y < y1; y++) {
    const [from, to] = [(y - top) * width - left, (y - y0) * SIDE - x0];
    for (let x = Math.max(left, x0); x < x1; x++) {
      if (inside[from + x] === 0) continue;
      if (tile === null)
        tile = before === undefined ? new Uint16Array(SIDE * SIDE) : before.slice();
      tile[to + x] = value;
    }
  }
  if (tile === null || !isUniform(tile, value)) return tile;
  const shared = uniform.get(value) ?? tile;
  uniform.set(value, shared);
  return shared;
}

function isUniform(tile: Tile, value: number): boolean {
  // Not `every`, which calls a function for each pixel of a large region.
  for (const pixel of tile) if (pixel !== value) return false;
  return true;
}

/** What the model says of a picture. */
interface Labelled extends Size {
  readonly labels: Uint8Array;
  readonly classes: readonly { readonly name: string }[];
}

/**
 * Labels with the corrections on top. A name that is no class now says nothing: its pixels are as the model has them.
 * Corrections of a picture of another size say nothing at all.
 */
export function applied(map: Labelled, corrections: Corrections): Uint8Array {
  const out = map.labels.slice();
  if (!sameSize(map, corrections)) return out;
  const labels = meaning(corrections.names, map.classes);
  for (const at of corrections.tiles.keys()) lay(out, map, corrections, at, labels);
  return out;
}

/**
 * Brings labels with corrections on top up to other corrections, in their place; it costs what differs between the two.
 *
 * @param out What `applied` made of the corrections before.
 */
export function reapply(
  out: Uint8Array,
  map: Labelled,
  before: Corrections,
  corrections: Corrections,
): void {
  if (!sameSize(map, corrections) || !continues(before, corrections)) {
    out.set(applied(map, corrections));
    return;
  }
  const labels = meaning(corrections.names, map.classes);
  for (const at of new Set([...before.tiles.keys(), ...corrections.tiles.keys()])) {
    if (before.tiles.get(at) !== corrections.tiles.get(at)) lay(out, map, corrections, at, labels);
  }
}

function sameSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}

/** Whether the same tile means the same in both. */
function continues(before: Corrections, now: Corrections): boolean {
  return (
    sameSize(before, now) && now.names.every((name, at) => (before.names[at] ?? name) === name)
  );
}

/** The label for each value of a tile; -1 where the model's word stands. */
function meaning(names: readonly string[], classes: Labelled['classes']): Int16Array {
  const index = (name: string) => classes.findIndex((of) => of.name === name);
  return Int16Array.of(-1, UNLABELLED, ...names.map(index));
}

/** Writes the labels of one tile: what the model says, and the corrections on top. */
function lay(
  out: Uint8Array,
  { width, height, labels }: Labelled,
  { tiles }: Corrections,
  at: number,
  meant: Int16Array,
): void {
  const across = Math.ceil(width / SIDE);
  const [left, top] = [(at % across) * SIDE, Math.floor(at / across) * SIDE];
  const right = Math.min(width, left + SIDE);
  const tile = tiles.get(at);
  for (let y = top; y < Math.min(height, top + SIDE); y++) {
    const row = y * width;
    out.set(labels.subarray(row + left, row + right), row + left);
    if (tile === undefined) continue;
    const from = (y - top) * SIDE - left;
    for (let x = left; x < right; x++) {
      const label = meant[tile[from + x] ?? 0] ?? -1;
      if (label >= 0) out[row + x] = label;
    }
  }
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
