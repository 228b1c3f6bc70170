import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paint, withRegion } from '../src/correct.js';
import { WordmaskError } from '../src/errors.js';

const map = (width: number, height: number, label = 255) => ({
  width,
  height,
  labels: new Uint8Array(width * height).fill(label),
});

/** The label map as text: a digit for a class, a dot for none. */
const drawn = ({ width, labels }: { width: number; labels: Uint8Array }) => {
  const letters = Array.from(labels, (label) => (label === 255 ? '.' : String(label)));
  return letters.join('').match(new RegExp(`.{${width}}`, 'gu'));
};

function refused(body: () => unknown, part: string): void {
  assert.throws(body, (error) => {
    assert.ok(error instanceof WordmaskError, String(error));
    assert.equal(error.code, 'input');
    assert.ok(error.message.includes(part), error.message);
    return true;
  });
}

test('withRegion takes every form of a region, and leaves the map as it was', () => {
  const before = map(2, 3, 1);
  const size = { width: 2, height: 3 };
  const mask = Uint8Array.of(0, 0, 1, 0, 1, 0);
  const regions = [
    { ...size, mask, area: 2, bbox: [0, 1, 1, 2] as const },
    { ...size, data: mask.map((inside) => inside * 255) },
    { size: [3, 2] as const, counts: '123' },
    { size: [3, 2] as const, counts: [1, 2, 3] },
    { ...size, polygons: [[0, 1, 1, 1, 1, 3, 0, 3]] },
  ];
  for (const region of regions) {
    assert.deepEqual(drawn(withRegion(before, region, 0)), ['11', '01', '01']);
    assert.deepEqual(drawn(withRegion(before, region, 255)), ['11', '.1', '.1']);
  }
  assert.deepEqual(before, map(2, 3, 1));
});

test('paint makes dots, lines and corners', () => {
  const dot = paint(map(5, 3), { points: [[2.5, 1.5]], radius: 1, label: 0 });
  assert.deepEqual(drawn(dot), ['..0..', '.000.', '..0..']);
  const level: [number, number][] = [
    [0.5, 1.5],
    [3.5, 1.5],
  ];
  const line = paint(map(5, 3), { points: level, radius: 0.5, label: 3 });
  assert.deepEqual(drawn(line), ['.....', '3333.', '.....']);
  const corner = paint(map(5, 3), {
    points: [...level, [3.5, 2.5]],
    radius: 0.5,
    label: 3,
  });
  assert.deepEqual(drawn(corner), ['.....', '3333.', '...3.']);
  const erased = paint(line, { points: [[1.5, 1.5]], radius: 0.5, label: 255 });
  assert.deepEqual(drawn(erased), ['.....', '3.33.', '.....']);
  assert.deepEqual(drawn(line), ['.....', '3333.', '.....']);
});

test('paint covers exactly the pixels whose centre is within the radius of the line', () => {
  // A linear congruential generator, so that every run draws the same lines.
  let state = 7;
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return (state / 2 ** 31) * below;
  };
  const [width, height] = [40, 30];
  for (let run = 0; run < 60; run++) {
    // Some corners lie outside of the picture.
    const points = Array.from({ length: 1 + (run % 3) }, (): [number, number] => [
      random(60) - 10,
      random(50) - 10,
    ]);
    const radius = 0.3 + random(9);
    const { labels } = paint(map(width, height), { points, radius, label: 1 });
    labels.forEach((label, pixel) => {
      const centre = [(pixel % width) + 0.5, Math.floor(pixel / width) + 0.5] as const;
      const away = Math.min(
        ...points.map((point, at) => distance(centre, points[at - 1] ?? point, point)),
      );
      if (Math.abs(away - radius) > 1e-9) assert.equal(label === 1, away < radius, `${run}`);
    });
  }
});

function distance(
  [x, y]: readonly [number, number],
  [ax, ay]: readonly [number, number],
  [bx, by]: readonly [number, number],
): number {
  const [dx, dy] = [bx - ax, by - ay];
  const along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1);
  const part = Math.max(0, Math.min(1, along));
  return Math.hypot(x - ax - part * dx, y - ay - part * dy);
}

test('what is no label map, region, stroke or label is refused', () => {
  const good = map(2, 2);
  const mask = { width: 2, height: 2, data: new Uint8Array(4) };
  const stroke = { points: [[1, 1] as [number, number]], radius: 1, label: 0 };
  refused(() => withRegion({ ...good, labels: new Uint8Array(3) }, mask, 0), 'map.labels');
  refused(() => withRegion({ ...good, width: 0 }, mask, 0), 'map.width');
  refused(() => withRegion(null as never, mask, 0), 'map');
  refused(() => withRegion(good, { ...mask, width: 4, height: 1 }, 0), '4 × 1');
  refused(() => withRegion(good, {} as never, 0), 'region');
  for (const label of [-1, 256, 0.5, NaN, '1']) {
    refused(() => withRegion(good, mask, label as number), 'label');
    refused(() => paint(good, { ...stroke, label: label as number }), 'label');
  }
  for (const radius of [0, -1, NaN, Infinity, '2']) {
    refused(() => paint(good, { ...stroke, radius: radius as number }), 'radius');
  }
  for (const points of [null, [[1]], [[1, NaN]], [[1, Infinity]], [[1, 2, 3]]]) {
    refused(() => paint(good, { ...stroke, points: points as never }), 'points');
  }
  refused(() => paint(good, null as never), 'stroke');
});
