/** Where a small box goes so that it stands beside a thing and not over it. Pure; all in pixels of the window. */

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Between the box and the thing, and between the box and the border of the room. */
const GAP = 10;
const MARGIN = 8;

interface Place {
  readonly left: number;
  readonly top: number;
}

/**
 * The place beside a thing, within the room: on the side where it covers least of the thing; among equal sides on the
 * one that moves it least from the point that was asked about.
 */
export function besideThing(
  thing: Box,
  [x, y]: readonly [x: number, y: number],
  { width, height }: { width: number; height: number },
  room: Box,
): Place {
  const [middle, centre] = [x - width / 2, y - height / 2];
  const sides: Place[] = [
    { left: middle, top: thing.top - GAP - height },
    { left: middle, top: thing.bottom + GAP },
    { left: thing.right + GAP, top: centre },
    { left: thing.left - GAP - width, top: centre },
  ];
  const judged = sides.map((side) => {
    const place = {
      left: within(side.left, room.left, room.right - width),
      top: within(side.top, room.top, room.bottom - height),
    };
    const covered = overlap(thing, { ...place, ...size(place, width, height) });
    const away = Math.hypot(place.left - middle, place.top - centre);
    return { place, covered, away };
  });
  judged.sort((a, b) => a.covered - b.covered || a.away - b.away);
  return judged[0]?.place ?? { left: middle, top: centre };
}

const size = ({ left, top }: Place, width: number, height: number) => ({
  right: left + width,
  bottom: top + height,
});

/** As near as the room allows; at its beginning where it is too small. */
function within(at: number, from: number, to: number): number {
  return Math.max(from + MARGIN, Math.min(at, to - MARGIN));
}

/** How many pixels two boxes share. */
function overlap(a: Box, b: Box): number {
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return Math.max(0, across) * Math.max(0, down);
}
