/** COCO's run lengths: a mask as numbers of pixels outside, inside, outside, …, column by column. */

/** Gathers runs. Neighbouring runs become one; only the first one, outside, may be empty. */
class Runs {
  readonly #counts = [0];
  #end = 0;

  /** Says that the pixels from one position to before another are inside, and skipped ones not. */
  inside(from: number, to: number): void {
    if (to <= from) return;
    if (from > this.#end) this.#add(from - this.#end, 0);
    this.#add(to - from, 1);
    this.#end = to;
  }

  finish(pixels: number): number[] {
    if (pixels > this.#end) this.#add(pixels - this.#end, 0);
    return this.#counts;
  }

  /** @param side 0 = outside, 1 = inside: the parity of the run's place. */
  #add(length: number, side: 0 | 1): void {
    const last = this.#counts.length - 1;
    if (last % 2 === side) this.#counts[last] = (this.#counts[last] ?? 0) + length;
    else this.#counts.push(length);
  }
}

/** The runs of every label that occurs, in one pass over a row-major label map. */
export function runsOfLabels(
  labels: ArrayLike<number>,
  width: number,
  height: number,
): Map<number, number[]> {
  const found = new Map<number, Runs>();
  let label = labels[0] ?? 0;
  let start = 0;
  const close = (position: number): void => {
    let runs = found.get(label);
    if (!runs) {
      runs = new Runs();
      found.set(label, runs);
    }
    runs.inside(start, position);
    start = position;
  };
  let position = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++, position++) {
      const next = labels[y * width + x] ?? 0;
      if (next === label) continue;
      close(position);
      label = next;
    }
  }
  close(position);
  return new Map([...found].map(([of, runs]) => [of, runs.finish(width * height)]));
}

/** The runs of a row-major mask whose pixels inside are not zero. */
export function runsOfBitmap(data: ArrayLike<number>, width: number, height: number): number[] {
  const runs = new Runs();
  let position = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++, position++) {
      if (data[y * width + x]) runs.inside(position, position + 1);
    }
  }
  return runs.finish(width * height);
}

/**
 * The runs of the union of polygons, each a list x, y, x, y, … in pixels. A pixel is inside a
 * polygon if its centre is, by the even-odd rule. What lies beyond the picture is cut off.
 */
export function runsOfPolygons(
  polygons: readonly (readonly number[])[],
  width: number,
  height: number,
): number[] {
  const columns = Array.from({ length: width }, (): [from: number, to: number][] => []);
  for (const polygon of polygons) {
    crossings(polygon, width).forEach((rows, column) => {
      rows.sort((a, b) => a - b);
      for (let pair = 0; pair + 1 < rows.length; pair += 2) {
        const from = firstCentre(rows[pair] ?? 0, height);
        const to = firstCentre(rows[pair + 1] ?? 0, height);
        columns[column]?.push([from, to]);
      }
    });
  }
  const runs = new Runs();
  columns.forEach((intervals, column) => {
    intervals.sort(([a], [b]) => a - b);
    let done = 0;
    for (const [from, to] of intervals) {
      runs.inside(column * height + Math.max(from, done), column * height + to);
      done = Math.max(done, to);
    }
  });
  return runs.finish(width * height);
}

/** Where the outline of a polygon crosses the centre line of each column it reaches. */
function crossings(polygon: readonly number[], width: number): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  let [x0, y0] = [polygon.at(-2) ?? 0, polygon.at(-1) ?? 0];
  for (let at = 0; at + 1 < polygon.length; at += 2) {
    const [x1, y1] = [polygon[at] ?? 0, polygon[at + 1] ?? 0];
    // Half-open, so that a corner on a centre line counts once and a vertical edge not at all.
    const end = firstCentre(Math.max(x0, x1), width);
    for (let column = firstCentre(Math.min(x0, x1), width); column < end; column++) {
      const y = y0 + ((column + 0.5 - x0) / (x1 - x0)) * (y1 - y0);
      const known = rows.get(column);
      if (known) known.push(y);
      else rows.set(column, [y]);
    }
    [x0, y0] = [x1, y1];
  }
  return rows;
}

/** The first of `count` pixels whose centre does not lie before this coordinate. */
function firstCentre(coordinate: number, count: number): number {
  return Math.max(0, Math.min(count, Math.ceil(coordinate - 0.5)));
}

/** The same mask in runs of which only the first may be empty. */
export function tidyRuns(counts: readonly number[]): number[] {
  const runs = new Runs();
  let position = 0;
  counts.forEach((count, index) => {
    if (index % 2 === 1) runs.inside(position, position + count);
    position += count;
  });
  return runs.finish(position);
}

/** The mask as row-major pixels: 1 inside, 0 outside. */
export function pixelsOfRuns(
  counts: readonly number[],
  width: number,
  height: number,
): Uint8Array<ArrayBuffer> {
  const pixels = new Uint8Array(width * height);
  let position = 0;
  counts.forEach((count, index) => {
    const end = position + count;
    if (index % 2 === 1) {
      for (let at = position; at < end; at++) {
        pixels[(at % height) * width + Math.floor(at / height)] = 1;
      }
    }
    position = end;
  });
  return pixels;
}

/**
 * The compressed string of COCO files (`rleToString` of pycocotools): from the fourth run on the
 * difference to the run two before; each number in groups of five bits, low group first, bit 5
 * saying that more follow, two's complement, offset by 48 to printable characters.
 */
export function compress(counts: readonly number[]): string {
  const codes: number[] = [];
  counts.forEach((count, index) => {
    let value = index > 2 ? count - (counts[index - 2] ?? 0) : count;
    for (;;) {
      const group = value & 0x1f;
      value >>= 5;
      const last = value === (group & 0x10 ? -1 : 0);
      codes.push((last ? group : group | 0x20) + 48);
      if (last) break;
    }
  });
  // In pieces, because a call takes only so many arguments.
  let text = '';
  for (let at = 0; at < codes.length; at += 4096) {
    text += String.fromCharCode(...codes.slice(at, at + 4096));
  }
  return text;
}

/** The runs of a compressed string, or `undefined` if it is none. */
export function decompress(text: string): number[] | undefined {
  const counts: number[] = [];
  let value = 0;
  let bits = 0;
  for (let at = 0; at < text.length; at++) {
    const group = text.charCodeAt(at) - 48;
    // Seven groups hold the difference of two 32-bit runs; shifts would not.
    if (group < 0 || group > 0x3f || bits >= 35) return undefined;
    value += (group & 0x1f) * 2 ** bits;
    bits += 5;
    if (group & 0x20) continue;
    if (group & 0x10) value -= 2 ** bits;
    const count = counts.length > 2 ? value + (counts.at(-2) ?? 0) : value;
    if (count < 0) return undefined;
    counts.push(count);
    [value, bits] = [0, 0];
  }
  return bits === 0 ? counts : undefined;
}
