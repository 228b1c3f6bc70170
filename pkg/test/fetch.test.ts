import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BundleStore } from '../src/fetch.js';
import { fails } from './fails.js';
import { FakeCache, FakeNet, hash } from './fakes.js';

const url = 'https://example.org/m/vision-00.safetensors';
const manifestUrl = 'https://example.org/m/wordmask.json';
const body = Uint8Array.from({ length: 10 }, (_, index) => index);
const promised = { bytes: 10, sha256: hash(body) };
const { signal } = new AbortController();

function chunked(...chunks: Uint8Array<ArrayBuffer>[]): { response: Response; cancelled: boolean } {
  const state = { response: new Response(), cancelled: false };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
    cancel() {
      state.cancelled = true;
    },
  });
  state.response = new Response(stream);
  return state;
}

function store(net: FakeNet, cache?: FakeCache): BundleStore {
  net.caches = cache?.storage;
  return new BundleStore(net, 'default');
}

test('a file comes in chunks, with progress', async () => {
  const net = new FakeNet();
  net.answers.set(url, () => chunked(body.slice(0, 4), body.slice(4)).response);
  const seen: number[] = [];
  const bytes = await store(net).file(url, promised, (loaded) => seen.push(loaded), signal);
  assert.deepEqual(bytes, body);
  assert.deepEqual(seen, [4, 10]);
});

test('a download is stopped as soon as it is longer than promised', async () => {
  const net = new FakeNet();
  const answer = chunked(body, Uint8Array.of(1), new Uint8Array(1000));
  net.answers.set(url, () => answer.response);
  await fails(
    store(net).file(url, promised, () => undefined, signal),
    'integrity',
    'longer',
  );
  assert.ok(answer.cancelled);
});

test('a download that is cut off says how far it came', async () => {
  const net = new FakeNet().file(url, body.slice(0, 7));
  await fails(
    store(net).file(url, promised, () => undefined, signal),
    'network',
    '7 of 10',
  );
});

test('a connection that breaks is a network error', async () => {
  const net = new FakeNet();
  const stream = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(body.slice(0, 3));
      },
      pull(controller) {
        controller.error(new TypeError('terminated'));
      },
    });
  net.answers.set(url, () => new Response(stream()));
  await fails(
    store(net).file(url, promised, () => undefined, signal),
    'network',
    'terminated',
  );
});

test('an answer that is no file is named, and not asked for twice', async () => {
  const net = new FakeNet();
  net.answers.set(url, () => new Response('not here', { status: 404 }));
  await fails(
    store(net).file(url, promised, () => undefined, signal),
    'network',
    '404',
  );
  assert.equal(net.asked.length, 1);
});

test('no answer at all says what to check', async () => {
  const net = new FakeNet();
  await fails(
    store(net).file(url, promised, () => undefined, signal),
    'network',
    'CORS',
  );
  assert.equal(net.asked.length, 1);
});

test('a kept file is not downloaded again', async () => {
  const net = new FakeNet().file(url, body);
  const kept = store(net, new FakeCache());
  await kept.keep(url, promised.sha256, body);
  const seen: number[] = [];
  const bytes = await kept.file(url, promised, (loaded) => seen.push(loaded), signal);
  assert.deepEqual(bytes, body);
  assert.equal(seen.at(-1), 10);
  assert.equal(net.asked.length, 0);
  assert.ok(kept.keptAll);
});

test('a kept file of another version is downloaded again and replaced', async () => {
  const cache = new FakeCache();
  const net = new FakeNet().file(url, body);
  const kept = store(net, cache);
  await kept.keep(url, hash(Uint8Array.of(9)), Uint8Array.of(9));
  assert.deepEqual(await kept.file(url, promised, () => undefined, signal), body);
  assert.equal(net.asked.length, 1);
  await kept.keep(url, promised.sha256, body);
  assert.equal(cache.entries.size, 1);
  await kept.file(url, promised, () => undefined, signal);
  assert.equal(net.asked.length, 1);
});

test('a kept file of the wrong length is dropped', async () => {
  const cache = new FakeCache();
  const kept = store(new FakeNet().file(url, body), cache);
  await kept.keep(url, promised.sha256, body.slice(1));
  await fails(
    kept.file(url, promised, () => undefined, signal),
    'network',
    '9 of 10',
  );
  assert.equal(cache.entries.size, 0);
});

test('a full store is no failure, and can be seen', async () => {
  const cache = new FakeCache();
  cache.full = true;
  const full = store(new FakeNet(), cache);
  await full.keep(url, promised.sha256, body);
  assert.ok(!full.keptAll);
});

test('a forbidden or missing store is no failure', async () => {
  const net = new FakeNet().file(url, body);
  const open = async () => {
    throw new DOMException('The operation is insecure.', 'SecurityError');
  };
  for (const caches of [undefined, { open } as unknown as CacheStorage]) {
    net.caches = caches;
    const without = new BundleStore(net, 'default');
    assert.deepEqual(await without.file(url, promised, () => undefined, signal), body);
    await without.keep(url, promised.sha256, body);
    assert.ok(!without.keptAll);
  }
});

test('the mode none keeps nothing', async () => {
  const cache = new FakeCache();
  const net = new FakeNet().file(manifestUrl, '{}');
  net.caches = cache.storage;
  const none = new BundleStore(net, 'none');
  await none.manifest(manifestUrl, signal);
  await none.keep(url, promised.sha256, body);
  assert.equal(cache.entries.size, 0);
});

test('the manifest comes from the network, and from the cache only when offline', async () => {
  const cache = new FakeCache();
  const net = new FakeNet().file(manifestUrl, '{"version":1}');
  assert.equal(await store(net, cache).manifest(manifestUrl, signal), '{"version":1}');
  net.file(manifestUrl, '{"version":2}');
  assert.equal(await store(net, cache).manifest(manifestUrl, signal), '{"version":2}');
  net.answers.delete(manifestUrl);
  assert.equal(await store(net, cache).manifest(manifestUrl, signal), '{"version":2}');
  net.answers.set(manifestUrl, () => new Response('', { status: 410 }));
  await fails(store(net, cache).manifest(manifestUrl, signal), 'network', '410');
});

test('a manifest has a longest length', async () => {
  const net = new FakeNet().file(manifestUrl, new Uint8Array(5 * 1024 * 1024));
  await fails(store(net).manifest(manifestUrl, signal), 'model', 'too long');
});

test('an abort rejects with its reason and cancels the download', async () => {
  const net = new FakeNet();
  const answer = chunked(...Array.from(body, (byte) => Uint8Array.of(byte)));
  net.answers.set(url, () => answer.response);
  const controller = new AbortController();
  const reason = new Error('enough');
  const download = store(net).file(
    url,
    promised,
    () => controller.abort(reason),
    controller.signal,
  );
  await assert.rejects(download, reason);
  assert.ok(answer.cancelled);
});
