/**
 * The page in a real browser with a stand-in for the engine (`fake-wordmask.ts`) that finds drawn
 * colours by name: what the page does with words, pictures, errors and views, exactly and fast.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  alertText,
  chips,
  download,
  drop,
  dropAll,
  dropPaths,
  encodes,
  legend,
  overhang,
  png,
  rest,
  site,
  until,
} from './browser.mjs';
import { buildFakePage } from './fake-page.mjs';

const www = fileURLToPath(new URL('..', import.meta.url));
const SKY = [150, 205, 240];
const GRASS = [110, 180, 80];
const SUN = [250, 210, 60];
/** Sky above, grass below, a square sun at the left: 48 %, 50 % and 2 % of 100 x 80 pixels. */
const meadow = png(100, 80, (x, y) => {
  if (y >= 40) return GRASS;
  return x >= 10 && x < 26 && y >= 10 && y < 20 ? SUN : SKY;
});

const here = site(buildFakePage);
const { pageTest } = here;

async function type(page, ...words) {
  for (const word of words) {
    await page.locator('#word').fill(word);
    await page.keyboard.press('Enter');
  }
}

/** The words come first, so that the page runs once, with all of them. */
async function meadowWith(page, ...words) {
  await type(page, ...words);
  await drop(page, 'meadow.png', meadow, 'image/png');
  await legend(page, words);
}

/** Makes coarse masks and names, or with `heldEncoding` pictures, wait until `release`. */
const hold = (page, what = 'held') =>
  page.evaluate((name) => {
    globalThis[name] = new Promise((done) => {
      globalThis[`${name}Release`] = done;
    });
  }, what);
const release = (page, what = 'held') =>
  page.evaluate((name) => globalThis[`${name}Release`](), what);

/** Until as many pictures have been begun. */
const begun = (page, count) =>
  page.waitForFunction(
    (wanted) => globalThis.asked?.filter(({ call }) => call === 'encode').length === wanted,
    count,
  );

/** The colour of the canvas at a point given as parts of its size. */
const colorAt = (page, x, y) =>
  page.evaluate(
    async ([left, top]) => {
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const canvas = document.querySelector('#canvas');
      const context = canvas.getContext('2d');
      const at = [Math.floor(left * canvas.width), Math.floor(top * canvas.height), 1, 1];
      return [...context.getImageData(...at).data.slice(0, 3)];
    },
    [x, y],
  );

pageTest(
  'words come by Enter, comma and paste, and go by Backspace and button',
  {},
  async (page) => {
    const word = page.locator('#word');
    await word.focus();
    await page.keyboard.type('cat');
    await page.keyboard.press('Enter');
    await page.keyboard.type('tv/monitor,');
    assert.deepEqual(await chips(page), ['cat', 'tv/monitor']);
    await page.evaluate(() => {
      document.querySelector('#word').focus();
      document.execCommand('insertText', false, 'a, b, c');
    });
    assert.deepEqual(await chips(page), ['cat', 'tv/monitor', 'a', 'b', 'c']);
    await page.keyboard.press('Backspace');
    assert.deepEqual(await chips(page), ['cat', 'tv/monitor', 'a', 'b']);
    await page.getByRole('button', { name: 'Remove tv/monitor' }).click();
    assert.deepEqual(await chips(page), ['cat', 'a', 'b']);
    const focused = () => document.activeElement.getAttribute('aria-label');
    assert.equal(await page.evaluate(focused), 'Remove a');
    // What comes with the model shows the chips anew.
    await page.locator('#language').selectOption('de');
    await page.waitForFunction(() => /entfernen/.test(document.querySelector('#chips').innerHTML));
    await page.locator('#chips .close').nth(1).focus();
    await page.locator('#language').evaluate((select) => {
      select.value = 'en';
      select.dispatchEvent(new Event('change'));
    });
    await page.waitForFunction(() => /Remove/.test(document.querySelector('#chips').innerHTML));
    assert.equal(await page.evaluate(focused), 'Remove a');
  },
);

pageTest('a word that is there already is refused with a message', {}, async (page) => {
  await type(page, 'cat', 'Cat');
  assert.deepEqual(await chips(page), ['cat']);
  assert.match(await page.locator('#notice').textContent(), /“cat” is there already/);
  await type(page, 'dog');
  assert.equal(await page.locator('#notice').textContent(), '');
});

pageTest('strange words are words, and a far too long one is refused', {}, async (page) => {
  const strange = ['__proto__', '<img src=x onerror=alert(1)>', '🐈', 'toString'];
  await type(page, ...strange);
  await drop(page, 'meadow.png', meadow, 'image/png');
  await legend(page, strange);
  await type(page, 'x'.repeat(10_000));
  assert.deepEqual(await chips(page), strange);
  assert.match(await page.locator('#notice').textContent(), /10,000 letters/);
});

pageTest('the stage shows what the engine saw, once it has', {}, async (page) => {
  await hold(page, 'heldEncoding');
  await type(page, 'sun');
  await drop(page, 'turned meadow.png', meadow, 'image/png');
  await begun(page, 1);
  const ratio = () =>
    page.evaluate(() => Number(document.querySelector('#stage').style.getPropertyValue('--ratio')));
  // Meanwhile as the browser reads it: sky above and grass below.
  assert.equal(await ratio(), 100 / 80);
  assert.deepEqual(await colorAt(page, 0.5, 0.9), GRASS);
  await release(page, 'heldEncoding');
  await legend(page, ['sun']);
  assert.equal(await ratio(), 80 / 100);
  assert.deepEqual(await colorAt(page, 0.1, 0.5), GRASS);
  assert.deepEqual(await colorAt(page, 0.9, 0.9), SKY);
  // The mask lies on the sun, which has gone to the right.
  const masked = await colorAt(page, 0.8, 0.18);
  assert.notDeepEqual(masked, SUN);
  assert.notDeepEqual(masked, SKY);
});

pageTest('the legend tells the share of each class and of the rest', {}, async (page) => {
  await meadowWith(page, 'sky', 'grass', 'unicorn');
  const shares = await page.locator('#legend .share').allTextContents();
  const plain = shares.map((share) => share.replace(/\u00a0/g, ' ').replace(' of the picture', ''));
  assert.deepEqual(plain, ['48.0%', '50.0%', '0%', '2.0%']);
  assert.ok(await page.locator('#legend .row').nth(2).locator('.cutout').isDisabled());
});

/** The options of cut-outs that were asked for, oldest first. */
const cutoutsAsked = (page) =>
  page.evaluate(() =>
    globalThis.asked.filter(({ call }) => call === 'cutout').map((one) => one.options),
  );

pageTest('cut-outs look as they are chosen to, alone and all at once', {}, async (page) => {
  await meadowWith(page, 'sky', 'sun');
  const cut = () => download(page, () => page.locator('#legend .cutout').nth(1).click());
  assert.equal((await cut()).name, 'meadow-2-sun.png');
  await page.locator('#cutout-options summary').click();
  assert.ok(await page.locator('#cutout-color').isHidden());
  await page.locator('#cutout-soft').uncheck();
  await page.locator('#cutout-trim').check();
  await page.locator('#cutout-background').selectOption('blur');
  await page.locator('#cutout-format').selectOption('webp');
  assert.equal((await cut()).name, 'meadow-2-sun.webp');
  await page.locator('#cutout-background').selectOption('color');
  await page.locator('#cutout-color').fill('#12ab34');
  const all = await download(page, () => page.locator('#download-cutouts').click());
  assert.equal(all.name, 'meadow-cutouts.zip');
  const chosen = { feather: 0, trim: true, format: 'webp' };
  assert.deepEqual(await cutoutsAsked(page), [
    { which: 1, trim: false, background: 'transparent', format: 'png' },
    { which: 1, ...chosen, background: { blur: 2 } },
    { which: 0, ...chosen, background: '#12ab34' },
    { which: 1, ...chosen, background: '#12ab34' },
  ]);
});

const permissions = ['clipboard-read', 'clipboard-write'];
pageTest('a cut-out is copied as PNG, whatever downloads are', { permissions }, async (page) => {
  await meadowWith(page, 'sky', 'moon');
  await page.locator('#cutout-options summary').click();
  await page.locator('#cutout-format').selectOption('webp');
  const copy = page.getByRole('button', { name: 'Copy the cut-out of sky' });
  await copy.click();
  await page.locator('.copy.done').waitFor();
  assert.equal(await page.locator('#live').textContent(), 'Copied.');
  const types = await page.evaluate(async () => (await navigator.clipboard.read())[0].types);
  assert.deepEqual(types, ['image/png']);
  assert.deepEqual(await cutoutsAsked(page), [
    { which: 0, trim: false, background: 'transparent' },
  ]);
  // There is nothing to copy of what was not found.
  assert.ok(await page.locator('#legend .copy').nth(1).isDisabled());
  await page.evaluate(() => {
    navigator.clipboard.write = async () => {
      throw new DOMException('Write permission denied.', 'NotAllowedError');
    };
  });
  await copy.click();
  assert.match(await alertText(page), /Download the cut-out instead/);
});

pageTest('where nothing can be copied, nothing offers to', {}, async (page) => {
  await page.addInitScript(() => {
    delete globalThis.ClipboardItem;
  });
  await page.reload();
  await meadowWith(page, 'sky');
  assert.equal(await page.locator('.copy').count(), 0);
  assert.equal(await page.locator('.cutout').count(), 1);
});

pageTest('a new word makes new masks without encoding again', {}, async (page) => {
  await meadowWith(page, 'sky');
  assert.equal(await encodes(page), '1');
  await type(page, 'sun');
  await legend(page, ['sky', 'sun']);
  assert.equal(await encodes(page), '1');
  await page.getByRole('button', { name: 'Remove sky' }).click();
  await legend(page, ['sun']);
  assert.equal(await encodes(page), '1');
});

pageTest('Stop stops, and Run again goes on', {}, async (page) => {
  await rest(page);
  await type(page, 'sky');
  await hold(page, 'heldEncoding');
  await drop(page, 'meadow.png', meadow, 'image/png');
  await rest(page, 'busy');
  await begun(page, 1);
  const button = page.locator('#go');
  await button.focus();
  await page.keyboard.press('Enter');
  await rest(page, 'stopped');
  assert.equal(await encodes(page), '0');
  assert.equal(await button.textContent(), 'Run again');
  await release(page, 'heldEncoding');
  await page.keyboard.press('Enter');
  await legend(page, ['sky']);
  assert.equal(await encodes(page), '1');
});

pageTest('the picture that was chosen last wins', {}, async (page) => {
  await type(page, 'grass');
  await hold(page, 'heldEncoding');
  await drop(page, 'meadow.png', meadow, 'image/png');
  await begun(page, 1);
  await drop(
    page,
    'lawn.png',
    png(10, 10, () => GRASS),
    'image/png',
  );
  await begun(page, 2);
  await release(page, 'heldEncoding');
  await legend(page, ['grass']);
  assert.match(await page.locator('#legend .share').first().textContent(), /^100/);
  assert.equal(await encodes(page), '1');
});

pageTest(
  'what is no picture is refused; the picture before stays and the next works',
  {},
  async (page) => {
    await meadowWith(page, 'sky');
    await drop(page, 'notes.txt', Buffer.from('no picture'), 'text/plain');
    await page.locator('#alert.shown').waitFor();
    assert.match(await alertText(page), /“notes.txt” is not a picture/);
    await legend(page, ['sky']);
    await drop(page, 'empty.png', Buffer.alloc(0), 'image/png');
    await page.waitForFunction(() => /is empty/.test(document.querySelector('#alert').textContent));
    await drop(
      page,
      'lawn.png',
      png(10, 10, () => GRASS),
      'image/png',
    );
    await page.waitForFunction(() => document.querySelector('#stage').dataset.encodes === '2');
    await legend(page, ['sky']);
    assert.equal(await alertText(page), '');
  },
);

pageTest('a device that is not there is told, and the one before goes on', {}, async (page) => {
  await meadowWith(page, 'sky');
  await page.locator('#options summary').click();
  await page.getByLabel('WebGPU').click();
  await page.locator('#alert.shown').waitFor();
  assert.match(await alertText(page), /no WebGPU adapter/);
  assert.ok(await page.locator('input[name="device"][value="auto"]').isChecked());
  await legend(page, ['sky']);
  assert.equal(await encodes(page), '1');
});

pageTest('another device loads anew and encodes again', {}, async (page) => {
  await meadowWith(page, 'sky');
  await page.locator('#options summary').click();
  await page.getByLabel('CPU').check();
  await page.waitForFunction(() => document.querySelector('#stage').dataset.encodes === '2');
  await legend(page, ['sky']);
});

pageTest('switches, highlight, opacity and original change what is drawn', {}, async (page) => {
  await meadowWith(page, 'sky', 'grass');
  const sky = () => colorAt(page, 0.6, 0.25);
  assert.notDeepEqual(await sky(), SKY);
  await page.locator('#legend input').first().uncheck();
  await page.mouse.move(0, 0);
  assert.deepEqual(await sky(), SKY);
  await page.locator('#legend .row').nth(1).hover();
  assert.ok((await sky()).every((value, at) => value < SKY[at] / 2));
  await page.mouse.move(0, 0);
  await page.locator('#legend input').first().check();
  await page.mouse.move(0, 0);
  assert.notDeepEqual(await sky(), SKY);
  await page.getByRole('button', { name: 'Original' }).click();
  assert.deepEqual(await sky(), SKY);
  await page.getByRole('button', { name: 'Original' }).click();
  await page.locator('#opacity').fill('0');
  assert.deepEqual(await sky(), SKY);
});

pageTest('the class under the pointer is told, also by arrow keys', {}, async (page) => {
  await meadowWith(page, 'sky', 'grass');
  const box = await page.locator('#canvas').boundingBox();
  const tip = page.locator('#tip');
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.3);
  assert.equal(await tip.textContent(), 'sky');
  await page.mouse.move(box.x + box.width * 0.18, box.y + box.height * 0.18);
  assert.equal(await tip.textContent(), 'no word');
  await page.mouse.move(0, 0);
  await tip.waitFor({ state: 'hidden' });
  await page.locator('#canvas').focus();
  for (let step = 0; step < 15; step++) await page.keyboard.press('ArrowDown');
  assert.equal(await tip.textContent(), 'grass');
  assert.equal(await page.locator('#live').textContent(), 'grass');
});

pageTest('everything is reached by the keyboard, with a focus to be seen', {}, async (page) => {
  await meadowWith(page, 'sky');
  await page.locator('#options summary').focus();
  await page.keyboard.press('Enter');
  await page.locator('.skip').focus();
  const reached = [];
  for (let step = 0; step < 60; step++) {
    const now = await page.evaluate(() => {
      const { activeElement: at } = document;
      const seen = at.id === 'file' || at.id === 'word' ? at.closest('.chooser, .field') : at;
      const ring = seen.matches('.chooser') ? seen.querySelector('label') : seen;
      return {
        name:
          at.id ||
          at.dataset.download ||
          at.value ||
          at.className ||
          (at.matches('a') && 'link') ||
          at.tagName,
        ring: getComputedStyle(ring).outlineStyle,
      };
    });
    if (now.name === 'BODY') break;
    assert.equal(now.ring, 'solid', `no focus ring on ${now.name}`);
    reached.push(now.name);
    await page.keyboard.press('Tab');
  }
  const order = ['skip', 'language', 'canvas'];
  order.push('tool-look', 'tool-region', 'tool-brush', 'tool-eraser', 'undo', 'redo');
  order.push('zoom-out', 'zoom-whole', 'zoom-in', 'compare');
  order.push('go', 'device-where', 'file', 'camera-open');
  order.push('forget', 'close', 'word', 'opacity', 'original', 'sky');
  order.push('cutout', 'copy', 'aim', 'labels', 'overlay', 'download-cutouts');
  // That of cut-outs.
  order.push('SUMMARY', 'svg', 'geojson');
  // That of the data sets.
  order.push('SUMMARY', 'instances');
  // Those of the models and of the options.
  order.push('SUMMARY', 'SUMMARY', 'method');
  // Crops, guidance, refinement and background; after the threshold the device.
  order.push('auto', 'auto', 'auto', 'auto', 'threshold', 'auto');
  order.push('link', 'link', 'link');
  assert.deepEqual(reached, order);
});

/** What the package was asked for, by kind of call. */
const asked = (page, call) =>
  page.evaluate((kind) => globalThis.asked.filter((one) => one.call === kind), call);

/** The options of the last segmentation, once it is the one with this many before it. */
async function lastOptions(page, before) {
  await page.waitForFunction(
    (count) => globalThis.asked.filter(({ call }) => call === 'segment').length > count,
    before,
  );
  await rest(page);
  return (await asked(page, 'segment')).at(-1).options;
}

pageTest('the method is the one that is chosen, without encoding again', {}, async (page) => {
  await meadowWith(page, 'sky', 'grass');
  await page.locator('#options summary').click();
  const method = page.locator('#method');
  assert.equal(await method.locator('option').first().textContent(), 'Automatic: CLIP-DIY');
  assert.equal(await method.locator('option').count(), 9);
  assert.ok(await page.locator('#clip-diy').isVisible());
  let before = (await asked(page, 'segment')).length;
  assert.deepEqual((await asked(page, 'segment')).at(-1).options, {
    background: 'auto',
    threshold: 0,
  });

  await method.selectOption('NACLIP');
  assert.equal((await lastOptions(page, before++)).method, 'naclip');
  assert.ok(await page.locator('#clip-diy').isHidden());
  assert.match(await page.locator('#method-about').textContent(), /near ones first/);

  const scales = page.locator('#scales');
  assert.equal(await page.locator('#scales-automatic').textContent(), 'Automatic: Off');
  await scales.getByLabel('On').check();
  assert.equal((await lastOptions(page, before++)).multiScale, true);

  await method.selectOption('CLIP-DIY');
  assert.deepEqual(await lastOptions(page, before++), {
    method: 'clip-diy',
    background: 'auto',
    threshold: 0,
  });
  assert.ok(await scales.isHidden(), 'CLIP-DIY has scales of its own');
  await page.locator('input[name="crops"][value="59"]').check();
  assert.equal((await lastOptions(page, before++)).crops, 59);
  await page.locator('input[name="guidance"][value="none"]').check();
  const last = await lastOptions(page, before++);
  assert.deepEqual([last.crops, last.guidance], [59, 'none']);
  await method.selectOption('Two stages');
  assert.deepEqual(await lastOptions(page, before), {
    method: 'two-stage',
    background: 'auto',
    threshold: 0,
  });
  assert.equal(await encodes(page), '1');
});

pageTest('refinements are automatic, or one’s own', {}, async (page) => {
  await meadowWith(page, 'sky');
  await page.locator('#options summary').click();
  assert.equal(await page.locator('#refine-automatic').textContent(), 'Automatic: TLP');
  const box = (name) => page.locator('#refinements').getByLabel(name);
  assert.ok(await box('PAMR').isHidden());
  let before = (await asked(page, 'segment')).length;
  await page.getByLabel('Own choice').check();
  assert.ok(await box('TLP').isChecked());
  assert.ok(await box('Key smoothing').isDisabled(), 'CLIP-DIY has no keys');
  assert.deepEqual((await lastOptions(page, before++)).refine, ['tlp']);
  await box('PAMR').check();
  assert.deepEqual((await lastOptions(page, before++)).refine, ['tlp', 'pamr']);
  await page.locator('#method').selectOption('maskclip');
  await lastOptions(page, before++);
  await box('Key smoothing').check();
  assert.deepEqual((await lastOptions(page, before)).refine, ['key-smoothing', 'tlp', 'pamr']);
});

pageTest('an address may choose the method', { query: '?method=pearl' }, async (page) => {
  await meadowWith(page, 'sky');
  assert.equal((await asked(page, 'encode'))[0].options.method, 'pearl');
  assert.equal((await asked(page, 'segment'))[0].options.method, 'pearl');
  assert.equal(await page.locator('#method').inputValue(), 'pearl');
});

/** Moves the mouse over the picture, to a point given as parts of its size. */
async function hoverAt(page, x, y) {
  const box = await page.locator('#canvas').boundingBox();
  await page.mouse.move(box.x + box.width * x, box.y + box.height * y);
}

pageTest('coarse masks are drawn and marked until they are sharp', {}, async (page) => {
  await hold(page);
  await type(page, 'sky', 'sun');
  await drop(page, 'meadow.png', meadow, 'image/png');
  const mark = page.locator('#sharpness');
  await mark.waitFor();
  assert.equal(await mark.textContent(), 'sharpening…');
  assert.equal(await page.locator('#phase').textContent(), 'Sharpening the masks');
  assert.equal(await page.locator('#legend .row').count(), 3);
  // The corner of the coarse square is sky, and so all of it is.
  const tip = page.locator('#tip');
  await hoverAt(page, 0.18, 0.18);
  assert.equal(await tip.textContent(), 'sky');
  const coarse = await colorAt(page, 0.18, 0.18);
  await page.locator('#legend input').first().focus();
  await release(page);
  await rest(page);
  await mark.waitFor({ state: 'hidden' });
  assert.notDeepEqual(await colorAt(page, 0.18, 0.18), coarse);
  const focused = await page.evaluate(() => document.activeElement.closest('.row')?.textContent);
  assert.match(focused ?? '', /^sky/, 'the focus stays in the legend');
  await hoverAt(page, 0.185, 0.185);
  assert.equal(await tip.textContent(), 'sun');
});

pageTest('coarse masks stay when the work is stopped, and can be had', {}, async (page) => {
  await hold(page);
  await type(page, 'sky');
  await drop(page, 'meadow.png', meadow, 'image/png');
  const mark = page.locator('#sharpness');
  await mark.waitFor();
  const during = await download(page, () =>
    page.getByRole('button', { name: 'Label PNG' }).click(),
  );
  assert.match(during.name, /\.png$/);
  await page.locator('#go').click();
  await rest(page, 'stopped');
  assert.equal(await mark.textContent(), 'coarse');
  assert.match(await page.locator('#phase').textContent(), /still coarse/);
  const stopped = await download(page, () => page.getByRole('button', { name: 'GeoJSON' }).click());
  assert.match(stopped.name, /\.geojson$/);
  await release(page);
  await page.locator('#go').click();
  await rest(page);
  await mark.waitFor({ state: 'hidden' });
});

/** Clicks the picture at such a point. */
async function clickAt(page, x, y) {
  await hoverAt(page, x, y);
  await page.mouse.down();
  await page.mouse.up();
}

const names = (page) => page.locator('#naming-list .name').allTextContents();

/** Waits for the names of a region. */
async function named(page) {
  await page.locator('#naming-list li').first().waitFor();
  return names(page);
}

pageTest('a click names a region, and Escape or a click elsewhere ends it', {}, async (page) => {
  await meadowWith(page, 'sky', 'grass', 'sun', 'cat');
  const box = page.locator('#naming');
  const before = await colorAt(page, 0.18, 0.22);
  await clickAt(page, 0.185, 0.185);
  assert.equal((await named(page))[0], 'sun');
  assert.equal((await names(page)).length, 3);
  const title = await page.locator('#naming-title').textContent();
  assert.equal(title.replace(/\u00a0/g, ' '), 'This region · 2.0%');
  const scores = (await page.locator('#naming-list .score').allTextContents()).map(Number);
  assert.ok(scores[0] > scores[1] && scores[1] >= scores[2], String(scores));
  assert.match(await page.locator('#live').textContent(), /^A region of 2.0.*: sun 0\.\d\d, /);
  assert.deepEqual((await asked(page, 'regionAt')).at(-1).options, { x: 18, y: 14 });
  assert.ok((await asked(page, 'classify')).at(-1).words.includes('cat'));
  // What is outside the region lies in the shade.
  const shaded = await colorAt(page, 0.7, 0.3);
  assert.ok(await page.locator('#tip').isHidden());

  await page.keyboard.press('Escape');
  await box.waitFor({ state: 'hidden' });
  const bright = await colorAt(page, 0.7, 0.3);
  assert.ok(bright.every((value, at) => value > shaded[at]));
  assert.deepEqual(await colorAt(page, 0.18, 0.22), before);

  await clickAt(page, 0.6, 0.8);
  assert.equal((await named(page))[0], 'grass');
  // Beside the box, which stands beside the grass.
  await clickAt(page, 0.95, 0.05);
  await page.waitForFunction(
    () => document.querySelector('#naming-list .name')?.textContent === 'sky',
  );
  await page.locator('h1').click();
  await box.waitFor({ state: 'hidden' });

  await clickAt(page, 0.6, 0.2);
  await named(page);
  await page.getByRole('button', { name: 'Close the names' }).click();
  await box.waitFor({ state: 'hidden' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'canvas');

  await clickAt(page, 0.6, 0.2);
  await named(page);
  await type(page, 'house');
  await box.waitFor({ state: 'hidden' });
  assert.equal(await encodes(page), '1');
});

pageTest('a region is named by keyboard alone', {}, async (page) => {
  await meadowWith(page, 'sky', 'grass', 'sun');
  const [button, cross, box] = ['#aim', '#cross', '#naming'].map((id) => page.locator(id));
  await button.focus();
  await page.keyboard.press('Enter');
  assert.equal(await button.getAttribute('aria-pressed'), 'true');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'canvas');
  assert.ok(await cross.isVisible());
  assert.match(await page.locator('#aim-help').textContent(), /arrow keys.*Enter/);
  const at = () => cross.evaluate(({ style }) => [style.left, style.top].map(Number.parseFloat));
  const [left, top] = await at();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Shift+ArrowRight');
  const [nextLeft, nextTop] = await at();
  assert.ok(nextTop < top && nextLeft > left);
  assert.ok(top - nextTop > 2 * (nextLeft - left), 'Shift moves less');
  await page.keyboard.press('Enter');
  assert.equal((await named(page))[0], 'sky');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'canvas');
  await page.keyboard.press('Tab');
  const close = await page.evaluate(() => document.activeElement.id);
  assert.equal(close, 'naming-close');
  await page.keyboard.press('Enter');
  await box.waitFor({ state: 'hidden' });
  for (let step = 0; step < 10; step++) await page.keyboard.press('ArrowDown');
  assert.equal(await page.locator('#tip').textContent(), 'grass');
  await page.keyboard.press('Space');
  assert.equal((await named(page))[0], 'grass');
  await page.keyboard.press('ArrowDown');
  assert.ok(await box.isHidden(), 'moving on ends it');
  await page.keyboard.press('Enter');
  await named(page);
  await page.keyboard.press('Escape');
  await box.waitFor({ state: 'hidden' });
  assert.ok(await cross.isVisible());
  await page.keyboard.press('Escape');
  await cross.waitFor({ state: 'hidden' });
  assert.equal(await button.getAttribute('aria-pressed'), 'false');
});

pageTest('names wait for the masks; the outline does not', {}, async (page) => {
  await meadowWith(page, 'sky', 'grass');
  await hold(page);
  await type(page, 'sun');
  await page.locator('#sharpness').waitFor();
  await clickAt(page, 0.18, 0.18);
  const note = page.locator('#naming-note');
  await page.waitForFunction(() =>
    /once the masks are done/.test(document.querySelector('#naming-note').textContent),
  );
  await release(page);
  assert.equal((await named(page))[0], 'sun');
  assert.ok(await note.isHidden());
});

pageTest('naming says what it lacks', {}, async (page) => {
  await drop(page, 'meadow.png', meadow, 'image/png');
  await page.waitForFunction(() => document.querySelector('#stage').dataset.encodes === '1');
  await rest(page);
  const box = page.locator('#naming');
  await clickAt(page, 0.6, 0.2);
  assert.ok(await box.isHidden(), 'without words there is nothing to say');
  await type(page, 'sky');
  await legend(page, ['sky']);
  await clickAt(page, 0.6, 0.2);
  assert.deepEqual(await named(page), ['sky']);
  assert.match(await page.locator('#naming-note').textContent(), /Add words/);
  await type(page, 'trouble');
  await legend(page, ['sky', 'trouble']);
  await clickAt(page, 0.6, 0.2);
  await page.waitForFunction(() =>
    /did not work/.test(document.querySelector('#naming-title').textContent),
  );
  assert.match(await page.locator('#naming-note').textContent(), /GPU failed/);
  await page.getByRole('button', { name: 'Remove trouble' }).click();
  await legend(page, ['sky']);
  await type(page, 'grass');
  await legend(page, ['sky', 'grass']);
  await clickAt(page, 0.6, 0.2);
  assert.equal((await named(page))[0], 'sky');
});

const handheld = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
pageTest('a tap names a region on a phone, within the screen', handheld, async (page) => {
  await meadowWith(page, 'sky', 'grass', 'sun');
  await page.locator('#aim').scrollIntoViewIfNeeded();
  const scrolled = await page.evaluate(() => scrollY);
  await page.locator('#aim').tap();
  await page.waitForFunction(() =>
    document.querySelector('#aim-help').textContent.startsWith('Tap'),
  );
  assert.equal(await page.evaluate(() => scrollY), scrolled, 'the picture is in sight already');
  const box = await page.locator('#canvas').boundingBox();
  for (const [x, y] of [
    [0.02, 0.03],
    [0.98, 0.97],
    [0.5, 0.45],
  ]) {
    await page.touchscreen.tap(box.x + box.width * x, box.y + box.height * y);
    await named(page);
    const place = await page.locator('#naming').boundingBox();
    assert.ok(place.x >= 0 && place.x + place.width <= 390, JSON.stringify(place));
    assert.ok(place.y >= 0 && place.y + place.height <= 844, JSON.stringify(place));
    assert.equal(await overhang(page), 0);
    // It may lie over the next point. By hand, because a locator's tap may scroll.
    const cross = await page.locator('#naming-close').boundingBox();
    await page.touchscreen.tap(cross.x + cross.width / 2, cross.y + cross.height / 2);
    await page.locator('#naming').waitFor({ state: 'hidden' });
  }
});

pageTest('a picture that is pasted comes in too, and pasted text does not', {}, async (page) => {
  await type(page, 'sky');
  const paste = (base64) =>
    page.evaluate((letters) => {
      const data = new DataTransfer();
      if (letters === null) data.setData('text/plain', 'hello');
      else {
        const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], 'image.png', { type: 'image/png' }));
      }
      const options = { clipboardData: data, bubbles: true, cancelable: true };
      return document.body.dispatchEvent(new ClipboardEvent('paste', options));
    }, base64);
  assert.ok(await paste(null));
  assert.ok(!(await paste(meadow.toString('base64'))));
  await legend(page, ['sky']);
});

pageTest('a link that is dropped is refused, and the page stays', {}, async (page) => {
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.setData('text/uri-list', 'https://example.org/cat.jpg');
    return data;
  });
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
  assert.match(await alertText(page), /contacts no other site/);
});

const model = (...without) =>
  ['model.safetensors', 'config.json', 'tokenizer.json']
    .filter((name) => !without.includes(name))
    .map((name) => ({ name, bytes: Buffer.alloc(2000, 1) }));

const openModels = (page) => page.locator('#models > summary').click();
const modelNames = (page) => page.locator('#model-list .name').allTextContents();

/** Waits until the model of this name is chosen, and the work is at rest. */
async function chosenModel(page, name) {
  await page.waitForFunction((wanted) => {
    const row = document.querySelector('#model-list li:has(input:checked) .name');
    return row?.textContent === wanted;
  }, name);
  await rest(page);
}

const IMPORTED = '<b>photo</b> clip';

pageTest('a dropped model is imported, chosen, and encodes again', {}, async (page) => {
  await meadowWith(page, 'sky');
  await openModels(page);
  await page.waitForFunction(() =>
    /Cartoon|trained/.test(document.querySelector('.model p + p')?.textContent),
  );
  assert.deepEqual(await modelNames(page), ['doodle']);
  await page.locator('#scheme').selectOption('q4');
  await dropAll(page, model());
  await chosenModel(page, IMPORTED);
  await page.waitForFunction(() => document.querySelector('#stage').dataset.encodes === '2');
  await legend(page, ['sky']);
  assert.deepEqual((await asked(page, 'import'))[0].options, {
    files: ['model.safetensors', 'config.json', 'tokenizer.json'],
    scheme: 'q4',
  });
  assert.deepEqual(await modelNames(page), ['doodle', IMPORTED]);
  const row = await page.locator('#model-list li').nth(1).textContent();
  assert.match(row, /imported · 45 MB · q4 · licence MIT/);
  assert.match(await page.locator('#model').textContent(), /This is the model <b>photo<\/b> clip/);
  assert.equal(await page.locator('#model-now').textContent(), IMPORTED);
  assert.ok(await page.locator('#importing').isHidden());

  await page.reload();
  await openModels(page);
  await chosenModel(page, IMPORTED);
  assert.deepEqual((await asked(page, 'load'))[0].options.model, { id: 'ab'.repeat(32) });
});

pageTest('an import asks the browser to keep it, and waits for no answer', {}, async (page) => {
  await page.evaluate(() => {
    globalThis.persisted = 0;
    // As in Firefox, whose user leaves the question open.
    navigator.storage.persist = () => {
      globalThis.persisted++;
      return new Promise(() => {});
    };
  });
  const persisted = () => page.evaluate(() => globalThis.persisted);
  await meadowWith(page, 'sky');
  await openModels(page);
  assert.equal(await persisted(), 0);
  await dropAll(page, model());
  await chosenModel(page, IMPORTED);
  assert.equal(await persisted(), 1);
});

pageTest('what is kept is told, and what can be fetched again is freed', {}, async (page) => {
  await rest(page);
  await openModels(page);
  await dropAll(page, model());
  await chosenModel(page, IMPORTED);
  const storage = page.locator('#storage');
  await storage.getByText('45 MB of models that were fetched or imported and 5.1 MB of').waitFor();
  await storage.getByRole('button').click();
  await storage.getByText('or imported.').waitFor();
  assert.ok(await storage.getByRole('button', { includeHidden: true }).isHidden());
  assert.match(await page.locator('#live').textContent(), /was freed/);
});

pageTest('the catalogue is offered, with what it takes and its licence', {}, async (page) => {
  await rest(page);
  await openModels(page);
  const rows = page.locator('#published-list > .published');
  const first = rows.first();
  await first.waitFor();
  assert.equal(await rows.count(), 3);
  const text = await first.textContent();
  assert.match(text, /^CLIP ViT-B\/16, OpenAI Recommended.*Download 598 MB, keeps 152 MB/);
  const license = first.locator('.facts a').last();
  assert.equal(
    await license.getAttribute('href'),
    'https://github.com/openai/CLIP/blob/main/model-card.md',
  );
  const get = first.getByRole('link', { name: 'Get it: CLIP ViT-B/16, OpenAI' });
  assert.match(await get.getAttribute('href'), /models\.html#b16$/);
  assert.equal(await get.getAttribute('rel'), 'noopener');
  await page.getByText('14 more models').click();
  assert.equal(await page.locator('#published-list .published:visible').count(), 17);
});

pageTest('an imported model is deleted with two clicks, not with one', {}, async (page) => {
  await rest(page);
  await openModels(page);
  await dropAll(page, model());
  await chosenModel(page, IMPORTED);
  const remove = page.getByRole('button', { name: /^Delete/ });
  await remove.focus();
  await page.keyboard.press('Enter');
  assert.equal(await remove.textContent(), 'Delete for good');
  assert.match(await page.locator('#live').textContent(), /Press again to delete/);
  await page.keyboard.press('Tab');
  assert.equal(await remove.textContent(), 'Delete', 'leaving it is a no');
  await remove.focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await chosenModel(page, 'doodle');
  await page.waitForFunction(() => document.querySelectorAll('#model-list li').length === 1);
  assert.deepEqual((await asked(page, 'delete'))[0].options, { model: 'ab'.repeat(32) });
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'SUMMARY');
  await page.reload();
  await rest(page);
  assert.match((await asked(page, 'load'))[0].options.model, /\/models\/doodle\/$/);
});

pageTest('an import goes on beside the work, and can be cancelled', {}, async (page) => {
  await meadowWith(page, 'sky');
  await page.evaluate(() => {
    globalThis.held = new Promise(() => {});
  });
  await dropAll(page, model());
  await page.locator('#import-cancel').waitFor();
  assert.equal(await page.locator('#import-phase').textContent(), 'Importing: file 1 of 3');
  assert.equal(await page.locator('#live').textContent(), 'Importing the model');
  await dropAll(page, model());
  await page.locator('#alert.shown').waitFor();
  assert.match(await alertText(page), /being imported already/);
  await page.locator('#options summary').click();
  await page.locator('#method').selectOption('maskclip');
  await legend(page, ['sky']);
  await page.locator('#import-cancel').click();
  await page.locator('#importing').waitFor({ state: 'hidden' });
  assert.match(await page.locator('#live').textContent(), /cancelled/);
  await openModels(page);
  assert.deepEqual(await modelNames(page), ['doodle']);
});

pageTest('a model that cannot be imported is explained, and the page goes on', {}, async (page) => {
  await meadowWith(page, 'sky');
  await dropAll(page, model('tokenizer.json'));
  await page.locator('#alert.shown').waitFor();
  assert.match(
    await alertText(page),
    /tokenizer\.json \(or vocab.json with merges.txt\) is missing/,
  );
  await dropAll(page, [...model(), { name: 'meadow.png', bytes: meadow, type: 'image/png' }]);
  await page.waitForFunction(() => /Drop the picture alone/.test(document.body.textContent));
  assert.equal((await page.evaluate(() => globalThis.asked)).some(isImport), false);
  const damaged = model();
  damaged[0].bytes = Buffer.alloc(2000);
  await dropAll(page, damaged);
  await page.waitForFunction(() => /is damaged/.test(document.querySelector('#alert').textContent));
  await legend(page, ['sky']);
  await type(page, 'grass');
  await legend(page, ['sky', 'grass']);
});

const isImport = ({ call }) => call === 'import';

pageTest('files of a model can be chosen as well', {}, async (page) => {
  await rest(page);
  await openModels(page);
  const files = model().map(({ name, bytes }) => ({ name, mimeType: '', buffer: bytes }));
  await page.locator('#model-files').setInputFiles(files);
  await chosenModel(page, IMPORTED);
});

pageTest('a folder is as good as its files', {}, async (page) => {
  await rest(page);
  await openModels(page);
  await dropPaths(page, [join(www, '../tests/fixtures/gelu-clip')]);
  await chosenModel(page, IMPORTED);
  const [{ options }] = await asked(page, 'import');
  assert.ok(options.files.includes('model.safetensors'), String(options.files));
  assert.ok(options.files.includes('config.json'));
  assert.ok(!options.files.includes('expected.json'), 'what belongs to no model stays');
  await dropPaths(page, [join(www, '../tests/fixtures/scenes')]);
  await page.waitForFunction(() => document.querySelector('#stage').dataset.encodes === '1');
});

const index = [
  { path: 'clip-b16', name: 'CLIP B/16', description: 'Photographs.', bytes: 9e7, scheme: 'q4' },
  { path: '../evil', name: 'evil' },
  { path: 'missing', name: 'gone', description: '', bytes: 1, scheme: 'q8' },
];

pageTest('models beside the page are offered; one that fails leaves the old', {}, async (page) => {
  await page.route('**/models/index.json', (route) => route.fulfill({ json: index }));
  await meadowWith(page, 'sky');
  await openModels(page);
  await page.waitForFunction(() => document.querySelectorAll('#model-list li').length === 3);
  assert.deepEqual(await modelNames(page), ['doodle', 'CLIP B/16', 'gone']);
  assert.match(await page.locator('#model-list').textContent(), /beside the page · 90 MB · q4/);
  assert.equal(await page.getByRole('button', { name: /^Delete/ }).count(), 0);
  await page.getByLabel('CLIP B/16').click();
  await page.waitForFunction(() => document.querySelector('#stage').dataset.encodes === '2');
  await legend(page, ['sky']);
  const focused = await page.evaluate(() => document.activeElement.value);
  assert.match(focused, /\/models\/clip-b16\/$/, 'the focus stays on the choice');
  await page.getByLabel('gone').click();
  await page.locator('#alert.shown').waitFor();
  assert.match(await alertText(page), /could not be downloaded/);
  assert.ok(await page.locator('#model-list input').nth(1).isChecked());
  await legend(page, ['sky']);
  assert.equal(await encodes(page), '2');
});

pageTest('an address may choose the model', { query: '?model=models/my-clip' }, async (page) => {
  await rest(page);
  assert.match((await asked(page, 'load'))[0].options.model, /\/models\/my-clip\/$/);
  await openModels(page);
  assert.equal((await modelNames(page)).length, 2);
});

pageTest('a model that is gone is given up for the built-in one', {}, async (page) => {
  await page.evaluate(() => {
    localStorage.setItem('wordmask-model', new URL('models/missing/', location.href).href);
  });
  await page.reload();
  await chosenModel(page, 'doodle');
  await rest(page);
  assert.match(await alertText(page), /^The model missing no longer lies beside the page\./);
  await page.reload();
  await rest(page);
  assert.equal(await page.locator('#alert.shown').count(), 0);
  assert.match((await asked(page, 'load'))[0].options.model, /\/models\/doodle\/$/);
});

const narrow = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };
pageTest('the models fit a narrow phone', narrow, async (page) => {
  await rest(page);
  await openModels(page);
  const [weights, ...papers] = model();
  await dropAll(page, [{ ...weights, name: `${'long'.repeat(60)}.safetensors` }, ...papers]);
  await chosenModel(page, IMPORTED);
  assert.equal(await overhang(page), 0);
});

const phone = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };
pageTest('200 words fit a narrow phone without scrolling sideways', phone, async (page) => {
  const words = Array.from(
    { length: 201 },
    (_, at) => `${at}${'w'.repeat(at % 3 === 0 ? 150 : 5)}`,
  );
  await drop(page, `${'long'.repeat(60)}.png`, meadow, 'image/png');
  await type(page, words.join(','));
  assert.equal((await chips(page)).length, 200);
  await legend(page, words.slice(0, 200));
  await drop(page, `${'long'.repeat(60)}.txt`, Buffer.from('x'), 'text/plain');
  await page.locator('#alert.shown').waitFor();
  assert.equal(await overhang(page), 0);
});

pageTest('without a list of scenes there is no strip, and nothing breaks', {}, async (page) => {
  await rest(page);
  assert.ok(await page.locator('#samples').isHidden());
});

pageTest('an address may choose the device', { query: '?device=webgpu' }, async (page) => {
  await rest(page, 'failed');
  assert.match(await alertText(page), /no WebGPU adapter/);
  await page.locator('#options summary').click();
  await page.getByLabel('CPU').check();
  await rest(page);
});

pageTest(
  'a model of another site is refused',
  { query: '?model=//evil.example/m/' },
  async (page, seen) => {
    await rest(page);
    assert.match(await alertText(page), /another site/);
    for (const { url } of seen.requests) assert.ok(url.startsWith(here.url), url);
  },
);

/** A scene of the page's own, which is the meadow. */
async function withScene(page, words = ['sky', 'sun']) {
  const scenes = [{ file: 'scene-1.png', words }];
  await page.route('**/samples/samples.json', (route) =>
    route.fulfill({ json: { scenes, words } }),
  );
  await page.route('**/samples/scene-1.png', (route) =>
    route.fulfill({ body: meadow, contentType: 'image/png' }),
  );
  await page.reload();
}

const drawings = { query: '?model=models/drawings/', viewport: { width: 1280, height: 600 } };
pageTest(
  'a photograph in a model of drawings gets a notice and no scores',
  drawings,
  async (page) => {
    await withScene(page);
    await page.locator('.sample').click();
    await legend(page, ['sky', 'sun']);
    const notice = page.locator('#photos');
    assert.ok(await notice.isHidden(), 'a scene of the page is a drawing');
    assert.match(await page.locator('#legend .score').first().textContent(), /0\.71/);

    await drop(page, 'photo.png', meadow, 'image/png');
    await notice.waitFor();
    assert.deepEqual(await chips(page), [], 'the words of the scene go with it');
    await type(page, 'sky', 'sun');
    await legend(page, ['sky', 'sun']);
    assert.deepEqual(await page.locator('#legend .score').allTextContents(), ['', '']);
    assert.ok(await page.locator('#score-help').isHidden());
    assert.match(await page.locator('#phase').textContent(), /knows no photographs/);
    await clickAt(page, 0.185, 0.185);
    await named(page);
    assert.deepEqual(await page.locator('#naming-list .score').allTextContents(), ['', '']);
    await page.keyboard.press('Escape');
    for (const part of ['#canvas', '#photos-get', '#phase']) {
      assert.ok(await inSight(page, part), part);
    }
    await page.locator('#photos-get').click();
    assert.ok(await page.locator('#models').evaluate((menu) => menu.open));

    // On a phone the reason opens on a tap.
    const reason = notice.locator('p');
    assert.ok(await reason.isVisible());
    await page.setViewportSize({ width: 390, height: 844 });
    await reason.waitFor({ state: 'hidden' });
    await notice.locator('summary').click();
    await reason.waitFor();
    assert.ok(await inSight(page, '#photos p'));
  },
);

pageTest('a word that the model does not know says so, with the nearest one', {}, async (page) => {
  await rest(page);
  await type(page, 'sky', 'blorb', 'blorb sun');
  const marks = page.locator('#chips .mark');
  assert.deepEqual(await marks.allTextContents(), ['unknown', 'unknown: sun?']);
  await page.getByRole('button', { name: 'Replace blorb sun by sun' }).click();
  assert.deepEqual(await chips(page), ['sky', 'blorb', 'sun']);
});

pageTest('words that the model does not know are left out of the masks', {}, async (page) => {
  await rest(page);
  await type(page, 'blorb', 'sky', 'blorb grass');
  await drop(page, 'meadow.png', meadow, 'image/png');
  await legend(page, ['sky', 'blorb', 'blorb grass']);
  assert.deepEqual((await asked(page, 'segment')).at(-1).words, ['sky']);
  const unknown = page.locator('#legend .row.unknown');
  assert.deepEqual(await unknown.locator('.why').allTextContents(), ['unknown', 'unknown']);
  const tinted = await page
    .locator('#chips .chip')
    .evaluateAll((all) => all.map((chip) => chip.matches('.tinted')));
  assert.deepEqual(tinted, [false, true, false]);
  await clickAt(page, 0.5, 0.2);
  await named(page);
  assert.deepEqual((await asked(page, 'classify')).at(-1).words, ['sky']);

  const before = (await asked(page, 'segment')).length;
  await page.locator('#options summary').click();
  await page.getByLabel('Own words').check();
  await page.locator('#background-words').fill('blorb, grass');
  assert.deepEqual((await lastOptions(page, before)).background, ['grass']);
  assert.match(await page.locator('#background-unknown').textContent(), /left out: blorb/);
});

pageTest(
  'where no word is known nothing is painted, and the stage says what to do',
  {},
  async (page) => {
    await meadowWith(page, 'sky');
    const advice = page.locator('#none-known');
    assert.ok(await advice.isHidden());
    await page.getByRole('button', { name: 'Remove sky' }).click();
    await type(page, 'blorb', 'blorb sky');
    await advice.waitFor();
    await rest(page);
    assert.equal((await asked(page, 'segment')).length, 1);
    assert.deepEqual(await colorAt(page, 0.6, 0.25), SKY);
    assert.ok(await page.locator('#masks').isHidden());
    assert.match(await page.locator('#phase').textContent(), /No masks/);
    await page.locator('#none-known-get').click();
    assert.ok(await page.locator('#models').evaluate((menu) => menu.open));
    await advice.getByRole('button', { name: 'Replace blorb sky by sun' }).click();
    await legend(page, ['sun', 'blorb']);
    assert.ok(await advice.isHidden());
  },
);

pageTest(
  'words, picture and method come back after a reload, and are forgotten',
  {},
  async (page) => {
    await meadowWith(page, 'sky', 'tv/monitor');
    await page.locator('#options summary').click();
    await page.locator('#method').selectOption('NACLIP');
    await legend(page, ['sky', 'tv/monitor']);
    const { search } = new URL(page.url());
    assert.equal(search, '?method=naclip&words=sky,tv/monitor');
    await page.locator('#kept').waitFor();
    await page.reload();
    await legend(page, ['sky', 'tv/monitor']);
    assert.equal(await page.locator('#method').inputValue(), 'naclip');
    assert.ok(await page.locator('#kept').isVisible());
    // A later visit has no words in its address.
    await page.goto(here.url);
    await legend(page, ['sky', 'tv/monitor']);
    await Promise.all([page.waitForNavigation(), page.locator('#forget').click()]);
    await rest(page);
    assert.deepEqual(await chips(page), []);
    assert.ok(await page.locator('#canvas').isHidden());
    assert.deepEqual(await page.evaluate(() => caches.keys()), []);
  },
);

pageTest('of two pages the one that is worked on last comes back', {}, async (page) => {
  const keptName = () =>
    page.evaluate(async () => {
      const kept = await caches.match('https://wordmask.invalid/picture');
      return kept?.headers.get('x-wordmask-name');
    });
  await meadowWith(page, 'sky');
  const other = await page.context().newPage();
  await until(async () => (await keptName()) === 'meadow.png');
  await other.goto(here.url);
  await legend(other, ['sky']);
  const lawn = png(10, 10, () => GRASS);
  await drop(other, 'lawn.png', lawn, 'image/png');
  await until(async () => (await keptName()) === 'lawn.png');
  await type(page, 'sun');
  await until(async () => (await keptName()) === 'meadow.png');
  await other.goto(here.url);
  await legend(other, ['sky', 'sun']);
  assert.match(await other.locator('#legend .share').first().textContent(), /^48/);
});

/** A camera that shows one colour, or refuses. */
const camera = (page, refusal) =>
  page.evaluate((name) => {
    globalThis.stopped = 0;
    navigator.mediaDevices.getUserMedia = async () => {
      if (name) throw new DOMException('no', name);
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [64, 48];
      const context = canvas.getContext('2d');
      context.fillStyle = 'rgb(110 180 80)';
      // A canvas that nobody paints on gives no frame to a stream that is asked for later.
      const paint = setInterval(() => context.fillRect(0, 0, 64, 48), 50);
      const stream = canvas.captureStream(10);
      const [track] = stream.getTracks();
      const stop = track.stop.bind(track);
      track.stop = () => {
        clearInterval(paint);
        globalThis.stopped++;
        stop();
      };
      return stream;
    };
  }, refusal);

pageTest('the camera gives a still, is let go of, and may be refused', {}, async (page) => {
  await rest(page);
  await type(page, 'grass');
  await camera(page, 'NotAllowedError');
  await page.locator('#camera-open').click();
  await page.waitForFunction(() =>
    /may not be used/.test(document.querySelector('#camera-note').textContent),
  );
  await page.keyboard.press('Escape');
  await camera(page);
  await page.locator('#camera-open').click();
  await page.locator('#camera-take:enabled').waitFor();
  await page.locator('#camera-cancel').click();
  // The browser tells of a closed dialog a little later.
  await page.waitForFunction(() => globalThis.stopped === 1);
  await page.locator('#camera-open').click();
  await page.locator('#camera-take:enabled').click();
  await legend(page, ['grass']);
  await page.waitForFunction(() => globalThis.stopped === 2);
});

/** The lowest pixel of each, and whether the highest is in the window. */
const inSight = (page, selector) =>
  page.evaluate((wanted) => {
    const { top, bottom } = document.querySelector(wanted).getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  }, selector);

const low = { viewport: { width: 1280, height: 600 } };
pageTest('a low window shows picture, progress, Stop and result at once', low, async (page) => {
  await hold(page);
  await type(page, 'sky', 'sun');
  const tall = png(80, 200, () => SKY);
  await drop(page, 'tall.png', tall, 'image/png');
  await page.locator('#sharpness').waitFor();
  for (const part of ['#canvas', '#phase', '#progress', '#go', '#word']) {
    assert.ok(await inSight(page, part), part);
  }
  await release(page);
  await legend(page, ['sky', 'sun']);
  for (const part of ['#canvas', '#phase']) assert.ok(await inSight(page, part), part);
});

const small = { viewport: { width: 390, height: 600 }, hasTouch: true, isMobile: true };
pageTest('on a phone the picture stays in sight beside 40 words', small, async (page) => {
  await meadowWith(page, 'sky');
  await page.locator('#word').focus();
  const words = Array.from({ length: 40 }, (_, at) => `word ${at}`);
  await type(page, words.join(','));
  await legend(page, ['sky', ...words]);
  for (const part of ['#canvas', '#word']) assert.ok(await inSight(page, part), part);
  assert.equal(
    await page.locator('#stage').evaluate((stage) => stage.getBoundingClientRect().top),
    8,
  );
  await page.locator('#legend input').last().scrollIntoViewIfNeeded();
  await page.locator('#legend input').last().uncheck();
  assert.ok(await inSight(page, '#canvas'));
  assert.equal(await overhang(page), 0);
});

const tables = ({ requests }) =>
  requests.map(({ url }) => /\/(\w\w)-\w+\.js$/.exec(url)?.[1]).filter(Boolean);

pageTest(
  'the page speaks the language of its reader, with one table',
  { locale: 'de-CH' },
  async (page, seen) => {
    await meadowWith(page, 'sky', 'sun');
    assert.deepEqual(tables(seen), ['de']);
    assert.equal(await page.getAttribute('html', 'lang'), 'de');
    assert.match(await page.locator('#phase').textContent(), /^Gefunden: sky 48[.,]0.?% und sun/);
    await drop(page, 'meadow.txt', Buffer.from('x'), 'text/plain');
    await page.getByRole('button', { name: 'Meldung schließen' }).click();
    await type(page, 'sky');
    assert.match(await page.locator('#notice').textContent(), /„sky“ ist schon da/);
  },
);

/** What of a block is drawn beside it. */
const besideBlocks = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.top, .sight, .tools, .block, footer')].flatMap((block) => {
      const { left, right } = block.getBoundingClientRect();
      return [...block.querySelectorAll('*')]
        .filter((node) => node.checkVisibility() && !node.matches('.apart, svg *'))
        .filter((node) => {
          const box = node.getBoundingClientRect();
          return box.left < left - 1 || box.right > right + 1;
        })
        .map(({ outerHTML }) => outerHTML.slice(0, 120));
    }),
  );

const hand = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
pageTest('every language fits a phone and a desktop', hand, async (page) => {
  await withScene(page, ['sky', 'grass', 'sun', 'house']);
  await page.locator('.sample').click();
  await legend(page, ['sky', 'grass', 'sun', 'house']);
  const gap = await page.evaluate(async () => {
    document.querySelector('#phase').textContent = 'Found this and that. '.repeat(9);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const [sight, tools] = ['.sight', '.tools'].map((part) =>
      document.querySelector(part).getBoundingClientRect(),
    );
    return tools.top - sight.bottom;
  });
  assert.ok(gap >= 0, 'what follows the picture slips under it');
  for (const menu of ['#models', '#options']) await page.locator(`${menu} > summary`).click();
  const languages = await page
    .locator('#language option')
    .evaluateAll((all) => all.map(({ value }) => value));
  assert.equal(languages.length, 8);
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 844 });
    for (const language of languages) {
      await page.locator('#language').selectOption(language);
      await page.waitForFunction((code) => document.documentElement.lang === code, language);
      assert.deepEqual(await besideBlocks(page), [], `${language} at ${width}`);
      assert.equal(await overhang(page), 0, `${language} at ${width}`);
    }
  }
});

pageTest('another language is chosen while masks are shown, and stays', {}, async (page, seen) => {
  await meadowWith(page, 'sky');
  const lines = async () => (await page.locator('main').innerText()).split('\n');
  const first = await lines();
  await page.locator('#language').selectOption('العربية');
  await page.waitForFunction(() => document.documentElement.dir === 'rtl');
  assert.deepEqual(tables(seen), ['en', 'ar']);
  assert.match(await page.locator('#phase').textContent(), /^عُثر على: sky/);
  assert.equal(await page.locator('#go').textContent(), 'إعادة');
  assert.equal(await overhang(page), 0);
  // What is still in Latin letters is a name, or English whatever the language.
  const now = new Set(await lines());
  const same = first.filter((line) => line.trim() !== '' && now.has(line));
  const names = /^(×|sky|[\d.]+%?|SVG|COCO|GeoJSON|doodle|CPU|The CPU was chosen.*)$/;
  assert.deepEqual(
    same.filter((line) => !names.test(line)),
    [],
  );
  assert.equal(await encodes(page), '1');
  await page.reload();
  await rest(page);
  assert.equal(await page.getAttribute('html', 'lang'), 'ar');
  await drop(page, 'meadow.png', meadow, 'image/png');
  await page.locator('#options summary').click();
  await page.getByLabel('WebGPU').click();
  await page.locator('#alert.shown').waitFor();
  // A sentence of the engine is English, and said to be.
  const [frame, told] = await page.locator('#alert p').all();
  assert.match(await frame.textContent(), /بالإنجليزية/);
  assert.match(await told.textContent(), /no WebGPU adapter/);
  assert.deepEqual(
    [await told.getAttribute('lang'), await told.getAttribute('dir')],
    ['en', 'ltr'],
  );
});

for (const colorScheme of ['light', 'dark']) {
  pageTest(`text stands out in ${colorScheme} mode`, { colorScheme }, async (page) => {
    await meadowWith(page, 'sky', 'grass');
    const contrast = await page.evaluate(() => {
      const light = (color) => {
        const channels = color
          .match(/[\d.]+/g)
          .slice(0, 3)
          .map(Number);
        const [r, g, b] = channels
          .map((value) => value / 255)
          .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = light(getComputedStyle(document.body).backgroundColor);
      return ['h1', '#phase', '#device', 'footer p', '.promise'].map((selector) => {
        const ink = light(getComputedStyle(document.querySelector(selector)).color);
        return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
      });
    });
    for (const ratio of contrast) assert.ok(ratio >= 4.5, `contrast ${contrast}`);
  });
}
