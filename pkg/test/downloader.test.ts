/** One file from a server onto the disk, whatever the server does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchFile, type RemoteFile } from '../src/downloader.js';
import { PieceStore } from '../src/pieces.js';
import { fails } from './fails.js';
import { FakeCache, hash } from './fakes.js';
import { cut, given, offline, ServedFile, silent, status } from './served-file.js';

const url = 'https://hub.example/model.safetensors';
// More than four pieces of 4 MiB.
const bytes = Uint8Array.from({ length: 20_000_000 }, (_, index) => (index * 7919) >> 5);
const small = bytes.slice(0, 1000);
const file = { name: 'model.safetensors', url };

/** A browser with a disk, in which downloads go on. */
function browser() {
  const cache = new FakeCache();
  const waits: number[] = [];
  const seen: [number, number | undefined][] = [];
  const storage = {
    caches: cache.storage,
    locks: undefined,
    storage: { estimate: async () => ({ quota: 3e6, usage: 2e6 }) },
  };
  const store = new PieceStore(storage, 'test');
  return {
    cache,
    waits,
    seen,
    store,
    get(served: ServedFile, remote: RemoteFile = file, signal = new AbortController().signal) {
      const means = {
        net: { fetch: (_: string, init: RequestInit) => served.answer(init) },
        store,
        signal,
        patience: { tries: 2, pause: 1, longest: 50, silence: 20 },
        onWait: (milliseconds: number) => waits.push(milliseconds),
      };
      return fetchFile(remote, means, (loaded, total) => seen.push([loaded, total]));
    },
  };
}

const content = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

test('a file comes in one request, and lies on the disk in pieces', async () => {
  const { get, cache, seen, store } = browser();
  const served = new ServedFile(bytes);
  const fetched = await get(served);
  assert.equal(fetched.sha256, hash(bytes));
  assert.deepEqual(await content(fetched.blob), bytes);
  assert.deepEqual(served.asked, [0]);
  assert.equal(cache.entries.size, 5 + 1, 'five pieces and a note');
  assert.deepEqual(seen.at(-1), [bytes.length, bytes.length]);
  assert.equal(await store.bytes(), bytes.length);
  await store.clear();
  assert.equal(cache.entries.size, 0);
});

test('what has come whole is not asked for again', async () => {
  const { get } = browser();
  await get(new ServedFile(bytes));
  const again = new ServedFile(bytes);
  const fetched = await get(again);
  assert.equal(fetched.sha256, hash(bytes));
  assert.deepEqual(again.asked, []);
});

for (const share of [0.1, 0.5, 0.9]) {
  test(`a download that was stopped at ${share * 100} % goes on at that byte`, async () => {
    const { get, seen } = browser();
    const stop = new AbortController();
    const reason = new Error('enough');
    const at = bytes.length * share;
    const served = new ServedFile(bytes, (from, served) => {
      setTimeout(() => stop.abort(reason), 15);
      return silent(at)(from, served) as Response;
    });
    await assert.rejects(get(served, file, stop.signal), reason);
    const next = new ServedFile(bytes);
    seen.length = 0;
    const fetched = await get(next);
    assert.deepEqual(next.asked, [at]);
    assert.equal(fetched.sha256, hash(bytes));
    assert.ok(seen.every(([loaded], index) => loaded >= (seen[index - 1]?.[0] ?? 0)));
  });
}

test('a piece that the browser has lost makes it begin anew', async () => {
  const { get, cache } = browser();
  await get(new ServedFile(bytes));
  const [, first] = [...cache.entries.keys()];
  cache.entries.delete(first ?? '');
  const served = new ServedFile(bytes);
  assert.equal((await get(served)).sha256, hash(bytes));
  assert.deepEqual(served.asked, [0]);
});

test('after a cut the rest is asked for, with as many tries as in the beginning', async () => {
  const { get, waits } = browser();
  const served = new ServedFile(bytes, cut(100), cut(200), cut(300), offline, given);
  const fetched = await get(served);
  assert.deepEqual(await content(fetched.blob), bytes);
  assert.deepEqual(served.asked, [0, 100, 300, 600, 600]);
  assert.deepEqual(waits, [1, 1, 1, 2]);
});

test('a server that stays away is told after some tries, and what came stays', async () => {
  const { get, store } = browser();
  const served = new ServedFile(bytes, cut(500), offline, offline, offline);
  await fails(get(served), 'network', 'Check the connection');
  assert.equal(await store.bytes(), 500);
});

test('a server that falls silent is asked again', async () => {
  const { get } = browser();
  const served = new ServedFile(bytes, silent(1000), given);
  assert.equal((await get(served)).sha256, hash(bytes));
  assert.deepEqual(served.asked, [0, 1000]);
  const dumb = new ServedFile(small, silent(10), silent(0), silent(0), silent(0));
  await fails(browser().get(dumb), 'network', 'nothing came');
});

test('a body that ends too early, without an error, is a cut as well', async () => {
  const { get } = browser();
  const short: typeof given = (_, { bytes }) =>
    new Response(bytes.slice(0, 700), { headers: { 'Content-Length': String(bytes.length) } });
  const served = new ServedFile(small, short, given);
  assert.equal((await get(served)).sha256, hash(small));
  assert.deepEqual(served.asked, [0, 700]);
});

test('a server without ranges sends all again, of which the rest is taken', async () => {
  const { get } = browser();
  const served = new ServedFile(bytes, cut(9_000_000), given);
  served.ranges = false;
  const fetched = await get(served);
  assert.deepEqual(await content(fetched.blob), bytes);
  assert.deepEqual(served.asked, [0, 9_000_000]);
});

for (const [code, part] of [
  [401, 'signed in'],
  [403, 'signed in'],
  [404, 'Check the address'],
  [410, 'Check the address'],
] as const) {
  test(`status ${code} is told at once`, async () => {
    const served = new ServedFile(small, status(code));
    await fails(browser().get(served), 'network', part);
    assert.equal(served.asked.length, 1);
  });
}

for (const code of [408, 429, 500, 502, 503, 504]) {
  test(`status ${code} passes`, async () => {
    const served = new ServedFile(small, status(code), given);
    const fetched = await browser().get(served);
    assert.equal(fetched.sha256, hash(small));
  });
}

test('a server says how long to wait, up to a limit', async () => {
  const { get, waits } = browser();
  await get(new ServedFile(small, status(429, { 'Retry-After': '0.03' })));
  assert.deepEqual(waits, [30]);
  const soon = new Date(Date.now() - 5000).toUTCString();
  await browser().get(new ServedFile(small, status(503, { 'Retry-After': soon })));
  const long = new ServedFile(small, status(429, { 'Retry-After': '3600' }));
  await fails(browser().get(long), 'network', 'too many requests');
  assert.equal(long.asked.length, 1);
});

for (const [what, change] of [
  ['another tag', { etag: '"two"' }],
  ['more bytes', { bytes: bytes.slice(0, 2000) }],
  ['fewer bytes', { bytes: bytes.slice(0, 300) }],
] as const) {
  test(`a file that changes to ${what} begins anew`, async () => {
    const { get } = browser();
    const served = new ServedFile(small, cut(500), (from, served) => {
      Object.assign(served, change);
      return given(from, served);
    });
    const fetched = await get(served);
    assert.deepEqual(await content(fetched.blob), served.bytes);
    assert.deepEqual(served.asked, [0, 500, 0]);
  });
}

test('a file that never stays the same is given up', async () => {
  let version = 0;
  const restless: typeof given = (from, served) => {
    served.etag = `"${version++}"`;
    return cut(100)(from, served);
  };
  const served = new ServedFile(small, ...Array.from({ length: 20 }, () => restless));
  await fails(browser().get(served), 'network', 'changes while');
});

test('what is not as promised is dropped', async () => {
  const { get, store } = browser();
  const other = { ...file, sha256: hash(small), size: small.length };
  const spoilt = new ServedFile(small.map((value) => value ^ 1));
  await fails(get(spoilt, other), 'integrity', 'SHA-256');
  assert.equal(await store.bytes(), 0);
  await fails(get(new ServedFile(bytes.slice(0, 1001)), other), 'integrity', 'longer');
  await fails(get(new ServedFile(bytes.slice(0, 900)), other), 'integrity', 'shorter');
  assert.equal(await store.bytes(), 0);
  const sum = hash(small).toUpperCase();
  assert.equal((await get(new ServedFile(small), { ...other, sha256: sum })).sha256, hash(small));
});

test('text is never continued: what is compressed on the way has other ranges', async () => {
  const { get } = browser();
  const text = { name: 'tokenizer.json', url: 'https://hub.example/tokenizer.json' };
  const served = new ServedFile(small, cut(500), given);
  assert.equal((await get(served, text)).sha256, hash(small));
  assert.deepEqual(served.asked, [0, 0]);
  const zipped: typeof given = (_, { bytes }) =>
    new Response(bytes, { headers: { 'Content-Length': '10' } });
  const fetched = await browser().get(new ServedFile(small, zipped), text);
  assert.equal(fetched.sha256, hash(small));
});

test('a full disk is told with its figures, and what found room stays', async () => {
  const { get, cache, store } = browser();
  const put = cache.put.bind(cache);
  cache.put = async (address, response) => {
    if (cache.entries.size >= 2) throw new DOMException('Quota exceeded.', 'QuotaExceededError');
    await put(address, response);
  };
  await fails(get(new ServedFile(bytes)), 'out-of-memory', '2 of the 3 MB');
  assert.equal(await store.bytes(), 4 << 20);
  cache.put = put;
  const served = new ServedFile(bytes);
  assert.equal((await get(served)).sha256, hash(bytes));
  assert.deepEqual(served.asked, [4 << 20]);
});

test('what belongs to something else is apart', async () => {
  const { get, cache } = browser();
  await get(new ServedFile(small));
  const other = new PieceStore(
    { caches: cache.storage, locks: undefined, storage: undefined },
    'other',
  );
  assert.equal(await other.bytes(), 0);
  assert.equal((await other.open(url, '')).bytes, 0);
});
