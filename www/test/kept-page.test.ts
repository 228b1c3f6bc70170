import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { appFolder, KeptPage, type PageBuild, type Surroundings } from '../src/kept-page.js';
import { memoryCaches } from './memory-caches.js';

const scope = 'https://example.org/a/b/';
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A host with these files, that counts what it was asked for; locks that open pages hold. */
function world(begin: Record<string, string>, given: Parameters<typeof memoryCaches>[0] = {}) {
  const files = { ...begin };
  const { all, caches } = memoryCaches(given);
  const asked: string[] = [];
  const held = new Set<string>();
  const around: Surroundings = {
    caches,
    locks: {
      request: async (name: string, _: LockOptions, use: LockGrantedCallback<unknown>) =>
        use(held.has(name) ? null : { name, mode: 'exclusive' }),
    } as Pick<LockManager, 'request'>,
    fetch: async (request) => {
      const url = typeof request === 'string' ? request : request.url;
      asked.push(url.slice(scope.length));
      const [path = ''] = url.slice(scope.length).split('?', 1);
      // Scripts come last, when pages may have failed already.
      if (path.endsWith('.js')) await new Promise((done) => setTimeout(done, 50));
      const text = files[path || 'index.html'];
      const headers = { 'Content-Encoding': 'gzip', 'Content-Type': 'text/plain' };
      return text === undefined
        ? new Response('', { status: 404 })
        : new Response(text, { headers });
    },
  };
  const page = (build: PageBuild) => new KeptPage(build, scope, around);
  return { all, asked, held, page, files };
}

function build(version: string, files: Record<string, string>, optional: string[] = []): PageBuild {
  return {
    version,
    files: Object.entries(files).map(([path, text]) => {
      return { path, sha256: sha256(text), optional: optional.includes(path) };
    }),
  };
}

/** A request as browsers make them; Node makes none for a navigation. */
function get(path: string, { mode = 'no-cors', method = 'GET', headers = {} } = {}): Request {
  return { url: scope + path, mode, method, headers: new Headers(headers) } as Request;
}
const navigate = (path: string): Request => get(path, { mode: 'navigate' });

const first = { 'index.html': 'page 1', 'app/1/main.js': 'script', 'app/1/engine/a.wasm': 'fast' };
const second = { 'index.html': 'page 2', 'app/2/main.js': 'script', 'app/2/engine/a.wasm': 'fast' };
const one = build('1', first, ['app/1/engine/a.wasm']);
const two = build('2', second, ['app/2/engine/a.wasm']);

test('answer gives kept files with the headers that threads need, and leaves the rest alone', async () => {
  const { page, asked } = world(first);
  const kept = page(one);
  await kept.install();
  assert.deepEqual(asked.splice(0).sort(), ['app/1/main.js', 'index.html']);
  for (const request of [navigate(''), navigate('?words=cat'), navigate('index.html')]) {
    const answer = await kept.answer(request);
    assert.equal(await answer?.text(), 'page 1');
    assert.equal(answer?.headers.get('Cross-Origin-Opener-Policy'), 'same-origin');
    assert.equal(answer?.headers.get('Cross-Origin-Embedder-Policy'), 'require-corp');
    assert.equal(answer?.headers.get('Content-Encoding'), null);
  }
  assert.deepEqual(asked, []);
  const bound = await kept.answer(get('app/1/main.js'));
  assert.match(bound?.headers.get('Content-Security-Policy') ?? '', /connect-src 'self'/);
  const script = get('app/1/main.js');
  for (const other of [
    get('app/1/main.js', { method: 'HEAD' }),
    get('index.html', { method: 'POST' }),
    get('app/1/main.js', { headers: { Range: 'bytes=0-3' } }),
    get('models/own/vision-00.safetensors'),
    get('../main.js'),
    { ...script, url: 'https://elsewhere.example/a/b/index.html', headers: script.headers },
  ]) {
    assert.equal(kept.answer(other as Request), undefined, other.url);
  }
});

test('keep keeps an engine for visits without the network', async () => {
  const { page, asked, files } = world(first);
  const kept = page(one);
  await kept.install();
  await kept.keep(`${scope}app/1/engine/a.wasm`);
  await kept.keep('https://elsewhere.example/a.wasm');
  delete files['app/1/engine/a.wasm'];
  const answer = await kept.answer(get('app/1/engine/a.wasm'));
  assert.equal(await answer?.text(), 'fast');
  assert.equal(asked.filter((path) => path.endsWith('.wasm')).length, 1);
});

test('install gets from the network only what no older version holds', async () => {
  const { page, asked, files } = world(first);
  await page(one).install();
  await page(one).keep(`${scope}app/1/engine/a.wasm`);
  asked.length = 0;
  Object.assign(files, second);
  const newer = page(two);
  await newer.install();
  assert.deepEqual(asked, ['index.html']);
  const engine = await newer.answer(get('app/2/engine/a.wasm'));
  assert.equal(await engine?.text(), 'fast');
});

test('install takes nothing of another version, and keeps nothing when it fails', async () => {
  const { page, all, files } = world(first);
  files['index.html'] = 'page 2';
  await assert.rejects(page(one).install(), /another version/);
  await new Promise((done) => setTimeout(done, 100));
  assert.equal(all.size, 0);
  const full = world(first, { full: true });
  await assert.rejects(full.page(one).install(), /Quota/);
  assert.equal(full.all.size, 0);
});

test('removeOlder spares versions with open pages, models, and other pages of the origin', async () => {
  const { page, all, held, files } = world(first);
  await page(one).install();
  const old = [...all.keys()];
  const others = ['wordmask-models-1', 'wordmask-bundles-1'];
  others.push('wordmask-page https://example.org/app/1/', `wordmask-page ${scope}app/app/1/`);
  for (const name of others) all.set(name, new Map());
  Object.assign(files, second);
  const newer = page(two);
  await newer.install();
  for (const name of old) held.add(name);
  await newer.removeOlder();
  assert.equal(await (await newer.answer(get('app/1/main.js')))?.text(), 'script');
  held.clear();
  await newer.removeOlder();
  const own = `wordmask-page ${scope}app/2/`;
  assert.deepEqual([...all.keys()].sort(), [...others, own].sort());
});

test('a version without files answers nothing and clears up what was kept before it', async () => {
  const { page, all } = world(first);
  await page(one).install();
  const none = page({ version: '', files: [] });
  assert.ok(none.empty);
  assert.equal(none.answer(navigate('')), undefined);
  await none.removeOlder();
  assert.equal(all.size, 0);
});

test('what the browser has thrown away comes from the network, even in another version', async () => {
  const { page, all, files } = world(first);
  const kept = page(one);
  await kept.install();
  all.clear();
  assert.equal(await (await kept.answer(navigate('')))?.text(), 'page 1');
  all.clear();
  files['index.html'] = 'page 2';
  assert.equal(await (await kept.answer(navigate('')))?.text(), 'page 2');
});

test('appFolder is the folder of a version, whichever script asks', () => {
  const folder = `${scope}app/1/`;
  for (const script of ['main.js', 'texts/de.js']) assert.equal(appFolder(folder + script), folder);
});
