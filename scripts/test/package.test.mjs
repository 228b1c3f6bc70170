/** What is packed is what the package asks for when it runs. Needs a built package. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { before, test } from 'node:test';
import { Script } from 'node:vm';
import { npmCommand, root } from '../lib.mjs';

const pkg = join(root, 'pkg');
const manifest = JSON.parse(readFileSync(join(pkg, 'package.json'), 'utf8'));
const isBuilt = ['index.js', 'worker.js', 'engine'].every((name) =>
  existsSync(join(pkg, 'dist', name)),
);
const options = { skip: !isBuilt && 'the package is not built' };

const read = (path) => readFileSync(join(pkg, path), 'utf8');

/** The paths that npm packs. */
let packed;

before(() => {
  if (!isBuilt) return;
  const [program, ...args] = npmCommand(['pack', '--dry-run', '--json']);
  const { stdout } = spawnSync(program, args, { cwd: pkg, encoding: 'utf8' });
  packed = new Set(JSON.parse(stdout)[0].files.map(({ path }) => path));
});

/** Asserts that what a packed file asks for by a path relative to itself is packed, too. */
function holds(from, asked) {
  const path = posix.join(posix.dirname(from), asked);
  assert.ok(packed.has(path), `${from} asks for ${path}, which is not packed`);
}

const named = (ending) => [...packed].filter((path) => path.endsWith(ending));

/** What the engine calls the functions that it imports, by which it looks like a file. */
const importModule = './wordmask_bg.js';

test('every file that the code names is packed', options, () => {
  const scripts = named('.js');
  assert.ok(scripts.includes('dist/index.js'));
  const asked = scripts.flatMap((from) =>
    Array.from(read(from).matchAll(/(["'`])((?:\.\/)?[\w/-]+\.(?:js|wasm))\1/g), ([, , path]) => {
      if (path !== importModule) holds(from, path);
      return posix.basename(path);
    }),
  );
  for (const name of [
    'worker.js',
    'wordmask-cpu.wasm',
    'wordmask-cpu-relaxed.wasm',
    'wordmask-webgpu.wasm',
  ]) {
    assert.ok(asked.includes(name), `${name} is not looked for where this test looks`);
  }
});

test('every engine that is built is packed', options, () => {
  const engines = readdirSync(join(pkg, 'dist', 'engine')).filter((name) => name.endsWith('.wasm'));
  assert.ok(engines.length > 0);
  for (const name of engines) holds('dist/index.js', `engine/${name}`);
});

test('everything that package.json leads to is packed', options, () => {
  const { exports, main, module, types } = manifest;
  const targets = Object.values(exports).flatMap((to) =>
    typeof to === 'string' ? to : Object.values(to),
  );
  for (const target of [...targets, main, module, types]) holds('package.json', target);
  for (const path of named('/package.json')) {
    const redirect = JSON.parse(read(path));
    for (const key of ['main', 'module', 'types']) holds(path, redirect[key]);
    assert.ok(exports[`./${posix.dirname(path)}`], `${path} leads to what is not exported`);
  }
});

test('one declaration file for each entry point declares what the source exports', options, () => {
  assert.deepEqual(named('.d.ts').sort(), ['dist/element.d.ts', 'dist/index.d.ts']);
  const exported = (text) =>
    [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
      .flatMap(([, names]) => names.split(','))
      .map((name) => name.replace(/^\s*type /, '').trim())
      .filter((name) => name !== '');
  const declared = exported(read('dist/index.d.ts'));
  assert.deepEqual(declared.sort(), exported(read('src/index.ts')).sort());
  assert.deepEqual(exported(read('dist/element.d.ts')).sort(), ['WordMask', 'WordMaskEventMap']);
});

test('every type that a type names is packed', options, () => {
  for (const from of named('.d.ts')) {
    for (const [, path] of read(from).matchAll(/from ["'](\.[^"']+)["']/g)) {
      holds(from, path.replace(/\.js$/, '.d.ts'));
    }
  }
});

test(
  'the worker is one script that stands alone, so that bundlers can hand it on as it is',
  options,
  () => {
    // A script with `import`, `export` or `import.meta` does not compile as one.
    assert.doesNotThrow(() => new Script(read('dist/worker.js')));
  },
);

test('each licence and the README are packed', options, () => {
  for (const name of ['README.md', 'dist/LICENSE-MIT', 'dist/LICENSE-APACHE']) {
    assert.ok(packed.has(name), name);
  }
});

test('the package and the crate name the same place', () => {
  const cargo = readFileSync(join(root, 'Cargo.toml'), 'utf8');
  const repository = /^repository = "(.+)"$/m.exec(cargo)?.[1];
  assert.equal(manifest.repository.url, `git+${repository}.git`);
  assert.ok(manifest.homepage.startsWith(repository));
  assert.ok(manifest.bugs.startsWith(repository));
});
