/**
 * Picture files that decoders read differently, on the built page and in the package, with the real
 * engine: what is shown is what the engine decoded, and masks have its shape.
 */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../scripts/lib.mjs';
import { alertText, download, drop, encodes, legend, png, rest, site } from './browser.mjs';

const fixtures = join(root, 'tests/fixtures/pictures');

const here = site((folder) => {
  cpSync(join(root, 'www/dist'), folder, { recursive: true });
  cpSync(join(root, 'pkg/dist'), join(folder, 'pkg'), { recursive: true });
  cpSync(fixtures, join(folder, 'pictures'), { recursive: true });
});

const TYPES = { jpg: 'image/jpeg', png: 'image/png', webp: 'image/webp', ico: 'image/x-icon' };
const typeOf = (name) => TYPES[name.split('.').at(-1)];

/** What each file holds, by width and height. */
const READ = {
  'phone_exif6.jpg': [320, 256],
  'phone_exif6.webp': [320, 256],
  'exif6_twice_then1.jpg': [64, 96],
  'apng_default.png': [96, 64],
  'anim_partial.webp': [96, 64],
  'exifflag_noexif.webp': [96, 64],
  'ycck.jpg': [32, 24],
  // What only the browser decodes.
  'x.ico': [64, 43],
  'arith.jpg': [96, 64],
};
const NOT_SUPPORTED = ['bits12.jpg', 'cgbi.png'];

test('every file is tried', () => {
  const files = readdirSync(fixtures).filter((name) => name !== 'README.md');
  assert.deepEqual([...Object.keys(READ), ...NOT_SUPPORTED].sort(), files.sort());
});

/** The package, loaded once for all that is asked of it in one page. */
function load() {
  globalThis.segmenter ??= import('/pkg/index.js').then(({ Segmenter }) =>
    Segmenter.load('/models/doodle/', { device: 'cpu' }),
  );
}

/** How far the stage is from the engine's pixels drawn at its size, 0 to 255; and its proportions. */
const compareStage = (page, name) =>
  page.evaluate(async (name) => {
    const blob = await (await fetch(`/pictures/${name}`)).blob();
    const picture = await (await globalThis.segmenter).encode(blob);
    const pixels = await picture.toImageData();
    picture.free();
    const canvas = document.querySelector('#canvas');
    const { width, height } = canvas;
    const expected = new OffscreenCanvas(width, height).getContext('2d');
    // Small pictures are shown with the squares of their pixels.
    expected.imageSmoothingEnabled = canvas.getContext('2d').imageSmoothingEnabled;
    expected.imageSmoothingQuality = 'high';
    expected.drawImage(await createImageBitmap(pixels), 0, 0, width, height);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const [a, b] = [canvas.getContext('2d'), expected].map(
      (context) => context.getImageData(0, 0, width, height).data,
    );
    const most = a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at])), 0);
    return { most, size: [pixels.width, pixels.height], stretched: width / height };
  }, name);

const next = here.story({ query: '?device=cpu' }, async (page) => {
  await page.evaluate(load);
  await rest(page);
});

for (const [name, [width, height]] of Object.entries(READ)) {
  next(`the page shows ${name} as the engine decoded it, with masks of its shape`, async (page) => {
    const before = Number(await encodes(page));
    await drop(page, name, readFileSync(join(fixtures, name)), typeOf(name));
    await page.locator(`#stage[data-encodes="${before + 1}"]`).waitFor();
    await rest(page);
    const { most, size, stretched } = await compareStage(page, name);
    assert.deepEqual(size, [width, height]);
    assert.ok(Math.abs(stretched / (width / height) - 1) < 0.05, `${stretched}`);
    assert.equal(most, 0, 'the stage shows other pixels');

    await page.locator('#word').fill('moon');
    await page.keyboard.press('Enter');
    await legend(page, ['moon']);
    const button = page.getByRole('button', { name: 'Label PNG' });
    const { bytes: labels } = await download(page, () => button.click());
    // Width and height in the header of a PNG.
    assert.deepEqual([labels.readUInt32BE(16), labels.readUInt32BE(20)], [width, height]);
    assert.equal(await alertText(page), '');
    // Masks would lie on the next picture.
    await page.getByRole('button', { name: 'Remove moon' }).click();
    await rest(page);
  });
}

for (const name of NOT_SUPPORTED) {
  next(`the page says that ${name} is not supported`, async (page) => {
    await drop(page, name, readFileSync(join(fixtures, name)), typeOf(name));
    await page.locator('#alert.shown').waitFor();
    assert.match(await alertText(page), /not supported\. .* save it as/);
    await page.getByRole('button', { name: 'Close the message' }).click();
  });
}

/** Segments a file, given with its type, or an empty canvas of this width; tells what came of it. */
const segmented = (page, given) =>
  page.evaluate(async ({ base64, type, canvas }) => {
    const bytes = Uint8Array.from(atob(base64 ?? ''), (letter) => letter.charCodeAt(0));
    const source = canvas ? new OffscreenCanvas(canvas, 1) : new Blob([bytes], { type });
    try {
      const picture = await (await globalThis.segmenter).encode(source);
      const { width, height, labels } = await picture.segment(['sun', 'tree'], {
        multiScale: false,
      });
      picture.free();
      return { size: [width, height], labels: labels.length };
    } catch ({ code, message }) {
      return { code, message };
    }
  }, given);

const fileOf = (bytes, type = '') => ({ base64: Buffer.from(bytes).toString('base64'), type });

next('long thin pictures are segmented', async (page) => {
  for (const [width, height] of [
    [10_000, 8],
    [6600, 100],
    [1, 16_384],
  ]) {
    const file = png(width, height, (x, y) => [x & 255, y & 255, (x >> 5) & 255]);
    const answer = await segmented(page, fileOf(file));
    assert.deepEqual(answer, { size: [width, height], labels: width * height });
  }
});

next('a drawing of lines is decoded by the browser', async (page) => {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><circle cx="20" cy="20" r="9"/></svg>';
  const answer = await segmented(page, fileOf(svg, 'image/svg+xml'));
  assert.deepEqual(answer, { size: [60, 40], labels: 2400 });
});

next('a file and a canvas that are too large are refused alike', async (page) => {
  const file = await segmented(page, fileOf(png(16_385, 1, () => [0, 0, 0])));
  const canvas = await segmented(page, { canvas: 16_385 });
  assert.equal(file.code, 'input');
  assert.match(file.message, /16385x1.*64 megapixels.*16384 pixels a side/);
  assert.deepEqual(canvas, file);
});
