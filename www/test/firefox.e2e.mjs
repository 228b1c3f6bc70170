/** The built pages in stock Firefox, which puppeteer drives by WebDriver BiDi: on the CPU, kept, and offline. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { firefox } from '../../scripts/lib.mjs';
import { plainSite, scene } from './plain-site.mjs';

const catalogue = new URL('../../weights/catalogue.json', import.meta.url);
const { models } = JSON.parse(readFileSync(catalogue, 'utf8'));
const program = firefox();
const options = { skip: !program && 'there is no Firefox here' };

let site;
let browser;
let page;
before(async () => {
  if (!program) return;
  site = await plainSite();
  browser = await puppeteer.launch({ browser: 'firefox', executablePath: program });
  page = await browser.newPage();
  page.setDefaultTimeout(120_000);
});
after(async () => {
  await browser?.close();
  site?.close();
  site?.remove();
});

/** Waits until a function of the page, given the words, is true. */
const until = (body, ...given) => page.waitForFunction(body, { polling: 100 }, ...given);

const legend = (words) =>
  until((wanted) => {
    const shown = [...document.querySelectorAll('#legend .row:not(.rest) .name')];
    const { state } = document.querySelector('#stage').dataset;
    return shown.map((row) => row.textContent).join() === wanted.join() && state === 'done';
  }, words);

async function segmentScene() {
  await page.waitForSelector('.sample');
  await page.click('.sample');
  await legend(scene.words);
  const device = await page.$eval('#device', (line) => line.textContent);
  assert.match(device, /CPU/);
}

/** The page for models offers each one of the catalogue, and says what it takes. */
async function listsModels(tab) {
  await tab.goto(new URL('models.html', site.url).href);
  await tab.waitForSelector('#published-list .published button');
  const rows = await tab.$$eval('#published-list .published', (all) =>
    all.map((row) => row.textContent),
  );
  assert.equal(rows.length, models.length);
  for (const { title, download_megabytes: download } of models) {
    const told = (row) =>
      row.startsWith(title) && row.includes(`Download ${download.toLocaleString('en')}`);
    assert.ok(rows.some(told), title);
  }
  const idle = await tab.$eval('#fetching', (box) => box.hidden);
  assert.ok(idle, 'nothing is fetched before a click');
}

test('a scene is segmented on the CPU, and the page is kept', options, async () => {
  await page.goto(site.url);
  await segmentScene();
  await until(async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith('wordmask-page '));
    const lists = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return lists.flat().some(({ url }) => url.endsWith('.wasm'));
  });
});

test('the page for models lists the catalogue', options, async () => {
  const tab = await browser.newPage();
  tab.setDefaultTimeout(120_000);
  await listsModels(tab);
  await tab.close();
});

test(
  'without the network the page opens isolated, and understands new words',
  options,
  async () => {
    await until(async () => (await navigator.serviceWorker.ready).active.state === 'activated');
    site.close();
    await page.reload();
    assert.equal(await page.evaluate(() => crossOriginIsolated), true);
    // The picture and its words come back by themselves.
    await legend(scene.words);
    await page.type('#word', 'green tortoise\n');
    await legend([...scene.words, 'green tortoise']);
    await listsModels(page);
  },
);
