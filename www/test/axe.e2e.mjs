/** What axe finds in the page, in all that it can show: nothing. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { drop, png, rest, site } from './browser.mjs';
import { buildFakePage } from './fake-page.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const here = site(buildFakePage);
const picture = png(100, 80, (_, y) => (y < 40 ? [150, 205, 240] : [110, 180, 80]));

/** As an expression, because the page's own rules let no foreign script in. */
async function check(page, state) {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return found.violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]);
  });
  assert.deepEqual(violations, [], state);
}

async function type(page, words) {
  await page.locator('#word').fill(words);
  await page.keyboard.press('Enter');
}

for (const locale of ['en', 'ar']) {
  for (const colorScheme of ['light', 'dark']) {
    // Without motion, since colours on their way are not those that stay.
    const options = { locale, colorScheme, reducedMotion: 'reduce' };
    const query = '?model=models/drawings/';
    here.pageTest(
      `axe finds nothing: ${locale}, ${colorScheme}`,
      { query, ...options },
      async (page) => {
        await rest(page);
        await check(page, 'before a picture');
        await type(page, 'blorb,blorb sun');
        await drop(page, 'photo.png', picture, 'image/png');
        await page.locator('#none-known').waitFor();
        await rest(page);
        await check(page, 'no word is known');
        await type(page, 'sky,grass,unicorn');
        await page.locator('#photos').waitFor();
        await page.locator('#kept').waitFor();
        await rest(page);
        for (const menu of ['#cutout-options', '#datasets', '#models', '#options', '#device']) {
          await page.locator(`${menu} > summary`).click();
        }
        await page.locator('#cutout-background').selectOption('color');
        await page.locator('input[name="refine"][value="own"]').check();
        await type(page, 'sky');
        await rest(page);
        await check(page, 'masks, menus, a notice and unknown words');
        await page.locator('#compare').click();
        for (const tool of ['region', 'brush', 'eraser', 'look']) {
          await page.locator(`#tool-${tool}`).click();
          await check(page, `before and after, and the tool ${tool}`);
        }
        await page.locator('#compare').click();
        await page.locator('#canvas').click();
        await page.locator('#naming-list li').first().waitFor();
        await drop(page, 'notes.txt', Buffer.from('x'), 'text/plain');
        await page.locator('#alert.shown').waitFor();
        await check(page, 'names of a region and a message');
        await page.evaluate(() => {
          navigator.mediaDevices.getUserMedia = () =>
            Promise.reject(new DOMException('', 'NotFoundError'));
        });
        await page.locator('#camera-open').click();
        await check(page, 'the camera');
      },
    );
    here.pageTest(
      `axe finds nothing on the page of models: ${locale}, ${colorScheme}`,
      { query: 'models.html', ...options },
      async (page) => {
        await page.locator('#published-list .more summary').click();
        await check(page, 'before a download');
        await page.locator('#published-list button').first().click();
        await page.locator('#fetching-back, #fetching-again').filter({ visible: true }).waitFor();
        await check(page, 'after one');
      },
    );
  }
}
