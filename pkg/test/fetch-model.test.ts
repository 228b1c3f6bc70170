/** Published models from the hub and from addresses: which files, in which order, once. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { importModel, listModels, type Progress, Segmenter, storageUse } from '../src/index.js';
import { fails } from './fails.js';
import {
  bundleFiles,
  bundleNet,
  type FakeCache,
  type FakeNet,
  FakeWorker,
  hash,
  manifestOf,
  type Script,
  script,
} from './fakes.js';
import { cut, ServedFile } from './served-file.js';

const hub = 'https://hub.example';
const sha = '0123456789abcdef0123456789abcdef01234567';
const converted = '89abcdef0123456789abcdef0123456789abcdef';
const weights = Uint8Array.from({ length: 250 }, (_, index) => index);
const tokenizer = Uint8Array.of(5, 6);
const bothTowers = text({ vision_config: {}, text_config: {} });
const whole = {
  'README.md': text('read'),
  'config.json': bothTowers,
  'preprocessor_config.json': text({}),
  'tokenizer.json': tokenizer,
  'model.safetensors': weights,
};

let net: FakeNet;
let downloads: FakeCache;
let models: FakeCache;
let engine: Script;
let served: Map<string, ServedFile>;
let asked: string[];

function text(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Puts a repository on the hub. */
function put(
  id: string,
  files: Record<string, Uint8Array<ArrayBuffer>>,
  at = 'main',
  commit = sha,
) {
  const siblings = Object.entries(files).map(([rfilename, bytes]) => ({
    rfilename,
    size: bytes.length,
    ...(bytes.length > 100 && { lfs: { sha256: hash(bytes) } }),
  }));
  const revision = encodeURIComponent(at);
  serveAt(
    `${hub}/api/models/${id}/revision/${revision}?blobs=true`,
    text({ sha: commit, siblings }),
  );
  for (const [name, bytes] of Object.entries(files)) {
    serveAt(`${hub}/${id}/resolve/${commit}/${name}`, bytes);
  }
}

function serveAt(url: string, bytes: Uint8Array<ArrayBuffer>): void {
  served.set(url, new ServedFile(bytes));
}

function discussions(id: string, list: unknown[]): void {
  const query = 'type=pull_request&status=open&author=SFconvertbot';
  serveAt(`${hub}/api/models/${id}/discussions?${query}`, text({ discussions: list }));
}

const { fetch } = globalThis;

beforeEach(() => {
  ({ net, models, downloads } = bundleNet());
  engine = script();
  FakeWorker.install(engine, net);
  net.disk.set('model.safetensors', weights).set('tokenizer.json', tokenizer);
  served = new Map();
  asked = [];
  globalThis.fetch = async (url, init = {}) => {
    asked.push(String(url).replace(/^.*\/(?=[^/]+$)/, ''));
    const file = served.get(String(url));
    return file ? file.answer(init) : new Response('none', { status: 404 });
  };
});

afterEach(() => {
  globalThis.fetch = fetch;
  assert.ok(FakeWorker.all.every((worker) => worker.terminated));
});

/** What the engine was given: the names of the files, and the options. */
function made(): { files: string[]; options: Record<string, unknown> } {
  const [, files = '', options = ''] = /^import (\S+) (.*)$/.exec(engine.log[0] ?? '') ?? [];
  return { files: files.split('+'), options: JSON.parse(options) };
}

test('a model of the hub is fetched, made and told where it is from', async () => {
  put('a/clip', whole);
  const seen: Progress[] = [];
  const details = { name: 'CLIP', license: 'MIT', description: 'All.', pictureSize: 336 };
  const model = await importModel('a/clip', {
    hubUrl: `${hub}/`,
    scheme: 'q4',
    ...details,
    onProgress: (progress) => seen.push(progress),
  });
  const names = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'model.safetensors'];
  const { files, options } = made();
  assert.deepEqual(files, names);
  const source = {
    origin: 'a/clip',
    revision: sha,
    files: names.map((file) => ({ file, sha256: hash(whole[file as keyof typeof whole]) })),
  };
  assert.deepEqual(options, { scheme: 'q4', ...details, source });
  const total = names.reduce((sum, name) => sum + whole[name as keyof typeof whole].length, 0);
  const bytes = seen.filter((progress) => progress.phase === 'download');
  assert.ok(bytes.every((progress) => progress.total === total));
  assert.equal(bytes.at(-1)?.loaded, total);
  assert.deepEqual(await listModels(), [model]);
  assert.equal(downloads.entries.size, 0, 'what was downloaded has made room');
});

test('a model that was fetched is there without asking, another scheme is another', async () => {
  put('a/clip', whole);
  const first = await importModel('a/clip', { hubUrl: hub });
  served.clear();
  asked.length = 0;
  assert.deepEqual(await importModel('hf:a/clip', { hubUrl: hub }), first);
  assert.deepEqual(asked, []);
  await fails(importModel('a/clip', { hubUrl: hub, scheme: 'q4' }), 'network', '404');
});

test('only pickled weights: the conversion by the hub is taken, if it is of the same', async () => {
  const pickled = { 'config.json': bothTowers, 'pytorch_model.bin': weights };
  put('a/old', pickled);
  put('a/old', { ...whole, ...pickled }, 'refs/pr/17', converted);
  const by = (num: number, name: string, title = 'Adding `safetensors` variant of this model') => ({
    num,
    title,
    status: 'open',
    isPullRequest: true,
    author: { name },
  });
  discussions('a/old', [by(17, 'SFconvertbot'), by(18, 'somebody'), by(19, 'SFconvertbot', 'No')]);
  await importModel('a/old', { hubUrl: hub });
  assert.deepEqual((made().options.source as { revision: string }).revision, converted);

  put('a/other', pickled);
  put('a/other', { ...whole, 'pytorch_model.bin': weights.slice(1) }, 'refs/pr/17', converted);
  discussions('a/other', [by(17, 'SFconvertbot')]);
  await fails(importModel('a/other', { hubUrl: hub }), 'model', 'pickle');
  await fails(importModel('a/other', { hubUrl: hub, revision: 'main' }), 'model', 'pickle');
});

test('of two layouts that of Hugging Face is taken, unless it is of a vision tower alone', async () => {
  const both = {
    ...whole,
    'open_clip_config.json': text({}),
    'open_clip_model.safetensors': weights,
  };
  put('a/both', both);
  await importModel('a/both', { hubUrl: hub });
  assert.ok(made().files.includes('model.safetensors'));
  engine.log.length = 0;
  net.disk.set('open_clip_model.safetensors', weights);
  put('a/tower', { ...both, 'config.json': text({ architecture: 'vit' }) });
  await fails(importModel('a/tower', { hubUrl: hub }), 'model');
  assert.deepEqual(made().files, [
    'open_clip_config.json',
    'preprocessor_config.json',
    'tokenizer.json',
    'open_clip_model.safetensors',
  ]);
});

test('a model of OpenCLIP without a tokenizer borrows that of CLIP', async () => {
  const config = { model_cfg: { text_cfg: { context_length: 77 } } };
  const openClip = {
    'open_clip_config.json': text(config),
    'open_clip_model.safetensors': weights,
  };
  put('a/open', openClip);
  put('openai/clip-vit-base-patch32', { 'tokenizer.json': tokenizer }, 'main', converted);
  net.disk.set('open_clip_model.safetensors', weights);
  await fails(importModel('a/open', { hubUrl: hub }), 'model', 'config.json');
  assert.ok(made().files.includes('tokenizer.json'));
  const own = { model_cfg: { text_cfg: { hf_tokenizer_name: 'bert' } } };
  put('a/bert', { ...openClip, 'open_clip_config.json': text(own) });
  await fails(importModel('a/bert', { hubUrl: hub }), 'model', 'no tokenizer');
});

test('weights in parts come with their index, which may name nothing else', async () => {
  const parts = { 'model-1.safetensors': weights, 'model-2.safetensors': weights };
  const index = (...names: string[]) => text({ weight_map: Object.fromEntries(names.entries()) });
  const { 'model.safetensors': _, ...rest } = whole;
  const sharded = (...names: string[]) => ({
    ...rest,
    ...parts,
    'model.safetensors.index.json': index(...names),
  });
  for (const bad of ['../x.safetensors', 'model-3.safetensors', 'README.md']) {
    put('a/parts', sharded('model-1.safetensors', bad));
    await fails(importModel('a/parts', { hubUrl: hub }), 'model', 'does not have');
  }
  net.disk.set('model-1.safetensors', weights).set('model-2.safetensors', weights);
  put('a/parts', sharded('model-2.safetensors', 'model-1.safetensors', 'model-2.safetensors'));
  await importModel('a/parts', { hubUrl: hub });
  assert.deepEqual(made().files.slice(-2), Object.keys(parts));
});

test('answers that are none are told', async () => {
  await fails(importModel('a/nobody', { hubUrl: hub }), 'network', '404');
  const url = `${hub}/api/models/a/odd/revision/main?blobs=true`;
  for (const answer of ['<html>', '{}', '{"sha":"x","siblings":[]}', 'null']) {
    serveAt(url, new TextEncoder().encode(answer));
    await fails(importModel('a/odd', { hubUrl: hub }), 'network', 'a/odd');
  }
  put('a/empty', { 'README.md': text('x') });
  discussions('a/empty', []);
  await fails(importModel('a/empty', { hubUrl: hub }), 'model', 'no CLIP');
});

test('addresses do as well, under their own names or others, and hashes are held', async () => {
  const base = 'https://files.example/clip/';
  for (const [name, bytes] of Object.entries(whole)) serveAt(base + name, bytes);
  serveAt('https://files.example/clip/blob?id=7', weights);
  const { id } = await importModel([
    new URL(`${base}model.safetensors`),
    `${base}config.json`,
    `${base}tokenizer.json`,
  ]);
  const { files, options } = made();
  assert.deepEqual(files, ['config.json', 'tokenizer.json', 'model.safetensors']);
  assert.equal((options.source as { origin: string }).origin, base);
  const named = {
    'config.json': `${base}config.json`,
    'tokenizer.json': `${base}tokenizer.json`,
    'model.safetensors': `${base}blob?id=7`,
  };
  const sha256 = { 'model.safetensors': hash(weights) };
  await importModel(named, { sha256 });
  assert.equal(
    (await listModels()).some((model) => model.id === id),
    true,
  );
  const other = { 'model.safetensors': hash(tokenizer) };
  await fails(importModel(named, { sha256: other }), 'integrity', 'model.safetensors');
});

test('an import that was stopped goes on from what has come, and none of it is a model', async () => {
  put('a/clip', whole);
  const stop = new AbortController();
  const reason = new Error('enough');
  const url = `${hub}/a/clip/resolve/${sha}/model.safetensors`;
  served.get(url)?.turns.push(cut(120), () => {
    stop.abort(reason);
    throw reason;
  });
  await assert.rejects(importModel('a/clip', { hubUrl: hub, signal: stop.signal }), reason);
  assert.equal(models.entries.size, 0);
  const { downloads: kept } = await storageUse();
  assert.ok(kept > 120, String(kept));
  asked.length = 0;
  await importModel('a/clip', { hubUrl: hub });
  assert.deepEqual(asked, ['main?blobs=true', 'model.safetensors']);
  assert.deepEqual(served.get(url)?.asked.slice(-1), [120]);
});

test('too little room is told before anything is fetched', async () => {
  put('a/clip', whole);
  net.storage = { estimate: async () => ({ quota: 1000, usage: 900 }) };
  FakeWorker.install(engine, net);
  await fails(importModel('a/clip', { hubUrl: hub }), 'out-of-memory', 'room');
  assert.deepEqual(asked, ['main?blobs=true']);
});

test('two pages that want the same wait for each other, and fetch it once', async () => {
  put('a/clip', whole);
  const held = new Map<string, Promise<unknown>>();
  const locks = {
    async request(name: string, options: LockOptions, body: (lock: Lock | null) => unknown) {
      const before = options.mode === 'shared' ? undefined : held.get(name);
      if (before && options.ifAvailable) return body(null);
      const run = Promise.resolve(before).then(() => body({ name, mode: 'exclusive' }));
      const over = run.catch(() => undefined).then(() => held.delete(name));
      held.set(name, over);
      return run;
    },
  };
  net.locks = locks as unknown as FakeNet['locks'];
  FakeWorker.install(engine, net);
  const seen: Progress['phase'][][] = [[], []];
  const [one, two] = await Promise.all(
    seen.map((phases) =>
      importModel('a/clip', { hubUrl: hub, onProgress: ({ phase }) => phases.push(phase) }),
    ),
  );
  assert.deepEqual(one, two);
  assert.deepEqual(
    seen.filter((phases) => phases.includes('wait')),
    [['wait']],
  );
  assert.equal(asked.filter((name) => name === 'model.safetensors').length, 1);
});

test('a bundle of the hub is loaded by its name', async () => {
  const base = 'https://huggingface.co/me/masks/resolve/main/';
  net.file(`${base}wordmask.json`, manifestOf(bundleFiles));
  for (const { name, body } of bundleFiles) net.file(base + name, body);
  await (await Segmenter.load('hf:me/masks')).close();
  const other = `${hub}/me/masks/resolve/v1/`;
  net.file(`${other}wordmask.json`, manifestOf(bundleFiles));
  for (const { name, body } of bundleFiles) net.file(other + name, body);
  await (await Segmenter.load('hf:me/masks@v1', { hubUrl: hub })).close();
  await fails(Segmenter.load('hf:masks'), 'input', 'hf:owner/name');
});
