import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileName } from '../src/downloads.js';
import { duration, megabytes, share } from '../src/formats.js';
import { pixelAt } from '../src/pointer.js';
import { readSamples } from '../src/samples.js';
import { deviceText, progressText } from '../src/status.js';
import { en } from '../src/texts/en.js';
import { use } from '../src/texts.js';

use(en, 'en');

test('file names are safe and never empty', () => {
  assert.equal(fileName('holiday.photo.jpg', 'labels', 'png'), 'holiday-photo-labels.png');
  assert.equal(fileName('../../etc/passwd', 'tv/monitor', 'png'), 'etc-passwd-tv-monitor.png');
  assert.equal(fileName('.png', '🐈', 'png'), 'picture-class.png');
  assert.equal(fileName('Größe.png', 'été', 'svg'), 'Größe-été.svg');
  assert.ok(fileName('x'.repeat(5000), 'y'.repeat(5000), 'png').length < 130);
});

test('a list of scenes keeps what is well-formed', () => {
  const { scenes, words } = readSamples({
    scenes: [
      { file: 'scene-1.png', alt: 'a cat', words: ['cat', 7] },
      { file: '../secret.png', words: [] },
      { file: 'https://evil.example/x.png', words: [] },
      { file: 'scene-2.png', words: ['sky', 'sun'] },
      null,
    ],
    words: ['cat', 1, 'sky'],
  });
  assert.deepEqual(scenes, [
    { file: 'scene-1.png', alt: 'a cat', words: ['cat'] },
    { file: 'scene-2.png', alt: 'A scene with sky, sun', words: ['sky', 'sun'] },
  ]);
  assert.deepEqual(words, ['cat', 'sky']);
});

test('no list, or a wrong one, means no scenes', () => {
  for (const list of [null, 3, 'x', [], { scenes: 'x', words: {} }]) {
    assert.deepEqual(readSamples(list), { scenes: [], words: [] });
  }
});

test('progress is told in bytes and parts', () => {
  const download = progressText({ phase: 'download', file: 'x', loaded: 1.25e6, total: 5e6 });
  assert.equal(download.text, 'Getting the model: 1.3 MB of 5.0 MB');
  assert.equal(download.part, 0.25);
  assert.equal(progressText({ phase: 'encode', done: 3, total: 12 }).part, 0.25);
  assert.equal(progressText({ phase: 'segment', done: 0, total: 0 }).part, null);
  assert.equal(progressText({ phase: 'prepare' }).part, null);
  const segment = { phase: 'segment', done: 1, total: 2 } as const;
  assert.equal(progressText(segment).text, 'Making the masks');
  assert.equal(progressText(segment, { coarse: true }).spoken, 'Sharpening the masks');
  const tower = { phase: 'download', file: 'x', loaded: 0, total: 4e7 } as const;
  assert.match(progressText(tower, { loaded: true }).text, /text tower.*0\.0 MB of 40\.0 MB/);
  const imported = progressText({ phase: 'import', done: 2, total: 8 });
  assert.deepEqual([imported.text, imported.part], ['Importing: file 3 of 8', 0.25]);
  assert.match(progressText({ phase: 'import', done: 8, total: 8 }).text, /8 of 8/);
});

test('what is spoken does not change with every byte', () => {
  const at = (loaded: number) => progressText({ phase: 'download', file: 'x', loaded, total: 9 });
  assert.equal(at(1).spoken, at(8).spoken);
});

test('device and timing in one line', () => {
  const timing = { encodeMs: 240.4, segmentMs: 12 };
  assert.equal(
    deviceText({ kind: 'cpu', name: 'CPU' }, timing),
    'CPU · encoded in 240 ms · masks in 12 ms',
  );
  assert.equal(deviceText({ kind: 'webgpu', name: 'Apple M2' }, null), 'WebGPU (Apple M2)');
  assert.equal(duration(0.2), '<\u00a01 ms');
  assert.equal(duration(2345), '2.3 sec');
  assert.equal(duration(12_345), '12 sec');
});

test('a point is a pixel, also at the far edges', () => {
  const size = { width: 30, height: 20 };
  assert.deepEqual(pixelAt(size, [0, 0]), { x: 0, y: 0 });
  assert.deepEqual(pixelAt(size, [0.5, 0.5]), { x: 15, y: 10 });
  assert.deepEqual(pixelAt(size, [1, 1]), { x: 29, y: 19 });
});

test('a share never rounds something to nothing', () => {
  assert.equal(share(0), '0%');
  assert.equal(share(0.0001), '<\u00a00.1%');
  assert.equal(share(0.1234), '12.3%');
  assert.equal(share(1), '100%');
});

test('sizes have a decimal where it tells something', () => {
  assert.equal(megabytes(2_820_000), '2.8 MB');
  assert.equal(megabytes(45_200_000), '45 MB');
  assert.equal(megabytes(45_200_000, 1), '45.2 MB');
});
