/** Several pictures on the page, with the stand-in for the engine: the strip, the work behind it, files of all. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import {
  alertText,
  download,
  drop,
  dropAll,
  legend,
  overhang,
  png,
  rest,
  site,
  until,
} from './browser.mjs';
import { buildFakePage } from './fake-page.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SKY = [150, 205, 240];
const GRASS = [110, 180, 80];
/** Sky above grass, from a given row on, of 60 x 40 pixels. */
const meadow = (horizon) => png(60, 40, (_, y) => (y < horizon ? SKY : GRASS));
const pictures = (count) =>
  Array.from({ length: count }, (_, at) => ({
    name: `meadow-${at + 1}.png`,
    bytes: meadow(4 + (at % 30)),
    type: 'image/png',
  }));
const broken = { name: 'broken.png', bytes: Buffer.from('no picture'), type: 'image/png' };

const { pageTest } = site(buildFakePage);
/** The built page, with its engine. */
const built = site(fileURLToPath(new URL('../dist', import.meta.url)));

async function type(page, ...words) {
  for (const word of words) {
    await page.locator('#word').fill(word);
    await page.keyboard.press('Enter');
  }
}

/** Waits until the strip says that so many are done. */
const progress = (page, text) =>
  page.waitForFunction(
    (wanted) => document.querySelector('#strip-progress')?.textContent === wanted,
    text,
  );
const conditions = (page) =>
  page.locator('#strip li').evaluateAll((all) => all.map(({ dataset }) => dataset.condition));
const chosen = (page) =>
  page
    .locator('#strip li')
    .evaluateAll((all) => all.findIndex((one) => one.ariaSelected === 'true'));
const asked = (page, call) =>
  page.evaluate((wanted) => globalThis.asked.filter((one) => one.call === wanted).length, call);
const share = async (page) =>
  Number.parseFloat(await page.locator('#legend .share').first().textContent());

pageTest('one picture has no strip, a second one joins it', {}, async (page) => {
  await type(page, 'sky');
  await drop(page, 'one.png', meadow(10), 'image/png');
  await legend(page, ['sky']);
  assert.equal(await page.locator('#strip').count(), 0);
  assert.ok(await page.locator('#all-field').isHidden());
  await drop(page, 'two.png', meadow(20), 'image/png');
  await progress(page, '2 of 2 pictures done');
  assert.equal(await share(page), 50);
  assert.deepEqual(
    await page.locator('#strip li').evaluateAll((all) => all.map((li) => li.ariaLabel)),
    ['one.png: done', 'two.png: done'],
  );
  assert.equal(await chosen(page), 1);
  // Neither is read again.
  await page.locator('#strip li').first().click();
  await page.waitForFunction(() =>
    /25/.test(document.querySelector('#legend .share')?.textContent),
  );
  assert.deepEqual([await asked(page, 'encode'), await asked(page, 'segment')], [2, 2 * 1]);
  await page.locator('#strip ul').press('ArrowRight');
  await page.waitForFunction(() =>
    /50/.test(document.querySelector('#legend .share')?.textContent),
  );
  assert.equal(await chosen(page), 1);
});

pageTest('a batch goes on behind the first, past a broken file', {}, async (page) => {
  await type(page, 'sky', 'grass');
  const [first, second, third] = pictures(3);
  await dropAll(page, [first, broken, second, third]);
  await progress(page, '3 of 4 pictures done · 1 failed');
  assert.deepEqual(await conditions(page), ['done', 'failed', 'done', 'done']);
  assert.match(
    await page.locator('#strip li').nth(1).getAttribute('aria-label'),
    /broken\.png: failed: ./,
  );
  assert.equal(await alertText(page), '');
  const encodings = await asked(page, 'encode');
  await type(page, 'sun');
  await progress(page, '3 of 4 pictures done · 1 failed');
  await legend(page, ['sky', 'grass', 'sun']);
  await page.waitForFunction(
    () => globalThis.asked.filter(({ words }) => words?.length === 3).length === 3,
  );
  assert.equal(await asked(page, 'encode'), encodings, 'words alone read no picture again');
});

pageTest('a broken file at the head of a batch gives way to the next', {}, async (page) => {
  await type(page, 'sky');
  await dropAll(page, [broken, ...pictures(2)]);
  await progress(page, '2 of 3 pictures done · 1 failed');
  assert.equal(await chosen(page), 1);
  await legend(page, ['sky']);
});

pageTest('thirty pictures: stopped, gone on with, in one file', {}, async (page) => {
  await type(page, 'sky', 'grass');
  await dropAll(page, pictures(30));
  await progress(page, '3 of 30 pictures done');
  await page.locator('#strip-go').click();
  const before = await page.locator('#strip-progress').textContent();
  await page.waitForTimeout(1500);
  assert.equal(await page.locator('#strip-progress').textContent(), before);
  await page.locator('#strip-go').click();
  await progress(page, '30 of 30 pictures done');
  assert.ok(await page.locator('#strip-go').isHidden());
  await page.locator('#datasets > summary').click();
  const coco = await download(page, () =>
    page.getByRole('button', { name: 'COCO', exact: true }).click(),
  );
  assert.equal(coco.name, 'Pictures-coco.json');
  const shares = JSON.parse(coco.bytes.toString());
  assert.deepEqual(
    shares,
    pictures(30).map((_, at) => [60 * (4 + (at % 30)), 60 * (36 - (at % 30))]),
  );
  const labels = await download(page, () =>
    page.getByRole('button', { name: 'Label PNG' }).click(),
  );
  assert.equal(labels.name, 'Pictures-labels.zip');
  const files = unzipSync(labels.bytes);
  assert.equal(Object.keys(files).length, 30);
  assert.equal(files['meadow-7-labels.png'].filter((label) => label === 0).length, 600);
  const cutouts = await download(page, () => page.locator('#download-cutouts').click());
  assert.equal(Object.keys(unzipSync(cutouts.bytes)).length, 60);
  await page.locator('#all').uncheck();
  const one = await download(page, () => page.getByRole('button', { name: 'Label PNG' }).click());
  assert.equal(one.name, 'meadow-1-labels.png');
});

pageTest('corrections and steps back belong to their picture', {}, async (page) => {
  await type(page, 'sky', 'grass');
  await dropAll(page, pictures(2));
  await progress(page, '2 of 2 pictures done');
  await page.locator('#tool-region').click();
  await page.locator('#target').selectOption({ label: 'sky' });
  await page.locator('#canvas').click({ position: { x: 60, y: 200 } });
  await page.waitForFunction(() =>
    /100/.test(document.querySelector('#legend .share').textContent),
  );
  await page.locator('#strip li').nth(1).click();
  await page.waitForFunction(() =>
    /12.5/.test(document.querySelector('#legend .share')?.textContent),
  );
  assert.ok(await page.locator('#undo').isDisabled());
  const labels = await download(page, () =>
    page.getByRole('button', { name: 'Label PNG' }).click(),
  );
  const files = unzipSync(labels.bytes);
  assert.deepEqual([...new Set(files['meadow-1-labels.png'])], [0], 'not shown, but corrected');
  await page.locator('#strip li').first().click();
  await page.waitForFunction(() =>
    /100/.test(document.querySelector('#legend .share')?.textContent),
  );
  await page.locator('#undo').click();
  await page.waitForFunction(() => /10/.test(document.querySelector('#legend .share').textContent));
  assert.equal(await share(page), 10);
});

pageTest('pictures are removed, the last two leave no strip', {}, async (page) => {
  await type(page, 'sky');
  await dropAll(page, [...pictures(2), pictures(1)[0]]);
  await progress(page, '3 of 3 pictures done');
  const names = () =>
    page.locator('#strip li').evaluateAll((all) => all.map(({ title }) => title.split(':')[0]));
  assert.deepEqual(await names(), ['meadow-1.png', 'meadow-2.png', 'meadow-1 (2).png']);
  await page.locator('#strip-remove').click();
  await rest(page);
  assert.deepEqual(await names(), ['meadow-2.png', 'meadow-1 (2).png']);
  assert.equal(await share(page), 12.5);
  await page.locator('#strip ul').press('Delete');
  assert.ok(await page.locator('#strip').isHidden());
  assert.ok(await page.locator('#all-field').isHidden());
});

for (const locale of ['en', 'de', 'fr', 'es', 'pt', 'ja', 'zh', 'ar']) {
  for (const colorScheme of locale === 'en' || locale === 'ar' ? ['light', 'dark'] : ['light']) {
    const viewport = { width: 390, height: 844 };
    const options = { locale, colorScheme, viewport, reducedMotion: 'reduce' };
    pageTest(`the strip on a phone: ${locale}, ${colorScheme}`, options, async (page) => {
      await type(page, 'sky');
      await dropAll(page, [...pictures(9), broken]);
      await page.waitForFunction(
        () => document.querySelectorAll('#strip li[data-condition="done"]').length === 9,
      );
      await rest(page);
      assert.ok((await overhang(page)) <= 0);
      await page.evaluate(axe);
      const violations = await page.evaluate(async () => {
        const found = await globalThis.axe.run('#strip', { resultTypes: ['violations'] });
        return found.violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]);
      });
      assert.deepEqual(violations, []);
    });
  }
}

/** Whether something is kept at this address. */
const isKept = (page, path) =>
  page.evaluate(
    async (end) => (await caches.match(`https://wordmask.invalid/${end}`)) !== undefined,
    path,
  );

pageTest(
  'corrections come back after a reload, and are forgotten with the picture',
  {},
  async (page) => {
    await type(page, 'sky', 'grass');
    await drop(page, 'meadow.png', meadow(4), 'image/png');
    await legend(page, ['sky', 'grass']);
    await page.locator('#tool-region').click();
    await page.locator('#target').selectOption({ label: 'sky' });
    await page.locator('#canvas').click({ position: { x: 60, y: 200 } });
    const isCorrected = () =>
      page.waitForFunction(() => /100/.test(document.querySelector('#legend .share')?.textContent));
    await isCorrected();
    await until(() => isKept(page, 'corrections'));
    await page.reload();
    await isCorrected();
    await legend(page, ['sky', 'grass']);
    await type(page, 'sun');
    await legend(page, ['sky', 'grass', 'sun']);
    // The shares follow the masks.
    await isCorrected();
    await Promise.all([page.waitForNavigation(), page.locator('#forget').click()]);
    assert.equal(
      await page.evaluate(() => caches.match('https://wordmask.invalid/corrections')),
      undefined,
    );
  },
);

pageTest(
  'the strip comes back after a reload, each picture with its corrections',
  {},
  async (page) => {
    await type(page, 'sky', 'grass');
    await dropAll(page, pictures(3));
    await progress(page, '3 of 3 pictures done');
    await page.locator('#tool-region').click();
    await page.locator('#target').selectOption({ label: 'sky' });
    await page.locator('#canvas').click({ position: { x: 60, y: 200 } });
    const shows = (share) =>
      page.waitForFunction(
        (wanted) => document.querySelector('#legend .share')?.textContent.startsWith(wanted),
        share,
      );
    await shows('100');
    await page.locator('#strip li').nth(1).click();
    await shows('12.5');
    await until(() => isKept(page, 'strip/meadow-1.png/corrections'));
    const keptName = () =>
      page.evaluate(async () => {
        const kept = await caches.match('https://wordmask.invalid/picture');
        return kept?.headers.get('x-wordmask-name');
      });
    await until(async () => (await keptName()) === 'meadow-2.png');
    await page.reload();
    await progress(page, '3 of 3 pictures done');
    await shows('12.5');
    assert.equal(await chosen(page), 1);
    await page.locator('#strip li').first().click();
    await shows('100');
    await page.locator('#strip-remove').click();
    await shows('12.5');
    const keptCount = () =>
      page.evaluate(async () => {
        const kept = await caches.match('https://wordmask.invalid/strip');
        return (await kept?.json())?.length;
      });
    await until(async () => (await keptCount()) === 2);
    await Promise.all([page.waitForNavigation(), page.locator('#forget').click()]);
    await rest(page);
    assert.deepEqual(await page.evaluate(() => caches.keys()), []);
  },
);

const sampleFile = (number) => ({
  name: `scene ${number}.webp`,
  bytes: readFileSync(new URL(`../samples/scene-${number}.webp`, import.meta.url)),
  type: 'image/webp',
});

built.pageTest(
  'the engine itself makes one COCO file of several pictures',
  { query: '?device=cpu' },
  async (page) => {
    await type(page, 'sky', 'house', 'tree');
    await dropAll(page, [sampleFile(2), broken, sampleFile(3), sampleFile(4)]);
    await progress(page, '3 of 4 pictures done · 1 failed');
    await page.locator('#datasets > summary').click();
    const give = () => page.getByRole('button', { name: 'COCO', exact: true }).click();
    const { bytes } = await download(page, give);
    const { images, annotations, categories } = JSON.parse(bytes.toString());
    const names = images.map((image) => image.file_name);
    assert.deepEqual(names, ['scene 2.webp', 'scene 3.webp', 'scene 4.webp']);
    assert.deepEqual(
      categories.map(({ name }) => name),
      ['sky', 'house', 'tree'],
    );
    assert.ok(annotations.length > 0);
    const cutouts = await download(page, () => page.locator('#download-cutouts').click());
    const files = unzipSync(cutouts.bytes);
    assert.ok(Object.keys(files).length > 1);
    for (const file of Object.values(files))
      assert.equal(Buffer.from(file).toString('latin1', 1, 4), 'PNG');
  },
);
