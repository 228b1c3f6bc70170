/** Models in the browser's storage: importing, listing, loading, deleting. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import {
  clearCache,
  deleteModel,
  importModel,
  listModels,
  type Progress,
  Segmenter,
  storageUse,
} from '../src/index.js';
import { ModelStore } from '../src/models.js';
import { fails } from './fails.js';
import {
  bundleNet,
  bundleUrl,
  coded,
  engineUrl,
  type FakeCache,
  type FakeNet,
  FakeWorker,
  hash,
  type Script,
  script,
  trap,
} from './fakes.js';

let net: FakeNet;
let models: FakeCache;
let downloads: FakeCache;
let engine: Script;
const weights = Uint8Array.from({ length: 25 }, (_, index) => index);
const tokenizer = Uint8Array.of(5, 6);

beforeEach(() => {
  ({ net, models, downloads } = bundleNet());
  engine = script();
  FakeWorker.install(engine, net);
  net.disk.set('model.safetensors', weights).set('tokenizer.json', tokenizer);
});

afterEach(() => assert.ok(FakeWorker.all.every((worker) => worker.terminated)));

const published = (...without: string[]) =>
  [
    new File([weights], 'model.safetensors'),
    new File(['{}'], 'config.json'),
    new File([tokenizer], 'tokenizer.json'),
  ].filter(({ name }) => !without.includes(name));

test('a published model is imported file by file, kept and listed', async () => {
  const seen: Progress[] = [];
  const begin = Date.now();
  const model = await importModel(published(), { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(seen, [
    { phase: 'prepare' },
    { phase: 'import', done: 0, total: 2 },
    { phase: 'import', done: 1, total: 2 },
    { phase: 'import', done: 2, total: 2 },
  ]);
  assert.deepEqual(engine.log, [
    'import model.safetensors+config.json+tokenizer.json {"scheme":"q8"}',
  ]);
  assert.match(model.id, /^[0-9a-f]{64}$/);
  assert.equal(model.bytes, 27);
  assert.equal(model.name, 'small');
  const imported = model.imported.getTime();
  assert.ok(begin <= imported && imported <= Date.now(), String(model.imported));
  assert.deepEqual(await listModels(), [model]);
  const kept = [...models.entries.keys()].map((url) => url.replace(/^.*\//, ''));
  // The model's own entry last: half an import is no model.
  assert.deepEqual(kept, [hash(weights), hash(tokenizer), model.id]);
  assert.deepEqual(net.asked, [engineUrl]);
});

test('a model of the first version, which says what it knows, is listed with its description', async () => {
  const { id, description } = await importModel(published());
  const [address] = [...models.entries.keys()].filter((url) => url.endsWith(id));
  const record = await models.entries
    .get(address ?? '')
    ?.clone()
    .json();
  const { description: knows, pictures, vocabulary, ...info } = record.info;
  models.entries.set(
    address ?? '',
    new Response(JSON.stringify({ ...record, info: { ...info, knows } })),
  );
  const [model] = await listModels();
  assert.equal(model?.description, description);
  assert.ok(model && !('knows' in model));
  assert.deepEqual([pictures, model.pictures], ['drawings', 'photographs']);
  assert.deepEqual([vocabulary, model.vocabulary], [['cat', 'red'], []]);
});

test('the id is the hash of the manifest', async () => {
  const model = await importModel(published(), { scheme: 'q4', name: 'mine' });
  const manifest = await new ModelStore(net).manifest(model.id);
  assert.equal(hash(new TextEncoder().encode(manifest)), model.id);
  assert.equal(JSON.parse(manifest).scheme, 'q4');
  assert.equal(JSON.parse(manifest).name, 'mine');
});

test('the same model twice is one; another scheme is another, and shares what is alike', async () => {
  const first = await importModel(published());
  const second = await importModel(new Set(published()));
  assert.equal(second.id, first.id);
  assert.deepEqual(second.imported, first.imported);
  assert.equal((await listModels()).length, 1);
  const other = await importModel(published(), { scheme: 'f16' });
  assert.deepEqual(
    (await listModels()).map(({ id }) => id),
    [first.id, other.id],
  );
  await deleteModel(first);
  assert.deepEqual(
    (await listModels()).map(({ id }) => id),
    [other.id],
  );
  const segmenter = await Segmenter.load(other);
  await segmenter.close();
});

test('an imported model loads without the network, also after its worker has died', async () => {
  const { id } = await importModel(published());
  net.asked.length = 0;
  engine.log.length = 0;
  const segmenter = await Segmenter.load({ id });
  assert.ok(segmenter.cached);
  assert.deepEqual(engine.log, ['add vision-00.safetensors', 'finish cpu']);
  const picture = await segmenter.encode(new Blob(['a']));
  await picture.segment(['rare lynx']);
  assert.ok(engine.log.includes('add tokenizer.json'));
  FakeWorker.all.at(-1)?.crash('unreachable');
  await picture.segment(['cat']);
  assert.ok(net.asked.every((url) => url === engineUrl));
  await segmenter.close();
});

test('a model that was deleted is gone with its files, and says so', async () => {
  const model = await importModel(published());
  const segmenter = await Segmenter.load(model);
  await deleteModel(model.id);
  assert.deepEqual(await listModels(), []);
  assert.equal(models.entries.size, 0);
  await fails(Segmenter.load(model), 'input', 'no longer');
  const picture = await segmenter.encode(new Blob(['a']));
  await picture.segment(['cat']);
  await fails(picture.segment(['rare lynx']), 'input', 'no longer');
  await segmenter.close();
  await deleteModel(model.id);
  await fails(deleteModel('abc'), 'input', 'listModels');
});

test('a file that is damaged or lost takes its model off the list', async () => {
  const model = await importModel(published());
  const key = [...models.entries.keys()].find((url) => url.endsWith(hash(weights))) ?? '';
  models.entries.set(key, new Response(weights.map((value) => value + 1)));
  await fails(Segmenter.load(model), 'integrity', 'vision-00');
  assert.deepEqual(await listModels(), []);
  assert.equal(models.entries.size, 0, 'the rest is swept away');
  assert.equal((await importModel(published())).id, model.id);
});

test('what the engine refuses is said in its words, and nothing stays', async () => {
  await fails(importModel(published('config.json')), 'model', 'There is no config.json.');
  engine.make = (name) => {
    if (name === 'tokenizer.json') throw coded('model', 'The tokenizer is damaged.');
  };
  await fails(importModel(published()), 'model', 'damaged');
  assert.equal(models.entries.size, 0);
});

test('a trap ends the import and nothing else', async () => {
  const segmenter = await Segmenter.load(bundleUrl);
  engine.make = () => {
    throw trap();
  };
  await fails(importModel(published()), 'internal', 'unreachable');
  await segmenter.encode(new Blob(['a']));
  assert.equal(FakeWorker.all.length, 2);
  await segmenter.close();
});

test('a file that was changed meanwhile is named', async () => {
  engine.make = (name) => {
    if (name.startsWith('vision')) net.disk.delete('model.safetensors');
  };
  await fails(importModel(published()), 'input', 'model.safetensors cannot be read');
  assert.equal(models.entries.size, 0);
});

test('an import stops on abort, in a moment, and leaves nothing', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const promise = importModel(published(), {
    signal: controller.signal,
    onProgress: (progress) => {
      if (progress.phase === 'import' && progress.done === 1) controller.abort(reason);
    },
  });
  await assert.rejects(promise, reason);
  assert.equal(models.entries.size, 0);
  assert.deepEqual(await listModels(), []);
  await assert.rejects(importModel(published(), { signal: AbortSignal.abort(reason) }), reason);
});

test('what an import has left that was cut off goes with the next list', async () => {
  const model = await importModel(published());
  const store = new ModelStore(net);
  await store.keep({ bytes: Uint8Array.of(1, 2, 3), sha256: 'f'.repeat(64) });
  assert.equal(models.entries.size, 4);
  assert.deepEqual(await listModels(), [model]);
  assert.equal(models.entries.size, 3);
});

test('nothing is swept away while an import is under way', async () => {
  const store = new ModelStore(net);
  await store.whileWriting(async () => {
    await store.keep({ bytes: Uint8Array.of(1, 2, 3), sha256: 'f'.repeat(64) });
    await listModels();
    assert.equal(models.entries.size, 1);
  });
  await listModels();
  assert.equal(models.entries.size, 0);
});

test('a full store is told with its figures', async () => {
  net.storage = { estimate: async () => ({ quota: 1.2e9, usage: 1.15e9 }) };
  models.full = true;
  await fails(importModel(published()), 'out-of-memory', '1,150 of the 1,200 MB');
  net.storage = {
    estimate: async () => {
      throw new TypeError('no');
    },
  };
  await fails(importModel(published()), 'out-of-memory', 'no room for the model (Quota');
});

test('a browser that keeps nothing says so before any work, and lists nothing', async () => {
  const open = async () => {
    throw new DOMException('The operation is insecure.', 'SecurityError');
  };
  Object.assign(globalThis, { isSecureContext: false });
  for (const caches of [undefined, { open } as unknown as CacheStorage]) {
    Object.assign(globalThis, { caches });
    await fails(importModel(published()), 'unsupported', 'https');
    assert.deepEqual(await listModels(), []);
    await deleteModel('0'.repeat(64));
  }
  Object.assign(globalThis, { caches: undefined, isSecureContext: undefined });
  await fails(importModel(published()), 'unsupported', 'wordmask import');
  assert.equal(FakeWorker.all.length, 0);
});

test('without locks all works as well', async () => {
  net.locks = undefined;
  FakeWorker.install(engine, net);
  const model = await importModel(published());
  assert.deepEqual(await listModels(), [model]);
});

test('downloads that are cleared leave imported models', async () => {
  const model = await importModel(published());
  const segmenter = await Segmenter.load(bundleUrl);
  await segmenter.close();
  downloads.entries.set(
    'https://wordmask.invalid/downloads/a/b/0',
    new Response('half', { headers: { 'x-wordmask-bytes': '4' } }),
  );
  const { bundles, ...use } = await storageUse();
  assert.deepEqual(use, { models: model.bytes, downloads: 4 });
  assert.ok(bundles > 10, String(bundles));
  await clearCache();
  assert.deepEqual(await storageUse(), { models: model.bytes, bundles: 0, downloads: 0 });
  assert.deepEqual(await listModels(), [model]);
});

test('files and options are checked before anything is started', async () => {
  await fails(importModel([]), 'input', 'no files');
  for (const strange of ['model.safetensors', 7, null, [new Blob(['x'])], { 'a/b': 'c' }]) {
    await fails(importModel(strange as never), 'input', 'File');
  }
  await fails(importModel([...published(), 'https://example.org/a'] as never), 'input', 'File');
  await fails(importModel(['https://a.org/x.json', 'https://b.org/x.json']), 'input', 'two files');
  await fails(importModel('a/b', { revision: '../x' }), 'input', 'commit');
  await fails(importModel('a/b', { sha256: { a: 'b' } }), 'input', '64');
  const twice = [new File(['a'], 'config.json'), new File(['b'], 'config.json')];
  await fails(importModel(twice), 'input', 'two files');
  await fails(importModel(published(), { scheme: 'q2' } as never), 'input', 'q4');
  await fails(importModel(published(), { device: 'cpu' } as never), 'input', 'device');
  assert.equal(FakeWorker.all.length, 0);
});
