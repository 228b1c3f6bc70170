import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { correct } from '../src/corrections.js';
import { cacheName } from '../src/kept-picture.js';
import { keepOfStrip, keepStrip, keptStrip } from '../src/kept-strip.js';
import { memoryCaches } from './memory-caches.js';

beforeEach(() => {
  Object.assign(globalThis, { caches: memoryCaches().caches });
});

const arrived = (name: string) => ({ file: new File([name], name), scene: false });
const size = { width: 3, height: 2 };
const corner = { left: 0, top: 0, width: 1, height: 1, inside: Uint8Array.of(1) };
const corrections = correct(null, size, corner, 'cat');

/** The kept pictures by name, each with whether it is corrected, once so many are there. */
async function kept(count: number): Promise<[string, boolean][]> {
  for (;;) {
    const members = await keptStrip();
    if (members.length === count)
      return members.map(({ file, corrections: own }) => [file.name, own !== null]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('corrections that cannot be read take no picture with them', { timeout: 5000 }, async () => {
  const pictures = [arrived('a.png'), arrived('b.png'), arrived('c.png')];
  keepStrip(pictures);
  for (const { file } of pictures.slice(0, 2)) keepOfStrip(file, corrections);
  await kept(3);
  const cache = await caches.open(cacheName);
  const url = 'https://wordmask.invalid/strip/a.png/corrections';
  while ((await cache.match('https://wordmask.invalid/strip/b.png/corrections')) === undefined)
    await new Promise((resolve) => setTimeout(resolve, 5));
  const whole = await cache.match(url);
  assert.ok(whole);
  await cache.put(url, new Response('no corrections', { headers: whole.headers }));
  assert.deepEqual(await kept(3), [
    ['a.png', false],
    ['b.png', true],
    ['c.png', false],
  ]);
});
