import { wrong } from './checks.js';
import { checkLabelMap, type LabelMap, type Mask, maskPixels, UNLABELLED } from './masks.js';
import type { Region } from './picture.js';

/** A label map that is nobody else's. */
export interface OwnLabelMap extends LabelMap {
  readonly labels: Uint8Array;
}

/** A stroke of a brush: a disc that is drawn along a line. */
export interface Stroke {
  /** The corners of the line, in pixels from the upper left corner of the picture; a single one makes a dot. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Of the disc, in pixels. */
  readonly radius: number;
  /** The class index that pixels get, or 255 to take their class away. */
  readonly label: number;
}

/** No picture reaches this far, and squares of such numbers stay exact enough. */
const farthest = 1e7;

/**
 * A label map in which a region belongs to a class. The given one stays as it is.
 *
 * @param map Labels of a picture, such as a `Segmentation`.
 * @param region What `regionAt` gives, or any mask of the picture's size.
 * @param label A class index, or 255 to take the region's class away.
 */
export function withRegion(map: LabelMap, region: Region | Mask, label: number): OwnLabelMap {
  const { width, height, labels } = checkLabelMap(map, 'map');
  const value = checkLabel(label);
  const inside = maskPixels(region, 'region', { width, height });
  for (let pixel = 0; pixel < labels.length; pixel++) if (inside[pixel]) labels[pixel] = value;
  return { width, height, labels };
}

/**
 * A label map with a stroke of a brush: every pixel whose centre is within the radius of the line.
 * The given one stays as it is. What lies beyond the picture is cut off.
 *
 * @param map Labels of a picture, such as a `Segmentation`.
 */
export function paint(map: LabelMap, stroke: Stroke): OwnLabelMap {
  const { width, height, labels } = checkLabelMap(map, 'map');
  const { points, radius, label } = checkStroke(stroke);
  for (const [index, point] of points.entries()) {
    const from = points[Math.max(0, index - 1)] ?? point;
    for (const [row, start, end] of rowsNear(from, point, radius, height)) {
      const first = Math.max(0, start);
      if (first < Math.min(width, end))
        labels.fill(label, row * width + first, row * width + Math.min(width, end));
    }
  }
  return { width, height, labels };
}

type Point = readonly [x: number, y: number];

/**
 * The pixels near a line from point to point, as a stretch of each row. What is near has no dent, so
 * that a stretch reaches from the leftmost to the rightmost of its parts: a disc at either end, and
 * the band between them.
 */
function* rowsNear(
  a: Point,
  b: Point,
  radius: number,
  height: number,
): Generator<[row: number, start: number, end: number], void, void> {
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
  const [dx, dy] = [((b[0] - a[0]) * radius) / length, ((b[1] - a[1]) * radius) / length];
  const sides: [Point, Point][] = [
    [
      [a[0] - dy, a[1] + dx],
      [b[0] - dy, b[1] + dx],
    ],
    [
      [a[0] + dy, a[1] - dx],
      [b[0] + dy, b[1] - dx],
    ],
  ];
  const top = Math.max(0, Math.ceil(Math.min(a[1], b[1]) - radius - 0.5));
  const bottom = Math.min(height - 1, Math.floor(Math.max(a[1], b[1]) + radius - 0.5));
  for (let row = top; row <= bottom; row++) {
    const y = row + 0.5;
    const reached: number[] = [];
    for (const [px, py] of [a, b]) {
      const half = Math.sqrt(radius ** 2 - (y - py) ** 2);
      if (half >= 0) reached.push(px - half, px + half);
    }
    for (const [[x0, y0], [x1, y1]] of sides) {
      const along = (y - y0) / (y1 - y0);
      // Neither for a level side, whose ends the discs reach, nor for a dot, which has none.
      if (along >= 0 && along <= 1) reached.push(x0 + along * (x1 - x0));
    }
    if (reached.length > 0) {
      const start = Math.ceil(Math.min(...reached) - 0.5);
      yield [row, start, Math.floor(Math.max(...reached) - 0.5) + 1];
    }
  }
}

function checkLabel(label: unknown): number {
  const isLabel = Number.isInteger(label) && Number(label) >= 0 && Number(label) <= UNLABELLED;
  if (isLabel) return Number(label);
  throw wrong('label', `a class index, or ${UNLABELLED} for no class`);
}

function checkStroke(stroke: unknown): Stroke {
  if (typeof stroke !== 'object' || stroke === null) throw wrong('stroke', 'an object');
  const given = new Map<string, unknown>(Object.entries(stroke));
  const radius = given.get('radius');
  if (typeof radius !== 'number' || !(radius > 0 && radius <= farthest)) {
    throw wrong('radius', 'a number of pixels above 0');
  }
  const points = given.get('points');
  if (!Array.isArray(points)) throw wrong('points', 'an array of points');
  return {
    points: Array.from(points, checkPoint),
    radius,
    label: checkLabel(given.get('label')),
  };
}

function checkPoint(point: unknown, index: number): Point {
  const isCoordinate = (value: unknown) => typeof value === 'number' && Math.abs(value) <= farthest;
  if (!Array.isArray(point) || point.length !== 2 || !point.every(isCoordinate)) {
    throw wrong(`points[${index}]`, 'a point [x, y] in pixels');
  }
  return [point[0], point[1]];
}
