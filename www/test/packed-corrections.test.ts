import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Corrections, correct, strokePatch } from '../src/corrections.js';
import { packed, unpacked } from '../src/packed-corrections.js';

const size = { width: 300, height: 170 };

/** Numbers that are the same in each run. */
function* random(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

test('corrections are after their way through bytes what they were', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const numbers = random(seed);
    let made: Corrections | null = null;
    for (let stroke = 0; stroke < seed; stroke++) {
      const [x, y, radius, which] = [0, 0, 0, 0].map(() => numbers.next().value);
      const at = [(x ?? 0) * size.width, (y ?? 0) * size.height] as const;
      const patch = strokePatch([at], 1 + (radius ?? 0) * 90, size);
      const name = ['cat', 'tv/monitor', '🐈\n', null][Math.floor((which ?? 0) * 4)] ?? null;
      if (patch !== null) made = correct(made, size, patch, name);
    }
    assert.ok(made);
    assert.deepEqual(unpacked(packed(made)), made);
  }
});

test('what was cut off is refused', () => {
  const patch = strokePatch([[80, 80]], 30, size);
  assert.ok(patch);
  const bytes = packed(correct(null, size, patch, 'cat'));
  for (const length of [0, 10, bytes.length - 4, bytes.length - 8]) {
    assert.throws(() => unpacked(bytes.slice(0, length)));
  }
});
