import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  applied,
  correct,
  type Patch,
  reapply,
  regionPatch,
  strokePatch,
} from '../src/corrections.js';

const named = (...names: string[]) => names.map((name) => ({ name }));
const filled = (width: number, height: number, label: number) => ({
  width,
  height,
  labels: new Uint8Array(width * height).fill(label),
});

test('a correction survives a new word, by the name of its class', () => {
  const size = { width: 3, height: 1 };
  const at = (left: number): Patch => ({
    left,
    top: 0,
    width: 1,
    height: 1,
    inside: Uint8Array.of(1),
  });
  const cat = correct(null, size, at(0), 'cat');
  const both = correct(cat, size, at(2), null);
  const model = filled(3, 1, 1);
  assert.deepEqual([...applied({ ...model, classes: named('cat', 'sofa') }, both)], [0, 1, 255]);
  // Another word before it, and one that goes and comes back.
  assert.deepEqual(
    [...applied({ ...model, classes: named('sky', 'sofa', 'cat') }, both)],
    [2, 1, 255],
  );
  assert.deepEqual([...applied({ ...model, classes: named('sky', 'sofa') }, both)], [1, 1, 255]);
  assert.deepEqual([...applied({ ...model, classes: named('cat', 'sofa') }, both)], [0, 1, 255]);
  // Neither the model's labels nor earlier corrections have changed.
  assert.deepEqual(model, filled(3, 1, 1));
  assert.deepEqual([...applied({ ...model, classes: named('cat', 'sofa') }, cat)], [0, 1, 1]);
});

test('corrections over many tiles are those of every pixel', () => {
  const size = { width: 200, height: 130 };
  const truth = filled(200, 130, 1);
  let corrections = null;
  const strokes: [[number, number][], number, string | null][] = [
    [
      [
        [-20, 30],
        [260, 90],
      ],
      25,
      'cat',
    ],
    [[[64, 64]], 64, 'sky'],
    [[[199.5, 129.5]], 0.6, 'cat'],
    [
      [
        [100, -40],
        [100, 300],
      ],
      9,
      null,
    ],
  ];
  for (const [points, radius, name] of strokes) {
    const patch = strokePatch(points, radius, size) ?? assert.fail();
    corrections = correct(corrections, size, patch, name);
    const label =
      name === null ? 255 : named('cat', 'x', 'sky').findIndex((of) => of.name === name);
    for (let y = 0; y < patch.height; y++)
      for (let x = 0; x < patch.width; x++)
        if (patch.inside[y * patch.width + x])
          truth.labels[(patch.top + y) * 200 + patch.left + x] = label;
  }
  const map = { ...filled(200, 130, 1), classes: named('cat', 'x', 'sky') };
  const labels = applied(map, corrections ?? assert.fail());
  assert.deepEqual(labels, truth.labels);
  assert.deepEqual([...new Set(labels)].sort(), [0, 1, 2, 255]);
});

test('whole tiles of one value share their memory', () => {
  const size = { width: 256, height: 256 };
  const mask = new Uint8Array(256 * 256).fill(1);
  const { tiles } = correct(null, size, regionPatch({ ...size, mask }), 'cat');
  assert.equal(tiles.size, 16);
  assert.equal(new Set(tiles.values()).size, 1);
});

test('corrections of another size say nothing', () => {
  const size = { width: 2, height: 2 };
  const mask = new Uint8Array(4).fill(1);
  const corrections = correct(null, size, regionPatch({ ...size, mask }), 'cat');
  assert.deepEqual(
    applied({ ...filled(4, 1, 7), classes: named('cat') }, corrections),
    filled(4, 1, 7).labels,
  );
  const other = { width: 1, height: 1 };
  const fresh = correct(corrections, other, regionPatch({ ...other, mask: Uint8Array.of(1) }), 'x');
  assert.deepEqual(fresh.names, ['x']);
});

test('a stroke beside the picture touches nothing', () => {
  assert.equal(strokePatch([[-50, 4]], 9, { width: 10, height: 10 }), null);
  assert.equal(strokePatch([[4, 50]], 9, { width: 10, height: 10 }), null);
});

test('labels are brought up to other corrections tile by tile', () => {
  const map = { ...filled(300, 200, 1), classes: named('cat', 'x', 'sky') };
  const stroke = (x: number, radius: number) =>
    strokePatch([[x, 90]], radius, map) ?? assert.fail();
  const one = correct(null, map, stroke(50, 40), 'cat');
  const two = correct(one, map, stroke(80, 100), 'sky');
  // Another path from the same beginning, whose tiles of one value are the same and mean another name.
  const other = correct(one, map, stroke(80, 100), 'x');
  const out = applied(map, one);
  for (const [before, now] of [
    [one, two],
    [two, one],
    [one, two],
    [two, other],
    [other, one],
  ] as const) {
    reapply(out, map, before, now);
    assert.deepEqual(out, applied(map, now));
  }
});
