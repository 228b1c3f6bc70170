/** The built page, `www/dist`, in a real browser with the real engine and the built-in model. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import {
  alertText,
  chips,
  download as downloaded,
  drop,
  encodes,
  legend,
  overhang,
  png,
  rest,
  site,
} from './browser.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const PNG_HEAD = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

const list = JSON.parse(readFileSync(join(dist, 'samples/samples.json'), 'utf8'));
const scene = list.scenes[0];
const sceneFile = readFileSync(join(dist, 'samples', scene.file));

const here = site(dist);

/** Runs a test with a page of its own on the CPU unless told otherwise. */
const pageTest = (name, options, body) =>
  here.pageTest(name, { query: '?device=cpu', ...options }, body);

async function firstScene(page) {
  await page.locator('.sample').first().click();
  await legend(page, scene.words);
}

const shares = async (page) => {
  const texts = await page.locator('#legend .row:not(.rest) .share').allTextContents();
  return texts.map((text) => Number.parseFloat(text.replace(/[^\d.]/g, '')));
};

/** The file that a button gives. */
const download = (page, button) => downloaded(page, () => button.click());

const openOptions = (page) =>
  page.locator('#options').evaluate((options) => {
    options.open = true;
  });

/** One scene, segmented once, with all that its masks are good for. */
const next = here.story({ query: '?device=cpu' }, firstScene);

next('a scene and its words give masks', async (page) => {
  const found = (await shares(page)).filter((share) => share > 0);
  assert.ok(found.length >= 1, 'at least one word was found');
  assert.ok(found.reduce((sum, share) => sum + share) <= 100.5);
  assert.match(
    await page.locator('#device-how').textContent(),
    /^CPU.* · encoded in .* · masks in /,
  );
  assert.ok(await page.locator('.chip.tinted').count());
});

next('the label map that is downloaded has more than one label', async (page) => {
  const { bytes } = await download(page, page.getByRole('button', { name: 'Label PNG' }));
  const distinct = await page.evaluate(async (base64) => {
    const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([data], { type: 'image/png' }));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const pixels = new Uint32Array(
      context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer,
    );
    return new Set(pixels).size;
  }, bytes.toString('base64'));
  assert.ok(distinct > 1);
});

next('every download is a valid file', async (page) => {
  for (const name of ['Label PNG', 'Overlay PNG']) {
    const { name: file, bytes } = await download(page, page.getByRole('button', { name }));
    assert.match(file, /^scene-1-\w+\.png$/);
    assert.deepEqual([...bytes.subarray(0, 8)], PNG_HEAD);
  }
  const cutout = await download(page, page.locator('.cutout:enabled').first());
  assert.deepEqual([...cutout.bytes.subarray(0, 8)], PNG_HEAD);
  const geo = await download(page, page.getByRole('button', { name: 'GeoJSON' }));
  assert.equal(JSON.parse(geo.bytes.toString()).type, 'FeatureCollection');
  const svg = await download(page, page.getByRole('button', { name: 'SVG', exact: true }));
  assert.match(svg.bytes.toString(), /<svg[\s>]/);
  await page.locator('#datasets summary').click();
  const dataset = (name) => download(page, page.getByRole('button', { name, exact: true }));
  const coco = await dataset('COCO');
  assert.equal(coco.name, 'scene-1-coco.json');
  assert.ok(Array.isArray(JSON.parse(coco.bytes.toString()).annotations));
  const yolo = await dataset('YOLO');
  assert.equal(yolo.name, 'scene-1-yolo.zip');
  assert.deepEqual(Object.keys(unzipSync(yolo.bytes)), ['labels/scene-1.txt', 'data.yaml']);
});

next('a region of the picture gets the best of the words', async (page) => {
  const named = async () => {
    await page.locator('#naming-list li').first().waitFor();
    const names = await page.locator('#naming-list .name').allTextContents();
    const scores = (await page.locator('#naming-list .score').allTextContents()).map(Number);
    assert.equal(names.length, Math.min(3, scene.words.length));
    assert.ok(names.every((name) => scene.words.includes(name)));
    assert.deepEqual(
      scores,
      scores.slice().sort((a, b) => b - a),
    );
    assert.ok(scores[0] > 0 && scores.reduce((sum, score) => sum + score) < 1.02, String(scores));
    const share = await page.locator('#naming-title').textContent();
    assert.match(share, /^This region · .*%$/);
  };
  await page.locator('#canvas').click();
  await named();
  await page.keyboard.press('Escape');
  await page.locator('#naming').waitFor({ state: 'hidden' });
  await page.locator('#aim').focus();
  await page.keyboard.press('Enter');
  for (let step = 0; step < 8; step++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await named();
  for (let step = 0; step < 2; step++) await page.keyboard.press('Escape');
  assert.equal(await encodes(page), '1');
});

next('what is painted is downloaded, and what is undone is not', async (page) => {
  const file = async (name) =>
    (await download(page, page.getByRole('button', { name, exact: true }))).bytes;
  const [before, found] = [await file('Label PNG'), await shares(page)];
  await page.locator('#tool-brush').click();
  const box = await page.locator('#canvas').boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.1, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, y, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction(
    (share) => Number.parseFloat(document.querySelector('#legend .share').textContent) > share,
    found[0],
  );
  assert.notDeepEqual(await file('Label PNG'), before);
  const area = (coco, id) =>
    JSON.parse(coco)
      .annotations.filter(({ category_id: of }) => of === id)
      .reduce((sum, one) => sum + one.area, 0);
  const painted = await file('COCO');
  await page.keyboard.press('Control+z');
  await page.waitForFunction(
    (share) => Number.parseFloat(document.querySelector('#legend .share').textContent) === share,
    found[0],
  );
  assert.deepEqual(await file('Label PNG'), before);
  const [{ id }] = JSON.parse(painted).categories;
  assert.ok(area(painted, id) > area(await file('COCO'), id));
  await page.locator('#tool-look').click();
});

next('in a narrow window nothing has to be scrolled sideways', async (page) => {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 844 });
  await openOptions(page);
  assert.equal(await overhang(page), 0);
  await page.setViewportSize(before);
});

next('dark mode is dark', async (page) => {
  await page.emulateMedia({ colorScheme: 'dark' });
  const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.ok(
    ground.match(/\d+/g).every((channel) => Number(channel) < 40),
    ground,
  );
});

const METHODS = ['maskclip', 'clearclip', 'sclip', 'naclip', 'pearl', 'scclip'];
METHODS.push('two-stage', 'clip-diy');

next('every method makes masks, without encoding again', async (page) => {
  await openOptions(page);
  await page.locator('input[name="refine"][value="own"]').check();
  // Each changes which are checked.
  const checked = page.locator('#refinements input:checked');
  while ((await checked.count()) > 0) await checked.first().uncheck();
  assert.match(await page.locator('#method option').first().textContent(), /^Automatic: \w/);
  const answers = new Set();
  for (const method of METHODS) {
    await page.locator('#method').selectOption(method);
    await rest(page);
    const found = await shares(page);
    assert.ok(
      found.some((share) => share > 0),
      method,
    );
    answers.add(found.join());
  }
  assert.ok(answers.size > METHODS.length / 2, `only ${answers.size} different answers`);
  assert.equal(await encodes(page), '1');
  assert.equal(await alertText(page), '');
});

next('options change the masks without encoding again', async (page) => {
  await openOptions(page);
  await page.locator('#threshold').fill('1');
  await page.waitForFunction(() =>
    [...document.querySelectorAll('#legend .row')].some((row) => row.matches('.absent')),
  );
  await page.locator('#threshold').fill('0');
  await page.locator('#method').selectOption('naclip');
  await page.getByLabel('Own choice').check();
  for (const step of ['Prompt denoising', 'Key smoothing', 'TLP', 'PAMR']) {
    await page.getByLabel(step, { exact: true }).check();
  }
  await page.getByLabel('Own words').check();
  await page.locator('#background-words').fill('wall, floor');
  await rest(page);
  assert.equal(await encodes(page), '1');
  assert.equal(await alertText(page), '');
});

next('a new word makes new masks without encoding again', async (page) => {
  await page.locator('#word').fill('purple beetle');
  await page.keyboard.press('Enter');
  await legend(page, [...scene.words, 'purple beetle']);
  assert.equal(await encodes(page), '1');
});

next('strange words do no harm', async (page) => {
  const before = await chips(page);
  const strange = ['__proto__', '🐈', 'tv/monitor/screen', 'Straße'];
  for (const word of [...strange, 'x'.repeat(10_000)]) {
    await page.locator('#word').fill(word);
    await page.keyboard.press('Enter');
  }
  assert.match(await page.locator('#notice').textContent(), /10,000 letters/);
  assert.deepEqual(await chips(page), [...before, ...strange]);
  await page.waitForFunction(
    (count) => document.querySelectorAll('#legend .row:not(.rest)').length === count,
    before.length + strange.length,
  );
});

pageTest('a dropped scene works like a clicked one, words by keyboard alone', {}, async (page) => {
  await drop(page, 'my scene.png', sceneFile, 'image/png');
  await page.locator('#word').focus();
  for (const word of scene.words) {
    await page.keyboard.type(word);
    await page.keyboard.press('Enter');
  }
  await legend(page, scene.words);
  assert.ok((await shares(page)).some((share) => share > 0));
  assert.equal(await encodes(page), '1');
});

pageTest(
  'broken files are refused with a sentence, and the next picture works',
  {},
  async (page) => {
    const broken = [
      ['notes.txt', Buffer.from('This is no picture.'), 'text/plain'],
      ['empty.png', Buffer.alloc(0), 'image/png'],
      ['fake.png', Buffer.from('This is no picture.'), 'image/png'],
      ['half.png', sceneFile.subarray(0, sceneFile.length >> 1), 'image/png'],
    ];
    await rest(page);
    for (const [name, bytes, type] of broken) {
      await drop(page, name, bytes, type);
      await page.locator('#alert.shown').waitFor();
      assert.match(await alertText(page), /[.!]/, name);
      await page.getByRole('button', { name: 'Close the message' }).click();
    }
    await firstScene(page);
    assert.equal(await alertText(page), '');
  },
);

pageTest('Stop stops the encoding, and Run again goes on', {}, async (page) => {
  await rest(page);
  await page.locator('#word').fill(scene.words[0]);
  await page.keyboard.press('Enter');
  // Stop as soon as the button is there: the encoding of a small scene is short.
  await page.evaluate(() => {
    const watch = new MutationObserver(() => {
      const button = document.querySelector('#go');
      if (!button.hidden && button.textContent === 'Stop') {
        watch.disconnect();
        button.click();
      }
    });
    watch.observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  await drop(page, 'scene.png', sceneFile, 'image/png');
  await rest(page, 'stopped');
  assert.equal(await encodes(page), '0');
  await page.getByRole('button', { name: 'Run again' }).click();
  await legend(page, [scene.words[0]]);
});

const diy = { query: '?device=cpu&method=clip-diy' };
pageTest('CLIP-DIY shows coarse masks that sharpen', diy, async (page) => {
  await rest(page);
  await page.locator('#options summary').click();
  await page.locator('input[name="crops"][value="59"]').check();
  // The shares with each mark, as they come.
  await page.evaluate(() => {
    globalThis.coarse = [];
    const legend = document.querySelector('#legend');
    new MutationObserver(() => {
      const mark = document.querySelector('#sharpness');
      if (!mark.hidden) globalThis.coarse.push([mark.textContent, legend.textContent]);
    }).observe(legend, { childList: true });
  });
  await firstScene(page);
  const coarse = await page.evaluate(() => globalThis.coarse);
  assert.ok(coarse.length >= 2, `${coarse.length} coarse answers`);
  assert.ok(coarse.every(([mark]) => mark === 'sharpening…'));
  assert.notEqual(coarse[0][1], await page.locator('#legend').textContent());
  assert.ok(await page.locator('#sharpness').isHidden());
});

pageTest('a picture of one colour and one of a single pixel do no harm', {}, async (page) => {
  await page.locator('#word').fill(scene.words[0]);
  await page.keyboard.press('Enter');
  for (const [at, side] of [64, 1].entries()) {
    await drop(
      page,
      'plain.png',
      png(side, side, () => [90, 160, 80]),
      'image/png',
    );
    await page.waitForFunction((count) => {
      const { state, encodes: done } = document.querySelector('#stage').dataset;
      return state === 'failed' || (state === 'done' && Number(done) === count);
    }, at + 1);
  }
  const before = await encodes(page);
  await page.locator('.sample').first().click();
  await page.waitForFunction(
    (count) => document.querySelector('#stage').dataset.encodes !== count,
    before,
  );
  await legend(page, [scene.words[0]]);
});

// Last, and with one word and no background: a software adapter takes its time over every name.
pageTest(
  'WebGPU gives masks where it is asked for',
  { query: '?device=webgpu&method=maskclip' },
  async (page) => {
    const [word] = scene.words;
    await page.locator('#options summary').click();
    await page.locator('input[name="background"][value="none"]').check();
    await drop(page, 'scene.png', sceneFile, 'image/png');
    await page.locator('#word').fill(word);
    await page.keyboard.press('Enter');
    await legend(page, [word], 600_000);
    assert.match(await page.locator('#device-how').textContent(), /^WebGPU/);
    assert.ok((await shares(page)).some((share) => share > 0));
  },
);
