import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  builtInOffer,
  checkedKey,
  facts,
  manifestBytes,
  readIndex,
  servedOffer,
  sourceOf,
} from '../src/catalogue.js';
import { en } from '../src/texts/en.js';
import { use } from '../src/texts.js';

use(en, 'en');

const base = 'https://example.org/page/models/';
const id = '0123456789abcdef'.repeat(4);

test('a key is an id or an address', () => {
  assert.deepEqual(sourceOf(id), { id });
  assert.equal(sourceOf(`${base}b16/`), `${base}b16/`);
});

test('what was remembered is checked', () => {
  const origin = 'https://example.org';
  assert.equal(checkedKey(id, origin), id);
  assert.equal(checkedKey(`${base}b16/`, origin), `${base}b16/`);
  for (const wrong of [null, '', 'b16', 'https://evil.example/b16/', 'data:,x', 'blob:x']) {
    assert.equal(checkedKey(wrong, origin), null);
  }
});

test('the index keeps what is well-formed, and leads nowhere else', () => {
  const offers = readIndex(
    [
      { path: 'b16-q4', name: 'B/16', description: 'Photographs.', bytes: 9e7, scheme: 'q4' },
      { path: 'models/b32/', bytes: -1, license: 'MIT' },
      { path: '../secret' },
      { path: 'https://evil.example/' },
      { path: 'a/b' },
      { path: '..' },
      { name: 'no path' },
      null,
    ],
    base,
  );
  assert.deepEqual(offers, [
    {
      key: `${base}b16-q4/`,
      kind: 'served',
      name: 'B/16',
      description: 'Photographs.',
      license: '',
      scheme: 'q4',
      bytes: 9e7,
    },
    {
      key: `${base}b32/`,
      kind: 'served',
      name: 'b32',
      description: '',
      license: 'MIT',
      scheme: '',
      bytes: null,
    },
  ]);
  for (const list of [null, {}, 'x', 3]) assert.deepEqual(readIndex(list, base), []);
});

test('a folder that nobody described has its own name', () => {
  assert.equal(servedOffer(`${base}my%20clip/`).name, 'my clip');
  assert.equal(servedOffer(`${base}%zz/`).name, '%zz');
});

test('the size of a bundle is that of its files', () => {
  const manifest = {
    tokenizer: { bytes: 1 },
    words: { bytes: 2 },
    shards: [{ bytes: 30 }, { bytes: 400 }, {}],
  };
  assert.equal(manifestBytes(manifest), 433);
  assert.equal(manifestBytes({ tokenizer: { bytes: 1 }, shards: [] }), 1);
  for (const none of [null, {}, [], 'x']) assert.equal(manifestBytes(none), null);
});

test('facts are those that are known', () => {
  const offer = builtInOffer(`${base}doodle/`);
  assert.equal(facts(offer), '');
  const known = { ...offer, bytes: 2_820_000, scheme: 'q8', license: 'MIT' };
  assert.equal(facts(known), '2.8 MB · q8 · licence MIT');
  assert.equal(facts({ ...known, bytes: 45_200_000 }), '45 MB · q8 · licence MIT');
});
