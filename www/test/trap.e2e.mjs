/** What the built page sends, with a proxy that all of it has to pass: files of its own are fetched, nothing else. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { serve } from '../../scripts/serve.mjs';
import { drop, launch, legend, png } from './browser.mjs';
import { openTrap } from './trap.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const secret = { name: 'secret-holiday.png', word: 'purple beetle' };
/** Noise, so that not a part of it looks like anything else. */
const noise = png(96, 96, () => Array.from({ length: 3 }, () => Math.floor(Math.random() * 256)));

let server;
let trap;
let browser;
let page;
before(async () => {
  server = await serve(dist, { port: 0 });
  trap = await openTrap(server.url);
  browser = await launch();
  const context = await browser.newContext({ proxy: trap.proxy });
  context.setDefaultTimeout(120_000);
  await context.addInitScript(watch);
  page = await context.newPage();
});
after(async () => {
  await browser?.close();
  trap?.close();
  await server?.close();
});

/** Notes, in the page, each way out that is no request, and what the service worker is told. */
function watch() {
  globalThis.ways = [];
  for (const name of ['RTCPeerConnection', 'WebSocket', 'WebTransport', 'EventSource']) {
    globalThis[name] = new Proxy(globalThis[name], {
      construct(Type, given) {
        globalThis.ways.push(name);
        return new Type(...given);
      },
    });
  }
  const { sendBeacon } = Navigator.prototype;
  Navigator.prototype.sendBeacon = function (...given) {
    globalThis.ways.push('sendBeacon');
    return sendBeacon.apply(this, given);
  };
  globalThis.told = [];
  const { postMessage } = ServiceWorker.prototype;
  ServiceWorker.prototype.postMessage = function (...given) {
    globalThis.told.push(...given);
    return postMessage.apply(this, given);
  };
}

async function useSecret() {
  await drop(page, secret.name, noise, 'image/png');
  for (const word of [secret.word, 'cat']) {
    await page.locator('#word').fill(word);
    await page.keyboard.press('Enter');
  }
  await legend(page, [secret.word, 'cat']);
  await page.locator('#canvas').click();
  await page.locator('#naming-list li').first().waitFor();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Overlay PNG' }).click(),
  ]);
  await file.path();
}

/** Nothing but a file of the page was asked for, by a request with no room for anything else. */
function assertClean(caught) {
  assert.ok(caught.length > 0);
  for (const { method, url, headers, body } of caught) {
    assert.equal(method, 'GET', url);
    assert.equal(body, 0, url);
    assert.ok(url.startsWith(server.url), url);
    const path = url.slice(server.url.length).replace(/^\?device=cpu$/, '') || 'index.html';
    const file = join(dist, path);
    assert.ok(existsSync(file) && statSync(file).isFile(), url);
    const text = JSON.stringify(headers);
    assert.ok(text.length < 1500, text);
    for (const part of [secret.name, secret.word, encodeURIComponent(secret.word)]) {
      assert.ok(!text.includes(part), text);
    }
  }
}

async function assertNoOtherWay() {
  const { ways, told } = await page.evaluate(() => ({
    ways: globalThis.ways,
    told: globalThis.told,
  }));
  assert.deepEqual(ways, []);
  for (const message of told) {
    assert.deepEqual(Object.keys(message).sort(), ['address', 'type']);
    assert.ok(message.address.startsWith(server.url));
  }
}

test('nothing leaves the page on the first visit', async () => {
  await page.goto(`${server.url}?device=cpu`);
  await useSecret();
  await page.evaluate(() => navigator.serviceWorker.ready);
  assertClean(trap.caught);
  await assertNoOtherWay();
  const files = trap.caught.map(({ url }) => url.replace(/^.*\//, ''));
  for (const name of ['worker.js', 'vision-00.safetensors', 'service-worker.js', 'icon.svg']) {
    assert.ok(files.includes(name), `${name} was not watched`);
  }
});

test('nothing leaves the page through the service worker, nor is a picture kept by it', async () => {
  trap.caught.length = 0;
  await page.reload();
  await useSecret();
  assert.ok(await page.evaluate(() => navigator.serviceWorker.controller !== null));
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  assertClean(trap.caught);
  await assertNoOtherWay();
  const kept = await page.evaluate(async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith('wordmask-page '));
    const lists = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return lists.flat().map(({ url, method }) => ({ url, method, headers: {}, body: 0 }));
  });
  assertClean(kept);
});

test('the page’s policy stops what would leave, and the proxy sees what no policy stops', async () => {
  trap.caught.length = 0;
  const elsewhere = 'http://elsewhere.invalid/';
  const refused = await page.evaluate(async (url) => {
    // Counted for each policy: that of the page, and that of its host.
    const broken = {};
    addEventListener('securitypolicyviolation', ({ originalPolicy }) => {
      broken[originalPolicy] = (broken[originalPolicy] ?? 0) + 1;
    });
    await fetch(url, { method: 'POST', body: 'picture' }).catch(() => undefined);
    navigator.sendBeacon(url, 'picture');
    new WebSocket(url.replace('http', 'ws'));
    await new Promise((done) => setTimeout(done, 300));
    return Object.values(broken);
  }, elsewhere);
  assert.deepEqual(refused, [3, 3]);
  assert.deepEqual(trap.caught, []);
  await page.goto(elsewhere).catch(() => undefined);
  assert.deepEqual(
    trap.caught.map(({ url }) => url),
    [elsewhere],
  );
});
