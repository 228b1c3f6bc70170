/** An engine is built anew after a change of anything that it is compiled from. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { test } from 'node:test';
import { sourceFiles } from '../build.mjs';
import { root } from '../lib.mjs';

test('every file that the Rust sources include belongs to the sources', () => {
  const sources = new Set(sourceFiles());
  const rust = [...sources].filter((path) => path.startsWith('src') && path.endsWith('.rs'));
  assert.ok(rust.length > 100);
  let included = 0;
  for (const path of rust) {
    const text = readFileSync(join(root, path), 'utf8');
    // Code for tests is not in an engine.
    for (const [, name] of text.matchAll(/include_(?:str|bytes)!\(\s*"([^"]+)"/g)) {
      const file = normalize(join(path, '..', name));
      if (file.startsWith('tests')) continue;
      assert.ok(sources.has(file), `${path} includes ${file}`);
      included++;
    }
  }
  assert.ok(included >= 20, `only ${included} were found`);
});
