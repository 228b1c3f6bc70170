import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partOf, steps } from '../dev.mjs';

test('partOf tells which part a file belongs to', () => {
  assert.equal(partOf('src/clip/mod.rs'), 'engine');
  assert.equal(partOf('pkg/src/index.ts'), 'pkg');
  assert.equal(partOf('pkg\\src\\index.ts'), 'pkg');
  assert.equal(partOf('www/style.css'), 'www');
  for (const path of [
    'www/dist/main.js',
    'pkg/dist/index.js',
    'www/test/page.e2e.mjs',
    'README.md',
  ]) {
    assert.equal(partOf(path), undefined, path);
  }
});

test('steps builds what comes after the first part that changed', () => {
  assert.deepEqual(steps(new Set(['www'])), ['www']);
  assert.deepEqual(steps(new Set(['www', 'pkg'])), ['pkg', 'www']);
  assert.deepEqual(steps(new Set(['engine'])), ['engine', 'pkg', 'www']);
  assert.deepEqual(steps(new Set()), []);
});
