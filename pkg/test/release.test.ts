/** Memory that is given back at once, and bodies that are read into one buffer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunks, intoOneBuffer } from '../src/http.js';
import { bodyOf, release } from '../src/release.js';
import { Slices } from '../src/slices.js';

const signal = new AbortController().signal;

test('what is released is of no use any more', () => {
  const bytes = new Uint8Array(8);
  release(bytes);
  assert.equal(bytes.byteLength, 0);
});

test('a slice is released when the next is asked for', () => {
  const given: Uint8Array[] = [];
  const slices = new Slices([{ name: 'a', blob: new Blob() }], (_file, offset, length) => {
    const bytes = new Uint8Array(length).fill(offset);
    given.push(bytes);
    return bytes;
  });
  assert.deepEqual(slices.read('a', 1, 2), Uint8Array.of(1, 1));
  assert.deepEqual(slices.read('a', 3, 2), Uint8Array.of(3, 3));
  assert.deepEqual(
    given.map((bytes) => bytes.byteLength),
    [0, 2],
  );
});

/** A body of 600,000 bytes. */
const sent = Uint8Array.from({ length: 600_000 }, (_, index) => index % 251);

function body(type?: 'bytes'): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    ...(type && { type }),
    pull(controller: ReadableByteStreamController) {
      if (at < sent.length) controller.enqueue(sent.slice(at, at + 100_000));
      else controller.close();
      // Whoever reads into a buffer of its own hears of the end by this.
      if (at >= sent.length) controller.byobRequest?.respond(0);
      at += 100_000;
    },
  } as UnderlyingByteSource) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

test('a body hands on the bytes themselves', async () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const reader = bodyOf(bytes).getReader();
  assert.equal((await reader.read()).value, bytes);
  assert.equal((await reader.read()).done, true);
});

test('the chunks of a stream are all of it', async () => {
  const heard: number[] = [];
  for await (const chunk of chunks(new Response(body()), 'a', signal)) heard.push(...chunk);
  assert.deepEqual(Uint8Array.from(heard), sent);
});

for (const type of ['bytes', undefined] as const) {
  test(`the chunks of a stream of ${type ?? 'anything'} come in one buffer where they can`, async () => {
    const heard: number[] = [];
    const buffers: ArrayBuffer[] = [];
    for await (const chunk of chunks(new Response(body(type)), 'a', signal, intoOneBuffer)) {
      heard.push(...chunk);
      buffers.push(chunk.buffer);
    }
    assert.deepEqual(Uint8Array.from(heard), sent);
    // The memory of one chunk has become that of the next.
    const detached = buffers.slice(0, -1).filter(({ byteLength }) => byteLength === 0);
    assert.equal(detached.length, type ? buffers.length - 1 : 0);
  });
}
