/** Which part of the picture the stage shows. Pure. */

/** A place as parts of width and height: of the picture, or of the stage. */
export type Point = readonly [x: number, y: number];

export interface Zoom {
  /** How many times larger than whole the picture is shown; 1 or more. */
  readonly scale: number;
  /** The upper left corner of what is shown, as parts of the picture. */
  readonly x: number;
  readonly y: number;
}

export const whole: Zoom = { scale: 1, x: 0, y: 0 };

/** What lies at a point of the stage. */
export function toPicture({ scale, x, y }: Zoom, at: Point): Point {
  return [x + at[0] / scale, y + at[1] / scale];
}

/** Where on the stage a point of the picture lies; outside of 0 to 1 if it is not shown. */
export function toStage({ scale, x, y }: Zoom, at: Point): Point {
  return [(at[0] - x) * scale, (at[1] - y) * scale];
}

/** Larger or smaller by a factor; what lies at a point of the stage stays there as far as it can. */
export function zoomedAt(zoom: Zoom, at: Point, factor: number, most: number): Zoom {
  const scale = Math.max(1, Math.min(most, zoom.scale * factor));
  const [x, y] = toPicture(zoom, at);
  return within(scale, x - at[0] / scale, y - at[1] / scale);
}

/** The picture moved by parts of the stage. */
export function moved({ scale, x, y }: Zoom, by: Point): Zoom {
  return within(scale, x - by[0] / scale, y - by[1] / scale);
}

/** Moved no further than it takes to show a point of the picture, with a margin. */
export function withInSight(zoom: Zoom, point: Point): Zoom {
  const margin = 0.1;
  const [left, top] = toStage(zoom, point);
  const into = (part: number) => Math.max(margin, Math.min(1 - margin, part)) - part;
  return moved(zoom, [into(left), into(top)]);
}

/** No further than the picture reaches. */
function within(scale: number, x: number, y: number): Zoom {
  const most = 1 - 1 / scale;
  const clamp = (part: number) => Math.max(0, Math.min(most, part));
  return { scale, x: clamp(x), y: clamp(y) };
}
