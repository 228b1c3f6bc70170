import assert from 'node:assert/strict';
import { test } from 'node:test';
import { besideThing } from '../src/placing.js';

const room = { left: 0, top: 0, right: 1000, bottom: 800 };
const box = { width: 260, height: 140 };

/** Whether the box at this place shares a pixel with the thing, or leaves the room. */
function isClear(
  thing: { left: number; top: number; right: number; bottom: number },
  place: { left: number; top: number },
): boolean {
  const [right, bottom] = [place.left + box.width, place.top + box.height];
  const apart =
    right <= thing.left ||
    place.left >= thing.right ||
    bottom <= thing.top ||
    place.top >= thing.bottom;
  return apart && place.left >= 0 && place.top >= 0 && right <= room.right && bottom <= room.bottom;
}

test('the box is beside the thing wherever there is room on a side', () => {
  for (let left = 0; left < 1000; left += 90) {
    for (let top = 0; top < 800; top += 90) {
      for (const side of [1, 60, 300, 500]) {
        const thing = {
          left,
          top,
          right: Math.min(1000, left + side),
          bottom: Math.min(800, top + side),
        };
        const point = [(thing.left + thing.right) / 2, (thing.top + thing.bottom) / 2] as const;
        const place = besideThing(thing, point, box, room);
        assert.ok(isClear(thing, place), JSON.stringify({ thing, place }));
      }
    }
  }
});

test('the box is on the side that is nearest to the point', () => {
  const thing = { left: 300, top: 300, right: 700, bottom: 500 };
  assert.deepEqual(besideThing(thing, [500, 320], box, room), { left: 370, top: 150 });
  assert.deepEqual(besideThing(thing, [500, 480], box, room), { left: 370, top: 510 });
  const tall = { left: 450, top: 100, right: 550, bottom: 700 };
  assert.deepEqual(besideThing(tall, [460, 400], box, room), { left: 180, top: 330 });
});

test('where the thing is everywhere, the box stays in the room', () => {
  const place = besideThing(room, [500, 400], box, room);
  assert.ok(place.left >= 0 && place.top >= 0);
  assert.ok(place.left + box.width <= 1000 && place.top + box.height <= 800);
});
