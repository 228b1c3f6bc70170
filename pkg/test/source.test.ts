import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WordmaskError } from '../src/errors.js';
import { foreignFormat, pictureData } from '../src/source.js';

const ascii = (text: string) => new TextEncoder().encode(text);

async function refused(source: unknown, part: string): Promise<void> {
  await assert.rejects(pictureData(source), (error) => {
    assert.ok(error instanceof WordmaskError, String(error));
    assert.equal(error.code, 'input');
    assert.ok(error.message.includes(part), error.message);
    return true;
  });
}

test('formats for the browser are known by their first bytes', () => {
  assert.equal(foreignFormat(ascii('GIF89a')), 'GIF');
  assert.equal(foreignFormat(ascii('BM1234')), 'BMP');
  assert.equal(foreignFormat(ascii('\0\0\0\x20ftypavif\0\0\0\0')), 'AVIF');
  assert.equal(foreignFormat(ascii('\0\0\0\x20ftypmif1\0\0\0\0avif')), 'AVIF');
  assert.equal(foreignFormat(ascii('\0\0\0\x18ftypheic\0\0\0\0')), 'HEIC');
  assert.equal(foreignFormat(ascii('\0\0\0\x18ftypisom\0\0\0\0')), undefined);
});

test('formats for the engine, and anything unknown, go to the engine', () => {
  assert.equal(foreignFormat(Uint8Array.of(0xff, 0xd8, 0xff)), undefined);
  assert.equal(foreignFormat(ascii('\x89PNG\r\n')), undefined);
  assert.equal(foreignFormat(ascii('RIFF\0\0\0\0WEBP')), undefined);
  assert.equal(foreignFormat(new Uint8Array()), undefined);
});

test('files and bytes go on unchanged', async () => {
  const bytes = ascii('not a picture, which the engine will say');
  for (const source of [new Blob([bytes]), bytes, bytes.buffer]) {
    const { blob, size } = await pictureData(source);
    assert.deepEqual(new Uint8Array(await blob.arrayBuffer()), bytes);
    assert.equal(size, undefined);
  }
});

test('bytes are copied, so that changing them later changes nothing', async () => {
  const bytes = ascii('abc');
  const { blob } = await pictureData(bytes);
  bytes.fill(0);
  assert.equal(await blob.text(), 'abc');
});

test('a part of a larger buffer is only that part', async () => {
  const { blob } = await pictureData(ascii('abcdef').subarray(2, 4));
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

test('a format that the browser cannot decode is named', async () => {
  Object.assign(globalThis, {
    createImageBitmap: async () => {
      throw new DOMException('no', 'InvalidStateError');
    },
  });
  await refused(ascii('GIF89a'), 'GIF');
});
