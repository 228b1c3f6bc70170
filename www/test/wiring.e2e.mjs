/**
 * The page in a real browser with a stand-in for the engine (`fake-wordmask.ts`) that finds drawn
 * colours by name: what the page does with words, pictures, errors and views, exactly and fast.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { serve } from '../../scripts/serve.mjs';
import {
  alertText,
  chips,
  drop,
  encodes,
  launch,
  legend,
  open,
  overhang,
  png,
  rest,
} from './browser.mjs';

const www = fileURLToPath(new URL('..', import.meta.url));
const SKY = [150, 205, 240];
const GRASS = [110, 180, 80];
const SUN = [250, 210, 60];
/** Sky above, grass below, a square sun at the left: 48 %, 50 % and 2 % of 100 x 80 pixels. */
const meadow = png(100, 80, (x, y) => {
  if (y >= 40) return GRASS;
  return x >= 10 && x < 26 && y >= 10 && y < 20 ? SUN : SKY;
});

let folder;
let server;
let browser;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wordmask-page-'));
  for (const name of ['index.html', 'style.css', 'icon.svg']) {
    cpSync(join(www, name), join(folder, name));
  }
  await build({
    entryPoints: [join(www, 'src/main.ts')],
    outfile: join(folder, 'main.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    alias: { wordmask: join(www, 'test/fake-wordmask.ts') },
    logLevel: 'error',
  });
  server = await serve(folder, { port: 0 });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a test with a page of its own, which must end without a fault. */
function pageTest(name, options, body) {
  test(name, async () => {
    const { page, seen, close } = await open(browser, server.url, options);
    try {
      await body(page, seen);
      assert.deepEqual(seen.faults, []);
    } finally {
      await close();
    }
  });
}

async function type(page, ...words) {
  for (const word of words) {
    await page.locator('#word').fill(word);
    await page.keyboard.press('Enter');
  }
}

async function meadowWith(page, ...words) {
  await drop(page, 'meadow.png', meadow, 'image/png');
  await type(page, ...words);
  await legend(page, words);
}

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
    const focused = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    assert.equal(focused, 'Remove a');
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
  await drop(page, 'meadow.png', meadow, 'image/png');
  await type(page, ...strange);
  await legend(page, strange);
  await type(page, 'x'.repeat(10_000));
  assert.deepEqual(await chips(page), strange);
  assert.match(await page.locator('#notice').textContent(), /10000 letters/);
});

pageTest('the legend tells the share of each class and of the rest', {}, async (page) => {
  await meadowWith(page, 'sky', 'grass', 'unicorn');
  const shares = await page.locator('#legend .share').allTextContents();
  const plain = shares.map((share) => share.replace(/\u00a0/g, ' ').replace(' of the picture', ''));
  assert.deepEqual(plain, ['48.0 %', '50.0 %', '0 %', '2.0 %']);
  assert.ok(await page.locator('#legend .row').nth(2).locator('.cutout').isDisabled());
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
  await drop(page, 'meadow.png', meadow, 'image/png');
  await rest(page, 'busy');
  const button = page.locator('#go');
  await button.focus();
  await page.keyboard.press('Enter');
  await rest(page, 'stopped');
  assert.equal(await encodes(page), '0');
  assert.equal(await button.textContent(), 'Run again');
  await page.keyboard.press('Enter');
  await legend(page, ['sky']);
  assert.equal(await encodes(page), '1');
});

pageTest('the picture that was chosen last wins', {}, async (page) => {
  await type(page, 'grass');
  await drop(page, 'meadow.png', meadow, 'image/png');
  await rest(page, 'busy');
  await drop(
    page,
    'lawn.png',
    png(10, 10, () => GRASS),
    'image/png',
  );
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
  await page.locator('summary').click();
  await page.getByLabel('WebGPU').check();
  await page.locator('#alert.shown').waitFor();
  assert.match(await alertText(page), /no WebGPU adapter/);
  assert.ok(await page.getByLabel('Automatic').first().isChecked());
  await legend(page, ['sky']);
  assert.equal(await encodes(page), '1');
});

pageTest('another device loads anew and encodes again', {}, async (page) => {
  await meadowWith(page, 'sky');
  await page.locator('summary').click();
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
  await page.locator('summary').focus();
  await page.keyboard.press('Enter');
  await page.locator('.skip').focus();
  const reached = [];
  for (let step = 0; step < 60; step++) {
    const now = await page.evaluate(() => {
      const { activeElement: at } = document;
      const seen = at.id === 'file' || at.id === 'word' ? at.closest('.chooser, .field') : at;
      const ring = seen.matches('.chooser') ? seen.querySelector('label') : seen;
      return {
        name: at.id || at.dataset.download || at.value || at.className || at.tagName,
        ring: getComputedStyle(ring).outlineStyle,
      };
    });
    if (now.name === 'BODY') break;
    assert.equal(now.ring, 'solid', `no focus ring on ${now.name}`);
    reached.push(now.name);
    await page.keyboard.press('Tab');
  }
  const order = ['skip', 'canvas', 'file', 'go', 'close', 'word', 'opacity', 'original', 'on'];
  order.push('cutout', 'labels', 'overlay', 'svg', 'coco', 'geojson', 'SUMMARY', 'auto', 'auto');
  order.push('key-smoothing', 'prompt-denoising', 'threshold');
  assert.deepEqual(reached, order);
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
  await page.locator('summary').click();
  await page.getByLabel('CPU').check();
  await rest(page);
});

pageTest(
  'a model of another site is refused',
  { query: '?model=//evil.example/m/' },
  async (page, seen) => {
    await rest(page);
    assert.match(await alertText(page), /another site/);
    for (const { url } of seen.requests) assert.ok(url.startsWith(server.url), url);
  },
);

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
