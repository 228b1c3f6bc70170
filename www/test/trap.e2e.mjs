/**
 * What the built pages send, with a proxy that all of it has to pass: files of their own are fetched, and by the page for
 * models those of the hub; nothing else.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { serve } from '../../scripts/serve.mjs';
import { download, drop, launch, legend, png } from './browser.mjs';
import { SHA, startHub } from './hub.mjs';
import { openTrap } from './trap.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'www/dist');
const { models } = JSON.parse(readFileSync(join(root, 'weights/catalogue.json'), 'utf8'));
const [model] = models;
const parts = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'model.safetensors'];
const HUB = /^(huggingface\.co|[\w.-]+\.hf\.co):443$/;
const secret = { name: 'secret-holiday.png', word: 'purple beetle' };
/** Noise, so that not a part of it looks like anything else. */
const noise = png(96, 96, () => Array.from({ length: 3 }, () => Math.floor(Math.random() * 256)));

let server;
let hub;
let trap;
let browser;
let page;
before(async () => {
  server = await serve(dist, { port: 0 });
  hub = await startHub();
  const tiny = parts.map((name) => [
    name,
    readFileSync(join(root, 'tests/fixtures/tiny-clip', name)),
  ]);
  hub.put(model.hub, Object.fromEntries(tiny));
  trap = await openTrap(server.url, { hosts: HUB, port: hub.port });
  browser = await launch();
  const context = await browser.newContext({ proxy: trap.proxy, ignoreHTTPSErrors: true });
  context.setDefaultTimeout(120_000);
  await context.addInitScript(watch);
  page = await context.newPage();
});
after(async () => {
  await browser?.close();
  trap?.close();
  hub?.close();
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
  await download(page, () => page.getByRole('button', { name: 'Overlay PNG' }).click());
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
    assertUntold(headers);
  }
}

/** The headers have neither room for a picture nor anything of what was typed. */
function assertUntold(headers) {
  const text = JSON.stringify(headers);
  assert.ok(text.length < 1500, text);
  for (const part of [secret.name, secret.word, encodeURIComponent(secret.word)]) {
    assert.ok(!text.includes(part), text);
  }
}

/** The hub was asked for the files of a model, by requests with no room for anything else. */
function assertOnlyFiles(log) {
  assert.ok(log.length > 0);
  const asked = [
    `/api/models/${model.hub}/revision/`,
    ...parts.map((name) => `/${model.hub}/resolve/${SHA}/${name}`),
  ];
  for (const { method, host, path, headers, length } of log) {
    assert.equal(method, 'GET', path);
    assert.equal(length, 0, path);
    const isStored = host !== 'huggingface.co' && /^\/[0-9a-f]{64}$/.test(path);
    assert.ok(isStored || asked.some((start) => path.startsWith(start)), path);
    assert.ok(path.length < 150, path);
    assertUntold(headers);
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

test('the page for models asks the hub for files, and sends nothing', async () => {
  trap.caught.length = 0;
  await page.goto(`${server.url}models.html`);
  await page.locator(`#published-${model.name}`).getByRole('button').click();
  await page.locator('#fetching-back:visible').waitFor();
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  const tunnels = trap.caught.filter(({ method }) => method === 'CONNECT');
  assert.ok(tunnels.length > 0);
  for (const { url, headers } of tunnels) {
    assert.match(url, HUB);
    assertUntold(headers);
  }
  assertClean(trap.caught.filter((one) => !tunnels.includes(one)));
  assertOnlyFiles(hub.log);
  await assertNoOtherWay();
});

const elsewhere = 'http://elsewhere.invalid/';
for (const [where, path, sockets] of [
  ['the page for pictures', '?device=cpu', ['ws://elsewhere.invalid/']],
  // Its policy names the hub, but no socket to it.
  ['the page for models', 'models.html', ['ws://elsewhere.invalid/', 'wss://huggingface.co/']],
]) {
  test(`the policy of ${where} stops what would leave`, async () => {
    await page.goto(server.url + path);
    await page.evaluate(() => navigator.serviceWorker.ready);
    trap.caught.length = 0;
    const refused = await page.evaluate(
      async ([url, addresses]) => {
        // Counted for each policy: that of the page, and that of its host.
        const broken = {};
        addEventListener('securitypolicyviolation', ({ originalPolicy }) => {
          broken[originalPolicy] = (broken[originalPolicy] ?? 0) + 1;
        });
        await fetch(url, { method: 'POST', body: 'picture' }).catch(() => undefined);
        navigator.sendBeacon(url, 'picture');
        for (const address of addresses) new WebSocket(address);
        const transport = new WebTransport(url.replace('http', 'https'));
        await Promise.allSettled([transport.ready, transport.closed]);
        const { active } = await navigator.serviceWorker.ready;
        active.postMessage({ type: 'keep', address: `${url}?picture` });
        await new Promise((done) => setTimeout(done, 300));
        return Object.values(broken);
      },
      [elsewhere, sockets],
    );
    const count = 3 + sockets.length;
    assert.deepEqual(refused, [count, count]);
    const sent = trap.caught.filter(({ url }) => !url.startsWith(server.url));
    assert.deepEqual(sent, []);
  });

  test(`the watch over ${where} sees each way that is no request`, async () => {
    const leaks = {
      WebRTC: () => void new RTCPeerConnection(),
      WebSocket: () => void new WebSocket('ws://elsewhere.invalid/'),
      WebTransport: () => {
        const transport = new WebTransport('https://elsewhere.invalid/');
        return Promise.allSettled([transport.ready, transport.closed]);
      },
      beacon: () => void navigator.sendBeacon('http://elsewhere.invalid/', 'picture'),
      'service worker': async () =>
        (await navigator.serviceWorker.ready).active.postMessage({
          type: 'keep',
          address: 'data:',
        }),
    };
    for (const [name, leak] of Object.entries(leaks)) {
      await page.evaluate(() => {
        globalThis.ways.length = 0;
        globalThis.told.length = 0;
      });
      await assertNoOtherWay();
      await page.evaluate(leak);
      await assert.rejects(assertNoOtherWay, `${name} was not seen`);
    }
  });
}

test('what the policy of the page for models lets through is seen', {
  timeout: 60_000,
}, async () => {
  const leaks = {
    request: () =>
      fetch('https://huggingface.co/', { method: 'POST', body: 'picture' }).catch(() => undefined),
    beacon: () => void navigator.sendBeacon('https://huggingface.co/', 'picture'),
    address: () => fetch('https://huggingface.co/?picture').catch(() => undefined),
  };
  for (const [name, leak] of Object.entries(leaks)) {
    hub.log.length = 0;
    await page.evaluate(leak);
    // A beacon comes when it comes.
    while (hub.log.length === 0) await new Promise((done) => setTimeout(done, 20));
    assert.throws(() => assertOnlyFiles(hub.log), `${name} was not seen`);
  }
});

test('the proxy sees what no policy stops', async () => {
  trap.caught.length = 0;
  await page.goto(elsewhere).catch(() => undefined);
  assert.deepEqual(
    trap.caught.map(({ url }) => url),
    [elsewhere],
  );
});
