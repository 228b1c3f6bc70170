import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../lib.mjs';

/** Every documentation comment of an item of the engine: where it stands, and its text. */
function comments() {
  const files = readdirSync(join(root, 'src'), { recursive: true });
  return files
    .filter((file) => file.endsWith('.rs'))
    .flatMap((file) => {
      const code = readFileSync(join(root, 'src', file), 'utf8');
      return [...code.matchAll(/(?:^ *\/\/\/.*\n)+/gm)].map((found) => ({
        place: `src/${file}:${code.slice(0, found.index).split('\n').length}`,
        text: found[0].replace(/^ *\/\/\/ ?/gm, ''),
      }));
    });
}

/** The section under this heading of every comment that has one. */
function sections(heading) {
  return comments().flatMap(({ place, text }) => {
    const [, section] = text.split(`# ${heading}\n`);
    return section === undefined ? [] : [{ place, section: section.split(/^# /m)[0] }];
  });
}

test('each section on errors names the kinds, and when each comes', () => {
  const all = sections('Errors');
  assert.ok(all.length > 150, `${all.length} sections`);
  const kind = /^(\[`Error::\w+`\](\(crate::Error::\w+\))?( or )?)+ if /;
  for (const { place, section } of all) {
    assert.ok(section.startsWith('\n'), `${place}: a blank line is missing`);
    const [first, ...others] = section.trim().replace(/\s+/g, ' ').split('; ');
    assert.match(first, kind, place);
    for (const error of others) {
      assert.ok(kind.test(error) || error.startsWith('any error that '), `${place}: ${error}`);
    }
  }
});

test('each section on shapes is a list', () => {
  const all = sections('Shapes');
  assert.ok(all.length > 30, `${all.length} sections`);
  for (const { place, section } of all) assert.match(section, /^\n(- .*\n( {2}.*\n)*)+\s*$/, place);
});

test('no summary refers to another item instead of saying what its own is', () => {
  for (const { place, text } of comments()) {
    assert.doesNotMatch(text, /^(The same (as|for)|Those of|Likewise|See \[|As \[)/, place);
  }
});
