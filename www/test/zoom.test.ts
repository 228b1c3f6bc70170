import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moved, toPicture, toStage, whole, withInSight, zoomedAt } from '../src/zoom.js';

test('what lies under the pointer stays there while the zoom changes', () => {
  const once = zoomedAt(whole, [0.25, 0.75], 4, 10);
  assert.deepEqual(toPicture(once, [0.25, 0.75]), [0.25, 0.75]);
  const twice = zoomedAt(once, [0.5, 0.5], 2, 10);
  assert.deepEqual(toPicture(twice, [0.5, 0.5]), toPicture(once, [0.5, 0.5]));
  const back = toStage(twice, toPicture(twice, [0.1, 0.9]));
  assert.deepEqual(
    back.map((part) => part.toFixed(9)),
    ['0.100000000', '0.900000000'],
  );
});

test('the picture is never shown smaller than whole, nor larger than the most', () => {
  assert.deepEqual(zoomedAt(whole, [1, 1], 0.5, 10), whole);
  assert.equal(zoomedAt(whole, [1, 1], 1e9, 10).scale, 10);
  assert.deepEqual(zoomedAt(zoomedAt(whole, [0.3, 0.2], 7, 10), [0.9, 0.1], 0.01, 10), whole);
});

test('the picture moves as far as its borders', () => {
  const corner = zoomedAt(whole, [0, 0], 4, 10);
  assert.deepEqual(moved(corner, [1, 1]), corner);
  assert.deepEqual(moved(corner, [-0.5, 0]), { scale: 4, x: 0.125, y: 0 });
  assert.deepEqual(moved(corner, [-99, -99]), { scale: 4, x: 0.75, y: 0.75 });
});

test('a point that is looked for comes into sight', () => {
  const corner = zoomedAt(whole, [0, 0], 4, 10);
  assert.deepEqual(withInSight(corner, [0.1, 0.1]), corner);
  const [x, y] = toStage(withInSight(corner, [0.9, 0.5]), [0.9, 0.5]);
  assert.ok(x > 0.8 && x < 1 && y > 0.8 && y < 1, `${x} ${y}`);
  assert.deepEqual(withInSight(whole, [1, 1]), whole);
});
