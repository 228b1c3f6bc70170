import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAddress, writeAddress } from '../src/address.js';
import { initialState } from '../src/state.js';

const page = 'https://example.org/page/';
const builtIn = `${page}models/doodle/`;
const id = '0123456789abcdef'.repeat(4);
const read = (query: string) => readAddress(new URL(page + query));

test('the address chooses words, method, device and model', () => {
  assert.deepEqual(read(''), {
    device: 'auto',
    method: 'auto',
    model: null,
    words: null,
    builtIn,
    refused: false,
  });
  assert.deepEqual(read('?words=cat,tv/monitor,big+dog,CAT').words, [
    'cat',
    'tv/monitor',
    'big dog',
  ]);
  assert.deepEqual(read('?words=').words, []);
  assert.equal(read('?device=webgpu').device, 'webgpu');
  assert.equal(read('?device=toaster').device, 'auto');
  assert.equal(read('?method=scclip').method, 'scclip');
  assert.equal(read('?method=toString').method, 'auto');
  assert.equal(read('?model=models/clip').model, `${page}models/clip/`);
  assert.equal(read(`?model=${id}`).model, id);
});

test('a model of another site is refused', () => {
  for (const foreign of [
    'https://evil.example/m/',
    '//evil.example/m/',
    'data:text/plain,x',
    'http://[',
  ]) {
    const { model, refused } = read(`?model=${encodeURIComponent(foreign)}`);
    assert.deepEqual([model, refused], [null, true], foreign);
  }
});

test('what is chosen is written, and read again as it was', () => {
  const write = (query: string, change: object) =>
    writeAddress(new URL(page + query), { ...initialState, model: builtIn, ...change }).href;
  const { options } = initialState;
  assert.equal(write('?words=a&model=x&method=sclip&device=cpu', {}), page);
  assert.equal(
    write('', { words: ['cat', 'tv/monitor', 'big dog'] }),
    `${page}?words=cat,tv/monitor,big+dog`,
  );
  assert.equal(
    write('', { model: `${page}models/clip/`, options: { ...options, method: 'pearl' } }),
    `${page}?method=pearl&model=models/clip/`,
  );
  assert.equal(write('', { model: 'https://example.org/other/' }), `${page}?model=/other/`);
  assert.equal(write('', { model: id }), `${page}?model=${id}`);
  const strange = ['100 % & more', 'a+b', 'Straße', '🐈', '#?='];
  assert.deepEqual(readAddress(new URL(write('', { words: strange }))).words, strange);
});
