/** Corrections as bytes, to be kept for the next visit. Pure. */
import type { Corrections } from './corrections.js';

/** A tile as runs of one value each: the value, how many pixels, and so on. */
function runsOf(tile: Uint16Array): number[] {
  const runs: number[] = [];
  for (let from = 0, at = 1; at <= tile.length; at++) {
    if (at < tile.length && tile[at] === tile[from]) continue;
    runs.push(tile[from] ?? 0, at - from);
    from = at;
  }
  return runs;
}

/** The names and the size as a line of JSON, and then for each tile its place, how many numbers follow, and its runs. */
export function packed({ width, height, names, tiles }: Corrections): Uint8Array<ArrayBuffer> {
  const numbers: number[] = [];
  for (const [place, tile] of tiles) {
    const runs = runsOf(tile);
    numbers.push(place, runs.length);
    for (const run of runs) numbers.push(run);
  }
  const head = new TextEncoder().encode(`${JSON.stringify({ width, height, names })}\n`);
  const out = new Uint8Array(head.length + numbers.length * 4);
  out.set(head);
  const view = new DataView(out.buffer, head.length);
  for (const [at, value] of numbers.entries()) view.setUint32(at * 4, value);
  return out;
}

/** What `packed` made; it throws for anything else. */
export function unpacked(bytes: Uint8Array<ArrayBuffer>, side = 64): Corrections {
  const end = bytes.indexOf(10);
  const { width, height, names } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  const view = new DataView(bytes.buffer, bytes.byteOffset + end + 1);
  const next = (at: number) => view.getUint32(at * 4);
  const tiles = new Map<number, Uint16Array>();
  for (let at = 0; at * 4 < view.byteLength; ) {
    const [place, count] = [next(at), next(at + 1)];
    const tile = new Uint16Array(side * side);
    let filled = 0;
    at += 2;
    for (const last = at + count; at < last; at += 2) {
      const [value, run] = [next(at), next(at + 1)];
      tile.fill(value, filled, filled + run);
      filled += run;
    }
    if (filled !== tile.length) throw new RangeError('These corrections are not complete.');
    tiles.set(place, tile);
  }
  return { width, height, names, tiles };
}
