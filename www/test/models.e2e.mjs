/**
 * Models in a real browser with the real engine: published ones are dropped, imported, kept, used and
 * deleted; the text tower of the built-in one comes when a word needs it.
 */
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { alertText, dropAll, encodes, legend, rest, site } from './browser.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'www/dist');
const scene = JSON.parse(readFileSync(join(dist, 'samples/samples.json'), 'utf8')).scenes[0];
const [word] = scene.words;

const here = site(dist);
const pageTest = (name, options, body) =>
  here.pageTest(name, { query: '?device=cpu', ...options }, body);

/** The files of a small model in the layout of Hugging Face. */
const fixture = join(root, 'tests/fixtures/tiny-clip');
const names = ['config.json', 'model.safetensors', 'preprocessor_config.json', 'tokenizer.json'];
const tiny = names.map((name) => ({ name, bytes: readFileSync(join(fixture, name)) }));

const textRequests = ({ requests }) =>
  requests.filter(({ url }) => /\/(text-\d+\.safetensors|tokenizer\.json)$/.test(url));

/** How many files lie in the storage for models. */
const kept = (page) =>
  page.evaluate(async () => (await (await caches.open('wordmask-models-1')).keys()).length);

const openModels = (page) => page.locator('#models > summary').click();
const rows = (page) => page.locator('#model-list li');

/** Waits until an imported model is chosen and loaded. */
async function importedIsChosen(page) {
  await page.locator('#model-list li:has(.button) input:checked').waitFor({ state: 'attached' });
  await rest(page);
}

async function addWord(page, text) {
  await page.locator('#word').fill(text);
  await page.keyboard.press('Enter');
}

pageTest(
  'ready words do without the text tower; a new word gets it once',
  {},
  async (page, seen) => {
    await page.locator('.sample').first().click();
    await legend(page, scene.words);
    assert.deepEqual(textRequests(seen), []);
    await addWord(page, 'purple beetle');
    await legend(page, [...scene.words, 'purple beetle']);
    const first = textRequests(seen).map(({ url }) => url.replace(/^.*\//, ''));
    assert.deepEqual(first.sort(), ['text-00.safetensors', 'tokenizer.json']);
    await addWord(page, 'green tortoise');
    await legend(page, [...scene.words, 'purple beetle', 'green tortoise']);
    assert.equal(textRequests(seen).length, 2);
    assert.equal(await encodes(page), '1');
  },
);

pageTest('without the network a new word fails, and works once it is back', {}, async (page) => {
  await page.locator('.sample').first().click();
  await legend(page, scene.words);
  await page.route('**/models/doodle/text-*', (route) => route.abort());
  await addWord(page, 'purple beetle');
  await rest(page, 'failed');
  assert.match(await alertText(page), /text-00\.safetensors could not be downloaded/);
  await page.getByRole('button', { name: 'Remove purple beetle' }).click();
  await legend(page, scene.words);
  await page.unroute('**/models/doodle/text-*');
  await addWord(page, 'purple beetle');
  await legend(page, [...scene.words, 'purple beetle']);
  assert.equal(await encodes(page), '1');
});

pageTest('a dropped model is imported, used, kept and deleted', {}, async (page, seen) => {
  await page.locator('.sample').first().click();
  await legend(page, scene.words);
  await openModels(page);
  const before = seen.requests.length;
  await dropAll(page, tiny);
  await importedIsChosen(page);
  await page.waitForFunction(() => document.querySelector('#stage').dataset.encodes === '2');
  await legend(page, scene.words);
  assert.equal(await alertText(page), '');
  const [, row] = await rows(page).allTextContents();
  assert.match(row, /imported · 0\.\d MB · q8/);

  // The engine comes once more, for the worker of the import; the files of the model go nowhere.
  for (const { url, method, body } of seen.requests.slice(before)) {
    // A worker is started from a blob of the page, so that it obeys the page's policy.
    if (url.startsWith(`blob:${here.url}`)) continue;
    assert.ok(url.startsWith(here.url), url);
    assert.match(url, /\.(js|wasm|json|svg)$|\/$/, url);
    assert.equal(method, 'GET');
    assert.equal(body, null);
  }

  await page.reload();
  await openModels(page);
  await importedIsChosen(page);
  await page.locator('.sample').first().click();
  await legend(page, scene.words);
  await addWord(page, 'purple beetle');
  await legend(page, [...scene.words, 'purple beetle']);

  // Another visit begins with it.
  const other = await page.context().newPage();
  await other.goto(`${here.url}?device=cpu`);
  await rest(other);
  await openModels(other);
  assert.equal(await rows(other).count(), 2);
  assert.ok(await other.locator('#model-list input').nth(1).isChecked());
  await other.close();

  assert.ok((await kept(page)) > 2);
  const remove = page.locator('#model-list .button');
  await remove.click();
  await remove.click();
  await page.waitForFunction(() => document.querySelectorAll('#model-list li').length === 1);
  await legend(page, [...scene.words, 'purple beetle']);
  assert.equal(await kept(page), 0);
  await page.reload();
  await rest(page);
  assert.ok(await page.locator('#model-list input').first().isChecked());
});

pageTest('a damaged model gets a sentence, leaves nothing, and harms nothing', {}, async (page) => {
  await page.locator('.sample').first().click();
  await legend(page, scene.words);
  const whole = tiny.find(({ name }) => name === 'model.safetensors').bytes;
  const header = Buffer.from(whole);
  header.fill(0xff, 0, 8);
  const damages = {
    cut: whole.subarray(0, whole.length >> 1),
    header,
    noise: whole.map(() => 255),
  };
  for (const [what, bytes] of Object.entries(damages)) {
    const files = tiny.filter(({ name }) => name !== 'model.safetensors');
    await dropAll(page, [...files, { name: 'model.safetensors', bytes: Buffer.from(bytes) }]);
    await page.locator('#alert.shown').waitFor();
    const text = await alertText(page);
    assert.match(text, /model\.safetensors/, what);
    assert.doesNotMatch(text, /import failed|internal|unreachable/i, what);
    await page.getByRole('button', { name: 'Close the message' }).click();
    await page.locator('#importing').waitFor({ state: 'hidden' });
  }
  assert.equal(await kept(page), 0);
  await openModels(page);
  assert.equal(await rows(page).count(), 1);
  await addWord(page, 'purple beetle');
  await legend(page, [...scene.words, 'purple beetle']);
  assert.equal(await encodes(page), '1');
});

pageTest('a stored model that was damaged is told, and another one works', {}, async (page) => {
  await rest(page);
  await openModels(page);
  await dropAll(page, tiny);
  await importedIsChosen(page);
  await page.evaluate(async () => {
    const cache = await caches.open('wordmask-models-1');
    for (const { url } of await cache.keys()) {
      const { length } = new Uint8Array(await (await cache.match(url)).arrayBuffer());
      if (url.includes('/files/')) await cache.put(url, new Response(new Uint8Array(length)));
    }
  });
  await page.reload();
  await openModels(page);
  await rest(page, 'failed');
  assert.match(await alertText(page), /vision-\d+\.safetensors/);
  await page.waitForFunction(() => document.querySelectorAll('#model-list li').length === 1);
  await page.locator('#model-list input').first().check();
  await rest(page);
  assert.equal(await kept(page), 0);
});

pageTest('a full storage is told with its figures, and nothing stays', {}, async (page) => {
  await page.locator('.sample').first().click();
  await legend(page, scene.words);
  const session = await page.context().newCDPSession(page);
  const { origin } = new URL(here.url);
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 100_000 });
  await dropAll(page, tiny);
  await page.locator('#alert.shown').waitFor();
  const told = /no room for the model: [\d,]+ of the [\d,]+ MB .* taken .* then import it again/;
  assert.match(await alertText(page), told);
  assert.equal(await kept(page), 0);
  await session.send('Storage.overrideQuotaForOrigin', { origin });
  await dropAll(page, tiny);
  await openModels(page);
  await importedIsChosen(page);
  await legend(page, scene.words);
});

const bare = site((folder) => {
  cpSync(join(root, 'pkg/dist'), join(folder, 'pkg'), { recursive: true });
  cpSync(fixture, join(folder, 'tiny'), { recursive: true });
  cpSync(join(dist, 'samples'), join(folder, 'samples'), { recursive: true });
});

test('every scheme is imported by the package, smaller the fewer bits', async () => {
  const { sizes, again, labels, left } = await bare.evaluate(
    async ([list, file, prompt]) => {
      const { deleteModel, importModel, listModels, Segmenter } = await import('/pkg/index.js');
      const files = await Promise.all(
        list.map(async (name) => new File([await (await fetch(`/tiny/${name}`)).blob()], name)),
      );
      const models = [];
      const answers = [];
      for (const scheme of ['f32', 'f16', 'q8', 'q4']) {
        const model = await importModel(files, { scheme, name: scheme });
        models.push(model);
        const segmenter = await Segmenter.load(model, { device: 'cpu' });
        const picture = await segmenter.encode(await (await fetch(file)).blob());
        const result = await picture.segment([prompt, 'house']);
        answers.push(result.labels.length);
        await segmenter.close();
      }
      const twice = await importModel(files, { scheme: 'q8', name: 'q8' });
      const listed = await listModels();
      for (const model of listed) await deleteModel(model);
      return {
        sizes: models.map(({ bytes }) => bytes),
        again: [twice.id === models[2].id, listed.length],
        labels: answers,
        left: (await listModels()).length,
      };
    },
    [names, `/samples/${scene.file}`, word],
  );
  assert.deepEqual(
    sizes,
    sizes.slice().sort((a, b) => b - a),
  );
  assert.equal(new Set(sizes).size, 4, String(sizes));
  assert.deepEqual(again, [true, 4]);
  assert.ok(labels.every((count) => count > 0));
  assert.equal(left, 0);
});
