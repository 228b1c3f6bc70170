/** The built page on a host that sends no headers, in a folder of its own: kept, offline, and new versions. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { alertText, launch, launchWithoutStorage, legend, until } from './browser.mjs';
import { plainSite, scene } from './plain-site.mjs';

/** Makes the page in this folder one of another version, which says so. */
function renew(folder) {
  const [version] = readdirSync(join(folder, 'app'));
  const other = '0123456789ab';
  renameSync(join(folder, 'app', version), join(folder, 'app', other));
  const hash = (text) => createHash('sha256').update(text).digest('hex');
  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const renewed = html.replaceAll(version, other).replace('<html', '<html data-renewed');
  writeFileSync(join(folder, 'index.html'), renewed);
  const script = readFileSync(join(folder, 'service-worker.js'), 'utf8');
  writeFileSync(
    join(folder, 'service-worker.js'),
    script.replaceAll(version, other).replace(hash(html), hash(renewed)),
  );
}

/** The caches of the page's versions, and the addresses in them. */
const kept = (page) =>
  page.evaluate(async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith('wordmask-page '));
    const all = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return { names, urls: all.flat().map(({ url }) => url) };
  });

/** The words that are kept for the next visit. */
const keptWords = (page) =>
  page.evaluate(async () => {
    const response = await caches.match('https://wordmask.invalid/words');
    return (await response?.json())?.words ?? [];
  });

/** Waits until the page is kept, with the engine of this browser. */
async function isKept(page) {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await until(async () => (await kept(page)).urls.some((url) => url.endsWith('.wasm')));
}

/** On a first visit. Later the picture comes back by itself: a click then would race with it. */
async function segmentScene(page) {
  await page.locator('.sample').first().click();
  await legend(page, scene.words);
}

async function addWord(page, word, before = scene.words) {
  await page.locator('#word').fill(word);
  await page.keyboard.press('Enter');
  await legend(page, [...before, word]);
}

const isIsolated = (page) => page.evaluate(() => crossOriginIsolated);
const isRenewed = (page) => page.evaluate(() => 'renewed' in document.documentElement.dataset);
const update = (page) => page.locator('.update');

/** Steps of one story, each of which goes on where the one before has ended. */
let site;
let browser;
let context;
let page;
before(async () => {
  site = await plainSite();
  browser = await launch();
  context = await browser.newContext();
  context.setDefaultTimeout(120_000);
  page = await context.newPage();
});
after(async () => {
  await browser?.close();
  site?.close();
  site?.remove();
});

test('where storage is forbidden the page works from the network', async () => {
  const { context: bare, close } = await launchWithoutStorage();
  bare.setDefaultTimeout(120_000);
  const tab = await bare.newPage();
  const faults = [];
  tab.on('pageerror', (error) => faults.push(String(error)));
  await tab.goto(site.url);
  await segmentScene(tab);
  assert.equal(await alertText(tab), '');
  assert.deepEqual(faults, []);
  await assert.rejects(tab.evaluate(() => caches.keys()));
  await close();
});

test('where there is no room for it the page works from the network', async () => {
  const narrow = await browser.newContext();
  const tab = await narrow.newPage();
  const session = await narrow.newCDPSession(tab);
  const { origin } = new URL(site.url);
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 100_000 });
  await tab.goto(site.url);
  await segmentScene(tab);
  // Nobody but the service worker asks for that.
  const begun = () => site.asked.some((path) => path.endsWith('icon-maskable-512.png'));
  await until(async () => begun() && (await kept(tab)).names.length === 0);
  const isRegistered = () =>
    tab.evaluate(async () => (await navigator.serviceWorker.getRegistration()) !== undefined);
  await until(async () => !(await isRegistered()));
  assert.equal(await alertText(tab), '');
  await narrow.close();
});

test('the first visit works without isolation, and is not reloaded', async () => {
  await page.goto(site.url);
  await segmentScene(page);
  await isKept(page);
  assert.equal(await isIsolated(page), false);
  assert.equal(await page.evaluate(() => navigator.serviceWorker.controller), null);
  const [{ type }] = await page.evaluate(() =>
    performance.getEntriesByType('navigation').map((entry) => entry.toJSON()),
  );
  assert.equal(type, 'navigate');
  const { names, urls } = await kept(page);
  assert.equal(names.length, 1);
  assert.equal(
    urls.filter((url) => url.endsWith('.wasm')).length,
    1,
    'the other engine is not kept',
  );
  await page.evaluate(() => caches.open('wordmask-models-1'));
});

test('the second visit is isolated, and its files come from what is kept', async () => {
  site.asked.length = 0;
  await page.reload();
  assert.equal(await isIsolated(page), true);
  await legend(page, scene.words);
  // The list of models may have grown beside the page; the service worker is looked at for a new version.
  const own = ['service-worker.js', 'models/index.json'];
  assert.deepEqual(
    site.asked.filter((path) => !own.some((name) => path.endsWith(name))),
    [],
  );
});

test('the page can be installed', async () => {
  const session = await context.newCDPSession(page);
  const { errors, data } = await session.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  assert.equal(JSON.parse(data).start_url, './');
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  // The one thing in the way is that the test leaves nothing behind.
  assert.deepEqual(
    installabilityErrors.map(({ errorId }) => errorId),
    ['in-incognito'],
  );
});

test('the worker is bound by a policy, though the host sends none', async () => {
  const [worker] = page.workers();
  const broken = await worker.evaluate(async () => {
    const violation = new Promise((done) => {
      addEventListener('securitypolicyviolation', done, { once: true });
    });
    await fetch('http://elsewhere.invalid/').catch(() => undefined);
    return (await violation).effectiveDirective;
  });
  assert.equal(broken, 'connect-src');
});

test('a new version is offered, and waits until it is taken', async () => {
  renew(site.folder);
  const other = await context.newPage();
  for (const one of [page, other]) {
    await one.goto(site.url);
    await legend(one, scene.words);
    await update(one).waitFor();
    assert.ok(!(await isRenewed(one)));
  }
  await update(other).getByRole('button', { name: 'Later' }).click();
  assert.equal(await update(other).count(), 0);

  await update(page).getByRole('button', { name: 'Reload' }).click();
  await page.waitForSelector('html[data-renewed]');
  await legend(page, scene.words);
  assert.equal(await update(page).count(), 0);

  // The page of the old version goes on, with its own files, though they have left the site.
  await addWord(other, 'purple beetle');
  const statuses = await other.evaluate(async () => {
    const { src } = document.querySelector('script[type=module]');
    const names = ['main.js', 'worker.js', 'style.css'];
    const answers = await Promise.all(names.map((name) => fetch(new URL(name, src))));
    return answers.map(({ status }) => status);
  });
  assert.deepEqual(statuses, [200, 200, 200]);
  await until(async () => (await keptWords(other)).includes('purple beetle'));
  await other.close();
});

test('files of the old version go once no page is left of it; models stay', async () => {
  await page.reload();
  await until(async () => (await kept(page)).names.length === 1);
  const { names } = await kept(page);
  assert.match(names[0], /\/a\/b\/app\/0123456789ab\/$/);
  assert.ok(await page.evaluate(() => caches.has('wordmask-models-1')));
});

test('without the network the page opens, segments, and understands new words', async () => {
  site.close();
  await page.close();
  page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.goto(site.url);
  assert.equal(await isIsolated(page), true);
  // The picture comes back by itself, with the word that was added to those of its scene.
  const before = [...scene.words, 'purple beetle'];
  await legend(page, before);
  await addWord(page, 'green tortoise', before);
  assert.deepEqual(faults, []);
});
