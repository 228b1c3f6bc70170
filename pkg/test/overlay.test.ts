import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paint } from '../src/overlay.js';

const classes = [{ color: [255, 0, 0] }, { color: [1, 2, 3] }] as {
  color: [number, number, number];
}[];

test('labelled pixels get the colour of their class and the opacity', () => {
  const rgba = paint(Uint8Array.of(1, 0), classes, 0.5);
  assert.deepEqual([...rgba], [1, 2, 3, 128, 255, 0, 0, 128]);
});

test('unlabelled pixels and indices without a class stay transparent', () => {
  assert.deepEqual([...paint(Uint8Array.of(255, 7), classes, 1)], new Array(8).fill(0));
});

test('a class at index 255 is never painted, because 255 means unlabelled', () => {
  const many = new Array(256).fill(classes[0]);
  assert.deepEqual([...paint(Uint8Array.of(255, 254), many, 1)], [0, 0, 0, 0, 255, 0, 0, 255]);
});
