import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { lookUp } from '../src/vocabulary.js';

// The tests run from the root of the repository.
const { vocabulary } = JSON.parse(readFileSync('weights/doodle/wordmask.json', 'utf8'));
const known = { known: true, nearest: null };

test('a model of general language knows every word', () => {
  assert.deepEqual(lookUp([], 'zzz'), known);
});

test('names, their plurals and phrases of them are known, whatever their case', () => {
  const words = [
    'cat',
    'Cat',
    'a cat',
    'cats',
    'butterflies',
    'boxes',
    'red car',
    'striped red mugs',
  ];
  for (const word of words) assert.deepEqual(lookUp([...vocabulary, 'box'], word), known, word);
  assert.deepEqual(lookUp(vocabulary, 'red coffee cup'), known);
  assert.deepEqual(lookUp(vocabulary, 'sofa/cat'), known);
});

test('a word that is not known comes with one that is spelled almost so, or that it ends in', () => {
  const near = (word: string) => lookUp(vocabulary, word);
  for (const [word, nearest] of [
    ['hous', 'house'],
    ['flowwer', 'flower'],
    ['robto', 'robot'],
    ['police car', 'car'],
    ['sofa/hous', 'house'],
  ]) {
    assert.deepEqual(near(word ?? ''), { known: false, nearest });
  }
  for (const word of ['horse', 'sofa', 'boot', 'coffee', 'constructor', '🐈', 'c', '/', '']) {
    assert.deepEqual(near(word), { known: false, nearest: null }, word);
  }
});
