import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WordmaskError } from '../src/errors.js';
import { engineMasks } from '../src/masks.js';

/** Two columns, three rows. */
const size = { width: 2, height: 3 };
/** The lower two pixels of the left column. */
const lower = { size: [3, 2], counts: '123' };

const packed = (masks: unknown) => [...engineMasks(masks, size)];

function refused(masks: unknown, ...parts: string[]): void {
  assert.throws(
    () => packed(masks),
    (error) => {
      assert.ok(error instanceof WordmaskError, String(error));
      assert.equal(error.code, 'input');
      for (const part of parts) assert.ok(error.message.includes(part), error.message);
      return true;
    },
  );
}

test('every form of a mask comes to the same', () => {
  const data = Uint8Array.of(0, 0, 7, 0, 255, 0);
  const masks = packed([
    { ...size, data },
    { ...size, data: new Uint8ClampedArray(data) },
    { size: [3, 2], counts: '123' },
    { size: [3, 2], counts: [1, 2, 3] },
    { size: [3, 2], counts: [0, 0, 1, 1, 0, 1, 3, 0] },
    { ...size, polygons: [[0, 1, 1, 1, 1, 3, 0, 3]] },
  ]);
  assert.deepEqual(masks, Array(6).fill(lower));
});

test('a mask without a pixel is none', () => {
  const masks = packed([
    { ...size, data: new Uint8Array(6) },
    { size: [3, 2], counts: [6, 0] },
    { ...size, polygons: [] },
    { size: [3, 2], counts: '123' },
  ]);
  assert.deepEqual(masks, [undefined, undefined, undefined, lower]);
  assert.deepEqual(packed([]), []);
});

test('a label map is a mask for each label up to the highest', () => {
  const labels = Uint8Array.of(255, 255, 2, 0, 2, 0);
  const masks = packed({ ...size, labels });
  assert.deepEqual(masks, [{ size: [3, 2], counts: '42' }, undefined, lower]);
  assert.deepEqual(packed({ ...size, labels: labels.fill(255) }), []);
});

test('masks of another size are refused with both sizes', () => {
  refused([{ width: 3, height: 2, data: new Uint8Array(6) }], 'masks[0]', '3 × 2', '2 × 3');
  refused([{ size: [2, 3], counts: '123' }], '3 × 2');
  refused([lower, { width: 2, height: 2, polygons: [] }], 'masks[1]', '2 × 2');
  refused({ width: 3, height: 2, labels: new Uint8Array(6) }, '3 × 2');
  refused([{ data: new Uint8Array(6) }], 'undefined');
});

test('what is no mask is refused by name', () => {
  refused('mask', '"masks"');
  refused({ ...size, data: new Uint8Array(6) }, '"masks"', 'label map');
  refused([null], '"masks[0]"');
  refused(new Array(1), '"masks[0]"');
  refused([{ ...size }], '"masks[0]"', '"polygons"');
  refused([{ ...size, data: new Uint8Array(24) }], '"masks[0].data"', '6 values');
  refused([{ ...size, data: [0, 0, 1, 0, 1, 0] }], '"masks[0].data"', 'Uint8Array');
  refused({ ...size, labels: new Float32Array(6) }, '"masks.labels"');
  refused([{ size: [3], counts: '6' }], '"masks[0].size"');
  refused([{ size: '32', counts: '6' }], '"masks[0].size"');
  for (const counts of ['1~', [1, -2, 7], [1.5, 4.5], 6, [1, 'x', 5]]) {
    refused([{ size: [3, 2], counts }], '"masks[0].counts"');
  }
  for (const counts of ['12', [1, 2, 4], []]) {
    refused([{ size: [3, 2], counts }], 'masks[0]', 'add up', '6');
  }
  for (const polygon of [[0, 0, 1, 1], [0, 0, 1, 1, 1], 'x', [0, 0, 1, 1, 1, Number.NaN]]) {
    refused([{ ...size, polygons: [polygon] }], '"masks[0].polygons[0]"');
  }
  refused([{ ...size, polygons: [new Array(6)] }], '"masks[0].polygons[0]"');
  refused([{ ...size, polygons: [[0, 0, 1, 1, 1, 1e300]] }], '"masks[0].polygons[0]"');
  refused([{ ...size, polygons: 'x' }], '"masks[0].polygons"');
});
