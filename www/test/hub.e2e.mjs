/** Models from a hub, in a real browser with the real engine: fetched, stopped, gone on with, used. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { drop, legend, rest, site } from './browser.mjs';
import { deepened } from './deep-clip.mjs';
import { startHub } from './hub.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'www/dist');
const { models } = JSON.parse(readFileSync(join(root, 'weights/catalogue.json'), 'utf8'));
const [first] = models;
const list = JSON.parse(readFileSync(join(dist, 'samples/samples.json'), 'utf8'));
const [scene] = list.scenes;
const sceneFile = readFileSync(join(dist, 'samples', scene.file));

const read = (name) => readFileSync(join(root, 'tests/fixtures/tiny-clip', name));
/** More than ten megabytes: two whole pieces, and more. */
const { config, weights } = deepened(
  { config: read('config.json'), weights: read('model.safetensors') },
  100,
);
const files = {
  'README.md': Buffer.from('read'),
  'config.json': config,
  'preprocessor_config.json': read('preprocessor_config.json'),
  'tokenizer.json': read('tokenizer.json'),
  'model.safetensors': weights,
};

/** What is kept at a time (`pkg/src/downloader.ts`). */
const PIECE = 4 << 20;

let hub;
const here = site(dist, async () => {
  hub = await startHub();
  hub.put(first.hub, files);
  return hub.flags;
});
after(() => hub?.close());

const pageTest = (name, options, body) =>
  here.pageTest(name, { query: '?device=cpu', ...options }, async (page, seen) => {
    hub.next = [];
    hub.log.length = 0;
    await body(page, seen);
  });

const phase = (page) => page.locator('#fetching-phase');
const arrives = (page) => page.locator('#fetching-back:visible').waitFor();
const getButton = (page) =>
  page.locator(`#published-${first.name}`).getByRole('button', { name: /Get/ });

/** Opens the page for models and asks for the first one there. */
async function ask(page) {
  await page.goto(`${here.url}models.html`);
  await getButton(page).click();
}

/** How many entries a cache has. */
const entries = (page, name) =>
  page.evaluate(async (cache) => (await (await caches.open(cache)).keys()).length, name);

pageTest(
  'a first visit gets a model with one click, and keeps its picture',
  {},
  async (page, seen) => {
    await drop(page, 'my photo.png', sceneFile, 'image/png');
    await page.locator('#word').fill(scene.words[0]);
    await page.keyboard.press('Enter');
    await legend(page, [scene.words[0]]);
    await page.locator('#models > summary').click();
    const row = page.locator(`#published-${first.name}`);
    assert.match(
      await row.textContent(),
      /Recommended.*Download 598 MB, keeps 152 MB.*licence MIT/,
    );
    const [other] = await Promise.all([
      page.context().waitForEvent('page'),
      row.getByRole('link', { name: 'Get' }).first().click(),
    ]);
    await arrives(other);
    assert.equal(new URL(other.url()).pathname, '/models.html');
    assert.equal(await other.evaluate(() => window.opener), null);
    await page.waitForFunction(() => document.querySelector('#stage').dataset.encodes === '2');
    await legend(page, [scene.words[0]]);
    assert.match(await phase(other).textContent(), /uses it now/);
    assert.equal(await page.locator('#model-now').textContent(), first.title);
    assert.equal(await page.locator('#published-list .published').count(), models.length - 1);
    assert.match(await page.locator('#model').textContent(), /licence MIT/);
    assert.equal(await entries(page, 'wordmask-downloads-1'), 0);

    // The next visit begins with it, and fetches nothing of it.
    const before = hub.log.length;
    await page.goto(`${here.url}?device=cpu`);
    await rest(page);
    assert.equal(await page.locator('#model-now').textContent(), first.title);
    assert.equal(hub.log.length, before);
    trap(seen.requests);
  },
);

/** No request carries anything, and only the page for models has asked anyone but this site. */
function trap(requests) {
  for (const { url, method, body, by } of requests) {
    assert.equal(method, 'GET', url);
    assert.equal(body, null, url);
    if (url.startsWith(here.url) || url.startsWith('blob:')) continue;
    assert.match(url, /^https:\/\/(huggingface\.co|cas-bridge\.xethub\.hf\.co)\//);
    assert.equal(new URL(by).pathname, '/models.html', url);
  }
  assert.ok(hub.log.every(({ method, length }) => method === 'GET' && length === 0));
}

pageTest('each page may reach what its policy says, and no more', {}, async (page, seen) => {
  const reach = (urls) =>
    page.evaluate(
      (all) =>
        Promise.all(
          all.map((url) =>
            // As the package asks: an isolated page gets nothing else of other sites.
            fetch(url).then(
              () => true,
              () => false,
            ),
          ),
        ),
      urls,
    );
  const hosts = ['https://huggingface.co/', 'https://cas-bridge.xethub.hf.co/'];
  assert.deepEqual(await reach(hosts), [false, false]);
  await page.goto(`${here.url}models.html`);
  assert.deepEqual(await reach(hosts), [true, true]);
  assert.deepEqual(await reach(['https://evil.hf.co.example.org/', 'https://example.org/']), [
    false,
    false,
  ]);
  // Nothing here takes a picture.
  assert.equal(await page.locator('input, canvas, video, [contenteditable]').count(), 0);
  const refusals = seen.faults.splice(0);
  assert.ok(refusals.length >= 4, 'the browser tells each refusal');
  assert.ok(
    refusals.every((text) => /connect/i.test(text)),
    refusals.join('\n'),
  );
});

pageTest(
  'the worker with the picture obeys the page, on hosts without headers, too',
  {},
  async (page, seen) => {
    const own = ({ href, pathname }) =>
      href.startsWith(here.url) && /\/(worker\.js)?$/.test(pathname);
    await page.route(own, async (route) => {
      const response = await route.fetch();
      const { 'content-security-policy': _, ...headers } = response.headers();
      await route.fulfill({ response, headers });
    });
    await page.reload();
    await rest(page);
    const [worker] = page.workers();
    const reached = await worker.evaluate(() =>
      Promise.all(
        ['https://huggingface.co/', '/index.html'].map((url) =>
          fetch(new URL(url, self.location.origin), { mode: 'no-cors' }).then(
            () => true,
            () => false,
          ),
        ),
      ),
    );
    assert.deepEqual(reached, [false, true]);
    seen.faults.length = 0;
  },
);

const places = [10, 50, 90].map((percent) => Math.round((weights.length * percent) / 100));

pageTest('stopped at 10, 50 and 90 %, it goes on at that byte', {}, async (page) => {
  hub.next = places.map((hold) => ({ hold }));
  await page.addInitScript(() => {
    globalThis.persisted = 0;
    navigator.storage.persist = () => {
      globalThis.persisted++;
      return Promise.reject(new Error('no'));
    };
  });
  const persisted = () => page.evaluate(() => globalThis.persisted);
  await ask(page);
  for (const at of places) {
    await reaches(page, at);
    await page.locator('#fetching-stop').click();
    await page.locator('#fetching-again:visible').waitFor();
    assert.match(await phase(page).textContent(), /^Stopped\. The \d/);
    assert.equal(await persisted(), 0);
    await page.locator('#fetching-again').click();
  }
  await arrives(page);
  assert.equal(await persisted(), 1, 'the browser is asked to keep the model');
  assert.deepEqual(hub.asked, [0, ...places]);
});

pageTest('closed at 10, 50 and 90 %, it goes on at the last piece', {}, async (page) => {
  hub.next = places.map((hold) => ({ hold }));
  let tab = await page.context().newPage();
  await ask(tab);
  for (const at of places) {
    await reaches(tab, at);
    await tab.close();
    tab = await page.context().newPage();
    await tab.goto(`${here.url}models.html`);
    await tab.getByRole('button', { name: 'Go on' }).click();
  }
  await arrives(tab);
  assert.deepEqual(hub.asked, [0, ...places.map((at) => Math.floor(at / PIECE) * PIECE)]);
});

/** Waits until so many bytes of the weights are told to be there. */
async function reaches(page, bytes) {
  await page.waitForFunction((least) => {
    const told = Number.parseFloat(document.querySelector('#fetching-phase').textContent);
    return told * 1e6 >= least - 60_000;
  }, bytes);
}

pageTest('cuts, busy servers and changes on the way are got over', {}, async (page) => {
  hub.next = [
    { status: 429, headers: { 'Retry-After': '1' } },
    { cut: 3_000_000 },
    { status: 503 },
    { etag: 'another' },
    { cut: 2_000_000, etag: 'another' },
  ];
  await ask(page);
  await arrives(page);
  assert.deepEqual(hub.asked, [0, 0, 3_000_000, 3_000_000, 0, 2_000_000, 0]);
});

pageTest(
  'what the hub refuses is told with what to do, and can be tried again',
  {},
  async (page) => {
    const error = page.locator('#fetching-error');
    for (const [status, words] of [
      [403, /signed in/],
      [404, /Check the address/],
    ]) {
      hub.next = [{ status }];
      await page.goto(`${here.url}models.html`);
      await getButton(page).click();
      await page.locator('#fetching-again:visible').waitFor();
      assert.match(await error.textContent(), words);
    }
    await page.locator('#fetching-again').click();
    await arrives(page);
    assert.equal(await error.textContent(), '');
  },
);

pageTest('a file that is not what the hub promises is dropped', {}, async (page) => {
  const spoilt = Buffer.from(weights);
  spoilt[spoilt.length - 1] ^= 1;
  hub.next = [{ contents: spoilt }];
  await ask(page);
  await page.locator('#fetching-again:visible').waitFor();
  assert.match(await page.locator('#fetching-error').textContent(), /SHA-256/);
  assert.equal(await page.evaluate(kept), 0);
});

/** How many bytes of weights are kept of unfinished downloads. */
async function kept() {
  const cache = await caches.open('wordmask-downloads-1');
  let sum = 0;
  for (const request of await cache.keys()) {
    const { size } = await (await cache.match(request)).blob();
    if (size > 100_000) sum += size;
  }
  return sum;
}

pageTest(
  'a full storage is told; what has come stays, is shown, and can be freed',
  {},
  async (page) => {
    const session = await page.context().newCDPSession(page);
    const { origin } = new URL(here.url);
    const limit = (quotaSize) =>
      session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
    const estimate = (quota, usage) =>
      page.evaluate(
        (told) => {
          navigator.storage.estimate = async () => told;
        },
        { quota, usage },
      );
    await page.goto(`${here.url}models.html`);
    await estimate(5e6, 4e6);
    await getButton(page).click();
    await page.locator('#fetching-again:visible').waitFor();
    const told = /no room for the model: 4 of the 5 MB .* taken .*\d+ MB more.* import it again/;
    assert.match(await page.locator('#fetching-error').textContent(), told);
    assert.equal(hub.asked.length, 0, 'told before anything was fetched');

    // The browser says that there is room, and then there is none.
    await estimate(1e9, 0);
    await limit(6_000_000);
    await page.locator('#fetching-again').click();
    await page.locator('#fetching-again:visible').waitFor();
    assert.match(await page.locator('#fetching-error').textContent(), /no room for the model/);
    assert.match(await page.locator('#storage').textContent(), /4\.2 MB of unfinished downloads/);
    await page.getByRole('button', { name: 'Free what can be fetched again' }).click();
    await page.getByText('Nothing is kept in this browser yet.').waitFor();
    await limit();
    await page.locator('#fetching-again').click();
    await arrives(page);
  },
);

pageTest('two windows that want the same wait for each other', {}, async (page) => {
  hub.next = [{ pace: 200_000 }];
  const other = await page.context().newPage();
  await ask(page);
  await reaches(page, 500_000);
  await ask(other);
  await other.getByText('Another window gets the same model').first().waitFor();
  await Promise.all([arrives(page), arrives(other)]);
  assert.equal(hub.asked.length, 1);
  await other.close();
});

pageTest('an address alone starts nothing', {}, async (page) => {
  await page.goto(`${here.url}models.html#${first.name}`);
  await getButton(page).waitFor();
  assert.ok(await page.locator('#fetching').isHidden());
  assert.equal(hub.log.length, 0);
});
