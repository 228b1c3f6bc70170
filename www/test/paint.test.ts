import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inks, type PaintedClass, paint, regionInks } from '../src/paint.js';
import { initialState, type View } from '../src/state.js';

const classes: PaintedClass[] = [
  { name: 'red', color: [255, 0, 0] },
  { name: 'blue', color: [0, 0, 255] },
];
const view: View = { ...initialState.view, opacity: 0.5 };
const ink = (all: Uint8ClampedArray, label: number) => [...all.subarray(label * 4, label * 4 + 4)];

test('classes get their colours, the unlabelled nothing', () => {
  const { fill, edge } = inks(classes, view);
  assert.deepEqual(ink(fill, 0), [255, 0, 0, 128]);
  assert.deepEqual(ink(edge, 1), [0, 0, 255, 255]);
  assert.deepEqual(ink(fill, 255), [0, 0, 0, 0]);
});

test('a class that is switched off is not drawn; none is over the original', () => {
  const hidden = inks(classes, { ...view, hidden: new Set(['red']) });
  assert.deepEqual(ink(hidden.fill, 0), [0, 0, 0, 0]);
  assert.deepEqual(ink(hidden.fill, 1), [0, 0, 255, 128]);
  assert.ok(inks(classes, { ...view, original: true }).edge.every((value) => value === 0));
});

test('a highlighted class is drawn lighter than the veil over all others', () => {
  const { fill } = inks(classes, { ...view, highlight: 1, hidden: new Set(['blue']) });
  assert.equal(fill[0 * 4 + 3], 160);
  assert.equal(fill[255 * 4 + 3], 160);
  assert.deepEqual(ink(fill, 1), [0, 0, 255, 51]);
});

test('a highlight of a class that is gone changes nothing', () => {
  assert.deepEqual(inks(classes, { ...view, highlight: 7 }), inks(classes, view));
});

test('painting enlarges label by label and draws the borders', () => {
  const labels = Uint8Array.of(0, 1);
  const out = paint(labels, 2, 1, 8, 3, inks(classes, view), 1);
  const row = Array.from({ length: 8 }, (_, x) => [...out.subarray((8 + x) * 4, (8 + x) * 4 + 4)]);
  assert.deepEqual(row[0], [255, 0, 0, 128]);
  assert.deepEqual(row[3], [255, 0, 0, 255]);
  assert.deepEqual(row[4], [0, 0, 255, 255]);
  assert.deepEqual(row[7], [0, 0, 255, 128]);
});

test('painting also makes smaller', () => {
  const labels = new Uint8Array(100).fill(1);
  const out = paint(labels, 10, 10, 1, 1, inks(classes, view), 1);
  assert.deepEqual([...out], [0, 0, 255, 128]);
});

test('a region is lined on both sides of its border, and bare inside', () => {
  const out = paint(Uint8Array.of(0, 1), 2, 1, 8, 1, regionInks, 1);
  const pixel = (x: number) => [...out.subarray(x * 4, x * 4 + 4)];
  assert.deepEqual(pixel(3), [8, 11, 10, 255]);
  assert.deepEqual(pixel(4), [255, 255, 255, 255]);
  assert.equal(pixel(7)[3], 0);
});
