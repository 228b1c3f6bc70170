import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compress,
  decompress,
  pixelsOfRuns,
  runsOfBitmap,
  runsOfLabels,
  runsOfPolygons,
  tidyRuns,
} from '../src/rle.js';

/** A row-major mask from lines of `#` and anything else. */
function drawing(...lines: string[]) {
  const data = Uint8Array.from(lines.join(''), (letter) => (letter === '#' ? 1 : 0));
  return { data, width: lines[0]?.length ?? 0, height: lines.length };
}

function lines(data: Uint8Array, width: number): string[] {
  const text = Array.from(data, (value) => (value === 0 ? '.' : '#')).join('');
  return text.match(new RegExp(`.{${width}}`, 'g')) ?? [];
}

/** A sequence that is the same in each run (xorshift, G. Marsaglia 2003). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

test('runs go column by column and start outside', () => {
  const { data, width, height } = drawing('##.', '..#');
  assert.deepEqual(runsOfBitmap(data, width, height), [0, 1, 1, 1, 2, 1]);
  assert.deepEqual(runsOfBitmap(new Uint8Array(6), 3, 2), [6]);
  assert.deepEqual(runsOfBitmap(new Uint8Array(6).fill(255), 3, 2), [0, 6]);
});

test('a run may go over the end of a column', () => {
  const { data, width, height } = drawing('.##', '##.');
  assert.deepEqual(runsOfBitmap(data, width, height), [1, 4, 1]);
});

test('the strings are those of pycocotools', () => {
  // The first is `encode(asfortranarray([[0,1,1],[0,1,0]]))['counts']`; the others show a run that is
  // shorter than the one two before, and one of several groups.
  assert.equal(compress([2, 3, 1]), '231');
  assert.equal(compress([5, 9, 4, 2]), '594I');
  assert.equal(compress([0, 1000]), '0Xo0');
  assert.equal(compress([6]), '6');
});

test('strings and runs go back and forth', () => {
  const next = random(7);
  for (let round = 0; round < 200; round++) {
    const counts = Array.from({ length: 1 + Math.floor(next() * 40) }, () =>
      Math.floor(next() ** 4 * 2 ** 27),
    );
    assert.deepEqual(decompress(compress(counts)), counts);
  }
  assert.deepEqual(decompress(''), []);
});

test('what is no run-length string is not read', () => {
  // Cut short; a letter that cannot occur; a run below zero; far too many groups.
  for (const text of ['X', '2 3', '2~', 'é', 'O', '231I', 'oooooooooooooooo0']) {
    assert.equal(decompress(text), undefined, text);
  }
});

test('pixels and runs go back and forth, also through labels', () => {
  const next = random(11);
  for (let round = 0; round < 60; round++) {
    const [width, height] = [1 + Math.floor(next() * 9), 1 + Math.floor(next() * 9)];
    const labels = Uint8Array.from({ length: width * height }, () => Math.floor(next() * 3));
    const runs = runsOfLabels(labels, width, height);
    for (const label of [0, 1, 2]) {
      const data = labels.map((value) => (value === label ? 1 : 0));
      const expected = runsOfBitmap(data, width, height);
      assert.deepEqual(pixelsOfRuns(expected, width, height), data);
      assert.deepEqual(runs.get(label) ?? [width * height], expected);
    }
  }
});

test('empty runs are dropped, and what they part is joined', () => {
  assert.deepEqual(tidyRuns([0, 0, 3, 2, 0, 1, 4, 0]), [3, 3, 4]);
  assert.deepEqual(tidyRuns([0, 5]), [0, 5]);
  assert.deepEqual(tidyRuns([5, 0]), [5]);
});

function polygon(width: number, height: number, ...polygons: number[][]): string[] {
  const runs = runsOfPolygons(polygons, width, height);
  assert.deepEqual(tidyRuns(runs), runs, 'neighbouring runs are joined');
  return lines(pixelsOfRuns(runs, width, height), width);
}

test('a pixel is in a polygon if its centre is', () => {
  assert.deepEqual(polygon(5, 4, [1, 1, 4, 1, 4, 3, 1, 3]), ['.....', '.###.', '.###.', '.....']);
  // Edges on centres: those at the left and above belong to it, those at the right and below do not.
  assert.deepEqual(polygon(5, 3, [0.5, 0.5, 3.5, 0.5, 3.5, 2.5, 0.5, 2.5]), [
    '###..',
    '###..',
    '.....',
  ]);
  assert.deepEqual(polygon(4, 4, [0, 0, 4, 0, 0, 4]), ['###.', '##..', '#...', '....']);
  assert.deepEqual(polygon(3, 3, [1.6, 1.6, 1.9, 1.6, 1.9, 1.9]), ['...', '...', '...']);
});

test('the direction of a polygon does not matter, nor whether it is closed', () => {
  const there = polygon(6, 6, [1, 1, 5, 2, 3, 5]);
  assert.deepEqual(polygon(6, 6, [3, 5, 5, 2, 1, 1]), there);
  assert.deepEqual(polygon(6, 6, [1, 1, 5, 2, 3, 5, 1, 1]), there);
});

test('what crosses itself has holes, what overlaps another has none', () => {
  // An outer square and an inner one in a single outline.
  const ring = [0, 0, 6, 0, 6, 6, 0, 6, 0, 0, 2, 2, 4, 2, 4, 4, 2, 4, 2, 2, 0, 0];
  assert.deepEqual(polygon(6, 6, ring).slice(1, 4), ['######', '##..##', '##..##']);
  const left = [0, 0, 4, 0, 4, 2, 0, 2];
  const right = [2, 0, 6, 0, 6, 2, 2, 2];
  assert.deepEqual(polygon(6, 2, left, right), ['######', '######']);
  assert.deepEqual(polygon(6, 1, [0, 0, 1, 0, 1, 1, 0, 1], [4, 0, 5, 0, 5, 1, 4, 1]), ['#...#.']);
});

test('what reaches beyond the picture is cut off', () => {
  assert.deepEqual(polygon(3, 2, [-1e9, -1e9, 1e9, -1e9, 1e9, 1e9, -1e9, 1e9]), ['###', '###']);
  assert.deepEqual(polygon(3, 2, [1, -5, 9, -5, 9, 1, 1, 1]), ['.##', '...']);
  assert.deepEqual(polygon(3, 2, [4, 0, 9, 0, 9, 9]), ['...', '...']);
});

test('polygons agree with asking for every centre', () => {
  const next = random(5);
  const [width, height] = [12, 9];
  for (let round = 0; round < 100; round++) {
    const points = Array.from({ length: 3 + Math.floor(next() * 5) }, () => [
      Math.round((next() * 1.4 - 0.2) * width * 7) / 7,
      Math.round((next() * 1.4 - 0.2) * height * 7) / 7,
    ]);
    const expected = new Uint8Array(width * height);
    for (let at = 0; at < expected.length; at++) {
      const [x, y] = [(at % width) + 0.5, Math.floor(at / width) + 0.5];
      let inside = false;
      points.forEach(([x1 = 0, y1 = 0], index) => {
        const [x0 = 0, y0 = 0] = points.at(index - 1) ?? [];
        const within = x0 <= x !== x1 <= x;
        if (within && y0 + ((x - x0) / (x1 - x0)) * (y1 - y0) <= y) inside = !inside;
      });
      expected[at] = inside ? 1 : 0;
    }
    const runs = runsOfPolygons([points.flat()], width, height);
    assert.deepEqual(
      lines(pixelsOfRuns(runs, width, height), width),
      lines(expected, width),
      JSON.stringify(points),
    );
  }
});
