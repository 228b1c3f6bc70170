import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../lib.mjs';

/** The modules of a folder with the modules beside them that they import, types counted in. */
function imports(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const uses = (name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    return [...text.matchAll(/(?:from|import) '\.\/([\w-]+)\.js'/g)].map((found) => found[1]);
  };
  return new Map(names.map((name) => [name.slice(0, -'.ts'.length), uses(name)]));
}

/** A way from a module back to itself; `undefined` if there is none. */
function circle(graph) {
  const done = new Set();
  const walk = (name, way) => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const next of graph.get(name) ?? []) {
      const found = walk(next, [...way, name]);
      if (found) return found;
    }
    done.add(name);
    return undefined;
  };
  for (const name of graph.keys()) {
    const found = walk(name, []);
    if (found) return found;
  }
  return undefined;
}

for (const folder of ['pkg/src', 'www/src']) {
  test(`no module of ${folder} imports itself through others`, () => {
    const graph = imports(join(root, folder));
    assert.ok(graph.size > 10);
    assert.equal(circle(graph)?.join(' → '), undefined);
  });
}

test('circle finds an import that leads back', () => {
  const graph = imports(join(root, 'pkg/src'));
  graph.get('errors').push('segmenter');
  const found = circle(graph);
  assert.ok(found?.includes('errors') && found.includes('segmenter'), found?.join(' → '));
});

test('the page knows the package by its name only', () => {
  const folder = join(root, 'www/src');
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.ts'))) {
    const text = readFileSync(join(folder, name), 'utf8');
    assert.ok(!/from '\.\.\/\.\.\/(?!weights\/)/.test(text), `${name} reaches outside of www/src`);
  }
});
