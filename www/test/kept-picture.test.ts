import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { forgetPicture, keepPicture, keepWords, keptPicture } from '../src/kept-picture.js';
import { memoryCaches } from './memory-caches.js';

let storage: ReturnType<typeof memoryCaches>;
beforeEach(() => {
  storage = memoryCaches();
  Object.assign(globalThis, { caches: storage.caches });
});

const picture = (id: string, name = `${id}.png`) => {
  return { id, file: new File([id], name, { type: 'image/png' }), scene: false };
};
const words = (...list: string[]) => ({ words: list, wordsFromSample: false });

async function kept() {
  const found = await keptPicture();
  return found && [found.picture.file.name, ...found.words.words];
}

test('a picture comes back with all that was kept of it', async () => {
  assert.equal(await keptPicture(), null);
  const given = { ...picture('a', 'Wäsche 1.png'), scene: true };
  assert.ok(await keepPicture(given, { words: ['cat', 'tv/monitor'], wordsFromSample: true }));
  const found = await keptPicture();
  assert.ok(found);
  assert.deepEqual([found.picture.id, found.picture.scene], ['a', true]);
  assert.deepEqual(found.words, { words: ['cat', 'tv/monitor'], wordsFromSample: true });
  assert.equal(found.picture.file.name, 'Wäsche 1.png');
  assert.equal(found.picture.file.type, 'image/png');
  assert.equal(await found.picture.file.text(), 'a');
});

test('new words take the place of those before', async () => {
  await keepPicture(picture('a'), words('cat'));
  await keepWords(picture('a'), words('cat', 'dog'));
  assert.deepEqual(await kept(), ['a.png', 'cat', 'dog']);
});

test('words of one page never go with the picture of another', async () => {
  await keepPicture(picture('a'), words('cat'));
  await keepPicture(picture('b'), words('house'));
  await keepWords(picture('a'), words('cat', 'dog'));
  assert.deepEqual(await kept(), ['a.png', 'cat', 'dog']);
  await keepWords(picture('b'), words('house', 'tree'));
  assert.deepEqual(await kept(), ['b.png', 'house', 'tree']);
});

test('words that were written alone go with no other picture', async () => {
  await keepPicture(picture('a'), words('cat'));
  const cache = await caches.open('wordmask-picture-1');
  const [first] = await cache.keys();
  assert.ok(first);
  const before = await cache.match(first.url);
  await keepPicture(picture('b'), words('house'));
  assert.ok(before);
  await cache.put(first.url, before);
  assert.deepEqual(await kept(), ['a.png']);
});

test('what was forgotten is not kept again for a new word', async () => {
  await keepPicture(picture('a'), words('cat'));
  await forgetPicture();
  await keepWords(picture('a'), words('cat', 'dog'));
  assert.equal(await kept(), null);
});

test('without room nothing is kept, the picture before neither', async () => {
  await keepPicture(picture('a'), words('cat'));
  storage.full = true;
  assert.equal(await keepPicture(picture('b'), words('house')), false);
  assert.equal(await kept(), null);
});
