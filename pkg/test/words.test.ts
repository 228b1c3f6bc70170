import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitWords } from '../src/words.js';

test('splitWords splits at commas of all scripts, semicolons and line ends', () => {
  assert.deepEqual(splitWords('cat, tv/monitor ;a  red\tcar\n\n猫，犬、鳥；魚,'), [
    'cat',
    'tv/monitor',
    'a red car',
    '猫',
    '犬',
    '鳥',
    '魚',
  ]);
  assert.deepEqual(splitWords(' , '), []);
});
