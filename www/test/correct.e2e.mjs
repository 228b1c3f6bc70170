/** Correcting masks, undo and redo, zoom, and before and after, on the page with a stand-in for the engine. */
import assert from 'node:assert/strict';
import { unzipSync } from 'fflate';
import { download as downloaded, drop, legend, overhang, png, rest, site } from './browser.mjs';
import { buildFakePage } from './fake-page.mjs';

const SKY = [150, 205, 240];
const GRASS = [110, 180, 80];
const [WIDTH, HEIGHT] = [200, 160];
/** Sky above, grass below. */
const meadow = png(WIDTH, HEIGHT, (_, y) => (y < HEIGHT / 2 ? SKY : GRASS));

const here = site(buildFakePage);

async function type(page, words) {
  await page.locator('#word').fill(words);
  await page.keyboard.press('Enter');
}

async function begin(page) {
  await type(page, 'sky,grass');
  await drop(page, 'meadow.png', meadow, 'image/png');
  await legend(page, ['sky', 'grass']);
}

const shareIs = (page, row, share) =>
  page.waitForFunction(
    ([at, wanted]) =>
      document.querySelectorAll('#legend .share')[at].textContent.startsWith(wanted),
    [row, share],
  );

/** The file that a button gives, with its name. */
const download = (page, name) =>
  downloaded(page, () => page.getByRole('button', { name, exact: true }).press('Enter'));

/** The labels that are downloaded. */
const labels = async (page) => (await download(page, 'Label PNG')).bytes;

/** Where a point of the shown picture, given as parts of its size, is in the window. */
async function at(page, x, y) {
  const box = await page.locator('#canvas').boundingBox();
  return [box.x + x * box.width, box.y + y * box.height];
}

async function drag(page, ...points) {
  for (const [index, [x, y]] of points.entries()) {
    await page.mouse.move(...(await at(page, x, y)), { steps: index === 0 ? 1 : 6 });
    if (index === 0) await page.mouse.down();
  }
  await page.mouse.up();
}

here.pageTest('a click or Enter on a row says to which class a tool adds', {}, async (page) => {
  await begin(page);
  const grass = page.locator('#legend li').nth(1);
  const current = () =>
    page
      .locator('#legend li')
      .evaluateAll((rows) => rows.findIndex((row) => row.ariaCurrent === 'true'));
  assert.equal(await current(), -1);
  await grass.locator('.name').click();
  assert.ok(!(await grass.locator('input').isChecked()));
  await grass.locator('.name').click();
  await page.locator('#tool-brush').click();
  assert.equal(await current(), 0);
  await grass.locator('.name').click();
  assert.equal(await current(), 1);
  assert.ok(await grass.locator('input').isChecked());
  assert.equal(await page.locator('#target').inputValue(), 'grass');
  await page.locator('#legend input').first().press('Enter');
  assert.equal(await current(), 0);
  await page.keyboard.press('Space');
  assert.ok(!(await page.locator('#legend input').first().isChecked()));
  await page.locator('#tool-look').click();
  assert.equal(await current(), -1);
});

/** The colour of the canvas at a point given as parts of its size. */
const colorAt = (page, x, y) =>
  page.evaluate(
    async ([left, top]) => {
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const canvas = document.querySelector('#canvas');
      const point = [Math.floor(left * canvas.width), Math.floor(top * canvas.height), 1, 1];
      return [
        ...canvas
          .getContext('2d')
          .getImageData(...point)
          .data.slice(0, 3),
      ];
    },
    [x, y],
  );

const undo = (page) => page.keyboard.press('Control+z');
const redo = (page) => page.keyboard.press('Control+Shift+Z');

const next = here.story({}, begin);

next('a region is given to a class, and taken away with the switch or Alt', async (page) => {
  const before = await labels(page);
  await page.locator('#tool-region').click();
  await page.locator('#target').selectOption('grass');
  await page.mouse.click(...(await at(page, 0.5, 0.2)));
  await shareIs(page, 1, '100');
  assert.ok((await labels(page)).every((label) => label === 1));
  await page.locator('#canvas').click({ modifiers: ['Alt'], position: { x: 9, y: 9 } });
  await shareIs(page, 1, '50');
  await page.locator('#take-away').check();
  const below = await at(page, 0.5, 0.9);
  await page.mouse.click(...below);
  await shareIs(page, 1, '0');
  assert.ok((await labels(page)).every((label) => label === 255));
  await page.locator('#take-away').uncheck();
  for (const share of ['50', '100', '50']) {
    await undo(page);
    await shareIs(page, 1, share);
  }
  assert.deepEqual(await labels(page), before);
});

next('a stroke is one step, survives a new word, and goes back and forth', async (page) => {
  const before = await labels(page);
  await page.locator('#tool-brush').click();
  await drag(page, [0.2, 0.25], [0.5, 0.25], [0.8, 0.25]);
  await page.waitForFunction(
    () => Number.parseFloat(document.querySelectorAll('#legend .share')[1].textContent) > 50,
  );
  const painted = await labels(page);
  assert.equal(painted[0.25 * HEIGHT * WIDTH + 0.5 * WIDTH], 1);
  assert.equal(painted[0.05 * HEIGHT * WIDTH + 0.5 * WIDTH], 0);
  await type(page, 'sun');
  await legend(page, ['sky', 'grass', 'sun']);
  assert.deepEqual(await labels(page), painted);
  await page.getByRole('button', { name: 'Remove sky' }).click();
  await legend(page, ['grass', 'sun']);
  assert.deepEqual(
    await labels(page),
    painted.map((label) => (label === 1 ? 0 : 255)),
  );
  await page.locator('#legend input').first().uncheck();
  // The switch, the word that went, the word that came, the stroke.
  await undo(page);
  assert.ok(await page.locator('#legend input').first().isChecked());
  await undo(page);
  await legend(page, ['sky', 'grass', 'sun']);
  await undo(page);
  await legend(page, ['sky', 'grass']);
  assert.deepEqual(await labels(page), painted);
  await page.locator('#undo').click();
  await shareIs(page, 1, '50');
  assert.deepEqual(await labels(page), before);
  assert.equal(await page.locator('#undo').getAttribute('aria-disabled'), 'true');
  await redo(page);
  await page.waitForFunction(
    () => Number.parseFloat(document.querySelectorAll('#legend .share')[1].textContent) > 50,
  );
  assert.deepEqual(await labels(page), painted);
});

next('every download has what was painted, of several files as one ZIP', async (page) => {
  const painted = await labels(page);
  assert.equal(painted[0.25 * HEIGHT * WIDTH + 0.5 * WIDTH], 1, 'there is a stroke');
  await page.locator('#datasets summary').press('Enter');
  const { name, bytes } = await download(page, 'YOLO');
  assert.equal(name, 'meadow-yolo.zip');
  const dataset = unzipSync(bytes);
  assert.deepEqual(Object.keys(dataset), ['labels/meadow.png', 'yolo.json']);
  assert.deepEqual(Buffer.from(dataset['labels/meadow.png']), painted);
  assert.equal((await download(page, 'COCO RLE')).name, 'meadow-coco-rle.json');
  const cutouts = await download(page, 'Cut-outs');
  assert.equal(cutouts.name, 'meadow-cutouts.zip');
  assert.deepEqual(Object.keys(unzipSync(cutouts.bytes)), [
    'meadow-1-sky.png',
    'meadow-2-grass.png',
  ]);
  await page.locator('#instances').press('Space');
  await download(page, 'YOLO');
  const shapes = await download(page, 'GeoJSON');
  assert.equal(shapes.name, 'meadow-masks.geojson');
  assert.deepEqual(JSON.parse(shapes.bytes), { instances: true });
  const asked = await page.evaluate(() => globalThis.asked.filter(({ call }) => call === 'export'));
  assert.deepEqual(
    asked.map(({ options }) => options),
    [
      { format: 'yolo', instances: false },
      { format: 'coco-rle', instances: false },
      { format: 'yolo', instances: true },
    ],
  );
  await page.locator('#instances').press('Space');
  await page.locator('#datasets summary').press('Enter');
});

next('an eraser takes away; by the keyboard as well', async (page) => {
  await page.locator('#tool-eraser').focus();
  await page.keyboard.press('Enter');
  await page.locator('#canvas').focus();
  for (let step = 0; step < 10; step++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press(']');
  const before = await labels(page);
  await page.locator('#canvas').focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#live').textContent(), 'Erased.');
  await page.waitForFunction(() => /no word/.test(document.querySelector('#legend').textContent));
  const erased = await labels(page);
  assert.ok(erased.some((label, pixel) => label === 255 && before[pixel] !== 255));
  // In the middle of a word the browser undoes what was typed.
  await page.locator('#word').fill('half a wo');
  await undo(page);
  assert.deepEqual(await labels(page), erased);
  await page.locator('#word').fill('');
  await undo(page);
  await page.waitForFunction(() => !/no word/.test(document.querySelector('#legend').textContent));
  assert.deepEqual(await labels(page), before);
});

next('the picture is zoomed and moved by wheel, keys, buttons and drag', async (page) => {
  await page.locator('#tool-look').click();
  const color = (x, y) => colorAt(page, x, y);
  const low = await color(0.5, 0.99);
  const middle = await at(page, 0.5, 0.98);
  await page.mouse.move(...middle);
  // A plain wheel over the whole picture is the page's.
  await page.mouse.wheel(0, 40);
  await page.waitForFunction(() => scrollY > 0);
  await page.evaluate(() => scrollTo(0, 0));
  assert.equal(await page.locator('#stage.zoomed').count(), 0);
  await page.keyboard.down('Control');
  for (let notch = 0; notch < 4; notch++) await page.mouse.wheel(0, -100);
  await page.keyboard.up('Control');
  await page.locator('#stage.zoomed').waitFor();
  // What was under the pointer still is, and what was above it has come down.
  assert.deepEqual(await color(0.5, 0.97), low);
  assert.deepEqual(await color(0.5, 0.2), low);
  for (let time = 0; time < 2; time++) await drag(page, [0.5, 0.2], [0.5, 0.99]);
  assert.notDeepEqual(await color(0.5, 0.2), low);
  assert.ok(await page.locator('#naming').isHidden(), 'a drag is no click');
  await page.locator('#canvas').press('0');
  assert.equal(await page.locator('#stage.zoomed').count(), 0);
  await page.locator('#zoom-in').click();
  await page.locator('#stage.zoomed').waitFor();
  await page.locator('#zoom-whole').click();
  assert.equal(await page.locator('#stage.zoomed').count(), 0);
  await page.mouse.dblclick(...(await at(page, 0.5, 0.1)));
  await page.locator('#stage.zoomed').waitFor();
  await page.mouse.dblclick(...(await at(page, 0.5, 0.1)));
  assert.equal(await page.locator('#stage.zoomed').count(), 0);
  await page.keyboard.press('Escape');
});

next('a stroke in a zoomed picture lands where it is drawn', async (page) => {
  const before = await labels(page);
  await page.locator('#tool-eraser').click();
  await page.locator('#size').fill('120');
  await page.mouse.move(...(await at(page, 0.9, 0.9)));
  await page.keyboard.down('Control');
  for (let notch = 0; notch < 4; notch++) await page.mouse.wheel(0, -100);
  await page.keyboard.up('Control');
  await page.locator('#stage.zoomed').waitFor();
  await page.mouse.click(...(await at(page, 0.9, 0.9)));
  await page.waitForFunction(() => /no word/.test(document.querySelector('#legend').textContent));
  const after = await labels(page);
  const touched = [...after.keys()].filter((pixel) => after[pixel] !== before[pixel]);
  const columns = touched.map((pixel) => pixel % WIDTH);
  const middle = (Math.min(...columns) + Math.max(...columns) + 1) / 2;
  assert.ok(Math.abs(middle - 0.9 * WIDTH) < 2, `${middle}`);
  await undo(page);
  await page.locator('#zoom-whole').click();
});

next('before and after: bare on the left of a handle, masks on its right', async (page) => {
  await page.mouse.move(0, 0);
  assert.notDeepEqual(await colorAt(page, 0.3, 0.1), SKY);
  await page.locator('#compare').click();
  const handle = page.getByRole('slider', { name: 'Border between' });
  assert.deepEqual(await colorAt(page, 0.3, 0.1), SKY);
  assert.notDeepEqual(await colorAt(page, 0.7, 0.1), SKY);
  await handle.focus();
  await page.keyboard.press('Home');
  assert.notDeepEqual(await colorAt(page, 0.3, 0.1), SKY);
  await page.keyboard.press('ArrowRight');
  assert.equal(await handle.getAttribute('aria-valuenow'), '2');
  await drag(page, [0.02, 0.5], [0.9, 0.5]);
  assert.equal(await handle.getAttribute('aria-valuenow'), '90');
  assert.deepEqual(await colorAt(page, 0.7, 0.1), SKY);
  await page.locator('#compare').click();
  assert.notDeepEqual(await colorAt(page, 0.7, 0.1), SKY);
});

next('the naming box stands beside the region and not over it', async (page) => {
  await page.locator('#tool-look').click();
  for (const y of [0.2, 0.8]) {
    await page.mouse.click(...(await at(page, 0.5, y)));
    await page.locator('#naming-list li').first().waitFor();
    const box = await page.locator('#naming').boundingBox();
    // The upper half of the picture is one region, the lower half the other.
    const [, top] = await at(page, 0, y < 0.5 ? 0 : 0.5);
    const [, bottom] = await at(page, 0, y < 0.5 ? 0.5 : 1);
    assert.ok(box.y + box.height <= top || box.y >= bottom, JSON.stringify({ box, top, bottom }));
    await page.keyboard.press('Escape');
  }
});

next('another picture has none of the corrections', async (page) => {
  await page.locator('#tool-brush').click();
  await page.mouse.click(...(await at(page, 0.5, 0.25)));
  await page.waitForFunction(
    () => document.querySelector('#undo').getAttribute('aria-disabled') === 'false',
  );
  await drop(
    page,
    'lawn.png',
    png(WIDTH, HEIGHT, () => GRASS),
    'image/png',
  );
  await page.waitForFunction(() => document.querySelector('#stage').dataset.encodes === '2');
  await legend(page, ['sky', 'grass']);
  await shareIs(page, 1, '100');
  assert.ok((await labels(page)).every((label) => label === 1));
});

const phone = {
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  isMobile: true,
};
here.pageTest('on a phone two fingers zoom, and one draws', phone, async (page) => {
  await begin(page);
  assert.equal(await overhang(page), 0);
  const session = await page.context().newCDPSession(page);
  const touch = async (kind, ...points) => {
    const places = await Promise.all(points.map(([x, y]) => at(page, x, y)));
    const touchPoints = places.map(([x, y], id) => ({ x, y, id }));
    await session.send('Input.dispatchTouchEvent', { type: kind, touchPoints });
  };
  const pinch = async () => {
    await touch('touchStart', [0.4, 0.5]);
    await touch('touchStart', [0.4, 0.5], [0.6, 0.5]);
    await touch('touchMove', [0.3, 0.5], [0.7, 0.5]);
    await touch('touchMove', [0.2, 0.5], [0.8, 0.5]);
    await touch('touchEnd');
    await page.locator('#stage.zoomed').waitFor();
  };
  const before = await labels(page);
  await page.locator('#canvas').scrollIntoViewIfNeeded();
  await pinch();
  await page.locator('#zoom-whole').tap();
  await page.locator('#tool-brush').tap();
  assert.equal(await overhang(page), 0);
  await page.locator('#canvas').scrollIntoViewIfNeeded();
  await pinch();
  assert.deepEqual(await labels(page), before, 'the first of two fingers draws nothing');
  await touch('touchStart', [0.3, 0.6]);
  await touch('touchMove', [0.5, 0.6]);
  await touch('touchMove', [0.7, 0.6]);
  await touch('touchEnd');
  await page.waitForFunction(
    () => document.querySelector('#undo').getAttribute('aria-disabled') === 'false',
  );
  await rest(page);
  assert.notDeepEqual(await labels(page), before);
});
