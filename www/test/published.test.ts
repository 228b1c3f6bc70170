/** What is said of published models, of time and of storage. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPublished, published, seenBy } from '../src/published.js';
import { useText } from '../src/storage-line.js';
import { en } from '../src/texts/en.js';
import { LANGUAGES, use } from '../src/texts.js';
import { TimeLeft } from '../src/time-left.js';

use(en, 'en');

test('the catalogue begins with what is recommended, and finds by name', () => {
  assert.ok(published[0]?.recommended);
  for (const model of published) {
    assert.equal(findPublished(model.name), model);
    assert.ok(model.download_megabytes > model.stored_megabytes[model.scheme], model.name);
  }
  assert.equal(findPublished('constructor'), undefined);
});

test('what a model has learned from is told in every language', async () => {
  const german = await LANGUAGES.de.load();
  for (const model of published) {
    assert.equal(seenBy(model, en), model.description, model.name);
    assert.notEqual(seenBy(model, german), model.description, model.name);
  }
});

test('the time that is left follows the last seconds, and starts anew with the file', () => {
  const time = new TimeLeft();
  assert.equal(time.at(0, 0, 1000), null);
  assert.equal(time.at(1000, 100, 1000), null, 'too early');
  assert.equal(time.at(2000, 200, 1000), 8);
  // Slower from here on: after the window only that counts.
  for (let second = 3; second <= 30; second++) time.at(second * 1000, 200 + second, 1000);
  assert.equal(Math.round(time.at(31_000, 231, 1000) ?? 0), 769);
  assert.equal(time.at(32_000, 0, 1000), null);
  assert.equal(time.at(40_000, 0, 1000), null, 'nothing comes');
});

test('what is kept is told by what it is', () => {
  assert.equal(
    useText({ models: 152_400_000, bundles: 2_840_000, downloads: 312_000_000 }),
    'Kept in this browser: 152 MB of models that were fetched or imported, 2.8 MB of models beside the page, and 312 MB of unfinished downloads.',
  );
  assert.match(useText({ models: 0, bundles: 300, downloads: 0 }), /: 0\.1 MB of models beside/);
  assert.match(useText({ models: 0, bundles: 0, downloads: 0 }), /^Nothing/);
});
