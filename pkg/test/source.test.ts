import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WordmaskError } from '../src/errors.js';
import { decodedByBrowser, pictureData } from '../src/source.js';

const ascii = (text: string) => new TextEncoder().encode(text);

async function refused(source: unknown, part: string): Promise<void> {
  await assert.rejects(pictureData(source, largest), (error) => {
    assert.ok(error instanceof WordmaskError, String(error));
    assert.equal(error.code, 'input');
    assert.ok(error.message.includes(part), error.message);
    return true;
  });
}

const largest = { pixels: 6400, side: 160 };

test('files and bytes go on unchanged', async () => {
  const bytes = ascii('not a picture, which the engine will say');
  for (const source of [new Blob([bytes]), bytes, bytes.buffer]) {
    const { blob, size } = await pictureData(source, largest);
    assert.deepEqual(new Uint8Array(await blob.arrayBuffer()), bytes);
    assert.equal(size, undefined);
  }
});

test('bytes are copied, so that changing them later changes nothing', async () => {
  const bytes = ascii('abc');
  const { blob } = await pictureData(bytes, largest);
  bytes.fill(0);
  assert.equal(await blob.text(), 'abc');
});

test('a part of a larger buffer is only that part', async () => {
  const { blob } = await pictureData(ascii('abcdef').subarray(2, 4), largest);
  assert.equal(await blob.text(), 'cd');
});

test('empty and oversized files are refused before they are read', async () => {
  await refused(new Blob([]), 'empty');
  await refused(new Uint8Array(), 'empty');
  const huge = new Blob(['x']);
  Object.defineProperty(huge, 'size', { value: 100_000_001 });
  await refused(huge, '100 MB');
});

test('what holds no picture is refused', async () => {
  for (const source of [undefined, null, 'photo.jpg', {}, [1, 2, 3]]) {
    await refused(source, 'cannot be read as a picture');
  }
});

test('what is too large goes to the engine without its pixels, to be refused there', async () => {
  class Drawing {
    constructor(
      readonly width: number,
      readonly height: number,
    ) {}
  }
  Object.assign(globalThis, { OffscreenCanvas: Drawing });
  for (const [width, height] of [
    [81, 80],
    [161, 1],
  ] as const) {
    const { blob, size } = await pictureData(new Drawing(width, height), largest);
    assert.deepEqual(size, { width, height });
    assert.equal(blob.size, 0);
  }
  await refused(new Drawing(0, 5), 'no pixels');
});

test('what neither engine nor browser decodes is refused as the engine does', async () => {
  const refusal = new WordmaskError('unsupported', 'This file is in the format HEIC.');
  const file = new Blob(['????ftypheic'], { type: 'image/heic' });
  const createImageBitmap = async () => {
    throw new DOMException('no', 'InvalidStateError');
  };
  for (const there of [undefined, createImageBitmap]) {
    Object.assign(globalThis, { createImageBitmap: there, OffscreenCanvas: class {} });
    await assert.rejects(decodedByBrowser(file, refusal, largest), refusal);
  }
});
