/** What `npm run model` and the build do with bundles, with a stand-in for the native program. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { test } from 'node:test';
import { importArguments, importModel, readArguments } from '../model.mjs';
import { publishModels, readBundle } from '../models.mjs';

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'wordmask-models-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A bundle whose files have the sizes that its manifest tells. */
function bundle(path, change = {}) {
  mkdirSync(path, { recursive: true });
  const entry = (file, contents) => {
    writeFileSync(join(path, file), contents);
    return { file, bytes: contents.length, sha256: '' };
  };
  const manifest = {
    name: 'test',
    description: 'It knows nothing.',
    scheme: 'q4',
    tokenizer: entry('tokenizer.json', '{}'),
    shards: [entry('vision-00.safetensors', 'weights'), entry('text-00.safetensors', 'more')],
    ...change,
  };
  writeFileSync(join(path, 'wordmask.json'), JSON.stringify(manifest));
  writeFileSync(join(path, 'README.md'), 'not part of it');
}

const readIndex = (page) => JSON.parse(readFileSync(join(page, 'models', 'index.json'), 'utf8'));

test('a manifest of the first version says what the model knows', (t) => {
  const at = folder(t);
  bundle(join(at, 'old'), { description: undefined, knows: 'Cats.' });
  assert.equal(readBundle(join(at, 'old')).description, 'Cats.');
});

test('the page gets the built-in model, then the local ones, and a list of them', (t) => {
  const at = folder(t);
  const [page, local, builtIn] = ['page', 'local', 'doodle'].map((name) => join(at, name));
  bundle(builtIn, { name: 'doodle', scheme: 'q8' });
  bundle(join(local, 'b16-q4'), { name: 'CLIP' });
  bundle(join(local, '.b32.new'));

  publishModels(page, { builtIn, local });
  const about = { description: 'It knows nothing.', bytes: 13 };
  assert.deepEqual(readIndex(page), [
    { path: 'models/doodle/', name: 'doodle', ...about, scheme: 'q8' },
    { path: 'models/b16-q4/', name: 'CLIP', ...about, scheme: 'q4' },
  ]);
  assert.equal(readFileSync(join(page, 'models/b16-q4/text-00.safetensors'), 'utf8'), 'more');
  assert.ok(!existsSync(join(page, 'models/b16-q4/README.md')));

  rmSync(join(local, 'b16-q4'), { recursive: true });
  publishModels(page, { builtIn, local });
  assert.equal(readIndex(page).length, 1);
  assert.ok(!existsSync(join(page, 'models/b16-q4')));
});

test('without a local model there is the built-in one', (t) => {
  const at = folder(t);
  bundle(join(at, 'doodle'));
  const index = publishModels(join(at, 'page'), {
    builtIn: join(at, 'doodle'),
    local: join(at, 'none'),
  });
  assert.deepEqual(index, readIndex(join(at, 'page')));
});

test('a local folder that is no whole bundle is left out', (t) => {
  const at = folder(t);
  const [page, local, builtIn] = ['page', 'local', 'doodle'].map((name) => join(at, name));
  bundle(builtIn);
  const outside = { file: '../doodle/tokenizer.json', bytes: 2 };
  const spoilt = {
    empty: () => rmSync(join(local, 'empty', 'wordmask.json')),
    'no-json': () => writeFileSync(join(local, 'no-json', 'wordmask.json'), '<html>'),
    'cut-off': () => writeFileSync(join(local, 'cut-off', 'text-00.safetensors'), 'mo'),
    lacking: () => rmSync(join(local, 'lacking', 'tokenizer.json')),
    outside: () => bundle(join(local, 'outside'), { tokenizer: outside }),
    doodle: () => {},
  };
  for (const [name, spoil] of Object.entries(spoilt)) {
    bundle(join(local, name));
    spoil();
  }
  const warnings = t.mock.method(console, 'warn', () => {});
  assert.equal(publishModels(page, { builtIn, local }).length, 1);
  assert.equal(warnings.mock.callCount(), Object.keys(spoilt).length);
});

test('the folder is named after the model and its scheme', () => {
  const name = (...args) => readArguments(args).name;
  assert.equal(name('b16'), 'b16');
  assert.equal(name('b16', '--quant', 'q4'), 'b16-q4');
  assert.equal(name('openai/clip-vit-base-patch16'), 'clip-vit-base-patch16');
  assert.equal(name('./my model/model.safetensors'), 'model');
  assert.equal(name('b16', '--quant', 'q4', '--name', 'mine'), 'mine');
});

/** As npm tells where it was started. */
function startNpmIn(t, path) {
  const before = process.env.INIT_CWD;
  t.after(() => {
    if (before === undefined) delete process.env.INIT_CWD;
    else process.env.INIT_CWD = before;
  });
  process.env.INIT_CWD = path;
}

test('paths are meant from where npm was started', (t) => {
  startNpmIn(t, resolve('/somewhere'));
  assert.equal(readArguments(['./clip']).source, resolve('/somewhere/clip'));
  assert.equal(readArguments(['../clip']).source, resolve('/clip'));
  assert.equal(readArguments(['openai/clip']).source, 'openai/clip');
});

test('what lies where npm was started needs no dot, unless it is called like a model', (t) => {
  const at = folder(t);
  mkdirSync(join(at, 'clip'));
  mkdirSync(join(at, 'b16'));
  startNpmIn(t, at);
  assert.equal(readArguments(['clip']).source, join(at, 'clip'));
  assert.equal(readArguments(['b16']).source, 'b16');
  assert.equal(readArguments(['./b16']).source, join(at, 'b16'));
});

test('the native program is told what was asked, and no more', () => {
  const wanted = { source: 'b16', quant: undefined, revision: undefined };
  assert.deepEqual(importArguments(wanted, 'out'), ['import', 'b16', '--out', 'out']);
  const all = importArguments({ source: 'a/b', quant: 'q4', revision: 'v1' }, 'out');
  const expected = ['import', 'a/b', '--quant', 'q4', '--revision', 'v1', '--out', 'out'];
  assert.deepEqual(all, expected);
});

test('wrong use is refused with a sentence', () => {
  const refused = {
    'Name one model': [[], ['a', 'b'], ['b16', '--fast']],
    'no scheme q5': [['b16', '--quant', 'q5']],
    'the catalogue, which has b16, ': [['b17'], ['nowhere.safetensors']],
    'cannot be a folder': [['b16', '--name', '../x'], ['b16', '--name', '.git'], ['..']],
    'the built-in model': [['doodle'], ['b16', '--name', 'doodle']],
  };
  for (const [sentence, cases] of Object.entries(refused)) {
    for (const args of cases) assert.throws(() => readArguments(args), new RegExp(sentence));
  }
});

/** Puts a program `cargo` first on the search path. */
function pretendCargo(t, at, script) {
  const bin = join(at, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'cargo'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'cargo'), 0o755);
  const before = process.env.PATH;
  t.after(() => {
    process.env.PATH = before;
  });
  process.env.PATH = `${bin}${delimiter}${before}`;
}

const needsShell = { skip: process.platform === 'win32' && 'the stand-in is a shell script' };

test('a model that could not be imported leaves the old one where it is', needsShell, (t) => {
  const at = folder(t);
  const [local, page] = [join(at, 'local'), join(at, 'page')];
  t.mock.method(console, 'log', () => {});
  bundle(join(local, 'b16'), { name: 'old' });
  const wanted = readArguments(['b16']);

  pretendCargo(t, at, 'for out; do :; done; mkdir -p "$out"; exit "$FAKE_STATUS"');
  for (const status of ['1', '0']) {
    process.env.FAKE_STATUS = status;
    assert.throws(() => importModel(wanted, { local, page }), /Import the model|not imported/);
    assert.equal(readBundle(join(local, 'b16')).name, 'old');
    assert.ok(!existsSync(join(local, '.b16.new')));
  }
});

test('an imported model takes its place, on the page too', needsShell, (t) => {
  const at = folder(t);
  const [local, page] = [join(at, 'local'), join(at, 'page')];
  t.mock.method(console, 'log', () => {});
  bundle(join(at, 'made'), { name: 'new' });
  bundle(join(local, 'b16'), { name: 'old' });
  mkdirSync(page);
  pretendCargo(t, at, `for out; do :; done; cp -r "${join(at, 'made')}" "$out"`);

  assert.equal(importModel(readArguments(['b16']), { local, page }), join(local, 'b16'));
  assert.equal(readBundle(join(local, 'b16')).name, 'new');
  const [builtIn, imported] = readIndex(page);
  assert.equal(builtIn.path, 'models/doodle/');
  assert.equal(imported.name, 'new');
});
