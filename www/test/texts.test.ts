import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { textAt } from '../src/labels.js';
import { en } from '../src/texts/en.js';
import { LANGUAGES, languageOf, languages, preferred } from '../src/texts.js';

// The tests run from the root of the repository.
const pages = ['www/index.html', 'www/models.html'].map((path) => readFileSync(path, 'utf8'));

/** Tags that name a text, with what the HTML says there. */
function* named(html: string): Generator<{ path: string; said: string }> {
  for (const [, tag, attributes = '', rest = ''] of html.matchAll(
    /<(\w+)((?:\s[^<>]*)?\sdata-(?:text|label|placeholder|content|role)="[^<>]*)>([^<]*)/gu,
  )) {
    for (const [kind, attribute] of [
      ['label', 'aria-label'],
      ['placeholder', 'placeholder'],
      ['content', 'content'],
      ['role', 'aria-roledescription'],
    ]) {
      const path = new RegExp(`data-${kind}="([^"]+)"`, 'u').exec(attributes)?.[1];
      const said = new RegExp(`\\s${attribute}="([^"]+)"`, 'u').exec(attributes)?.[1];
      if (path !== undefined) yield { path, said: said ?? '' };
    }
    const path = /data-text="([^"]+)"/u.exec(attributes)?.[1];
    if (path === undefined) continue;
    const whole = tag === 'h1' ? (/<h1[^>]*>([\s\S]*?)<\/h1>/u.exec(html)?.[1] ?? '') : rest;
    const text = whole.replace(/<mark[^>]*>/gu, '[').replace(/<\/mark>/gu, ']');
    yield { path, said: text };
  }
}

test('the page is written in the words of the English table', () => {
  for (const html of pages) {
    const texts = [...named(html)];
    assert.equal(
      texts.length,
      [...html.matchAll(/\sdata-(?:text|label|placeholder|content|role)="/gu)].length,
    );
    for (const { path, said } of texts) assert.equal(said, textAt(path, en), path);
  }
});

/** Every text of a table by its path; functions get letters for what they are given. */
function* texts(table: object, path = ''): Generator<[string, string]> {
  for (const [key, value] of Object.entries(table)) {
    if (typeof value === 'string') yield [path + key, value];
    else if (typeof value === 'object') yield* texts(value, `${path}${key}.`);
    else {
      const given = ['‹1›', '‹2›', '‹3›'].slice(0, value.length);
      for (const form of ['zero', 'one', 'two', 'few', 'many', 'other']) {
        const filled = given.map((letter, at) => (takesForm(path + key, at) ? form : letter));
        yield [`${path}${key}(${form})`, value(...filled)];
      }
    }
  }
}

/** Which parameter of which text is the form of a number. */
const takesForm = (path: string, at: number): boolean =>
  ({
    'words.tooLong': 0,
    'published.more': 0,
    'arrivals.pointer': 1,
    'arrivals.missing': 0,
    'arrivals.moreParts': 0,
  })[path] === at;

for (const code of languages) {
  test(`the table ${code} says everything, with all that it is given`, async () => {
    const table = new Map(texts(await LANGUAGES[code].load()));
    const english = new Map(texts(en));
    assert.deepEqual([...table.keys()], [...english.keys()]);
    for (const [path, text] of table) {
      const original = english.get(path) ?? '';
      if (code !== 'en' && path.startsWith('engine.')) assert.notEqual(text, '', path);
      else assert.equal(text === '', original === '', path);
      assert.equal(
        text,
        text.trim() === '' ? text : path === 'page.comma' ? text : text.trim(),
        path,
      );
      for (const letter of original.match(/‹\d›/gu) ?? []) assert.ok(text.includes(letter), path);
      assert.equal(
        text.match(/\[[^\]]+\]/gu)?.length,
        original.match(/\[[^\]]+\]/gu)?.length,
        path,
      );
    }
  });
}

test('the first language that the page speaks is taken', () => {
  assert.equal(preferred(['nl', 'pt-PT', 'de']), 'pt');
  assert.equal(preferred(['zh-Hant-TW']), 'zh');
  assert.equal(preferred(['nl', 'sv']), 'en');
  assert.equal(preferred([]), 'en');
  for (const wrong of [null, undefined, '', 'toString', 'x-de'])
    assert.equal(languageOf(wrong), undefined);
});
