import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knownBackground, type LookUp, sortWords } from '../src/known-words.js';

const lookUp: LookUp = (word) => ({
  known: ['cat', 'sky'].includes(word),
  nearest: word === 'catt' ? 'cat' : null,
});

test('sortWords keeps the order, and what may have been meant', () => {
  assert.deepEqual(sortWords(['table', 'sky', 'catt', 'cat'], lookUp), {
    known: ['sky', 'cat'],
    unknown: [
      { word: 'table', nearest: null },
      { word: 'catt', nearest: 'cat' },
    ],
  });
});

test('sortWords takes every word for known before there is a model', () => {
  assert.deepEqual(sortWords(['table'], null), { known: ['table'], unknown: [] });
});

test('knownBackground leaves unknown words out, and nothing else', () => {
  assert.deepEqual(knownBackground(['table', 'sky'], lookUp), ['sky']);
  assert.equal(knownBackground(['table'], lookUp), 'none');
  assert.equal(knownBackground('auto', lookUp), 'auto');
  assert.equal(knownBackground(undefined, lookUp), undefined);
});
