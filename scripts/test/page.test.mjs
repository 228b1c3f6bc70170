import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Failure, root } from '../lib.mjs';
import { finishPage, siteBase } from '../page.mjs';

const html =
  '<meta property="og:image" content="{site}share.png"><link href="style.css"><link href="other.css"><script src="main.js"></script>';

/** A page as it is before it is finished, with these changes. */
function built(t, change = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'wordmask-page-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const files = {
    'index.html': html,
    'share.png': 'picture',
    'app/next/main.js': 'script',
    'app/next/main.js.map': '{}',
    'app/next/style.css': 'style',
    'app/next/engine/a.wasm': 'engine',
    'models/index.json': '[]',
    'models/doodle/wordmask.json': '{}',
    'models/own/wordmask.json': '{}',
    ...change,
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

const base = 'https://example.org/a/';

test('finishPage lists what a browser keeps, with the hashes of what lies there', (t) => {
  const folder = built(t);
  const { version, files } = finishPage(folder, base);
  assert.deepEqual(
    files.map(({ path }) => path.replace(version, 'V')),
    [
      'app/V/engine/a.wasm',
      'app/V/main.js',
      'app/V/style.css',
      'index.html',
      'models/doodle/wordmask.json',
    ],
  );
  for (const { path, sha256, optional } of files) {
    const content = readFileSync(join(folder, path));
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256, path);
    assert.equal(optional, path.endsWith('.wasm'), path);
  }
});

test('finishPage leads pages to the scripts of their version, and others to their picture', (t) => {
  const folder = built(t);
  const { version } = finishPage(folder, base);
  const text = readFileSync(join(folder, 'index.html'), 'utf8');
  for (const part of [
    `content="${base}share.png"`,
    `href="app/${version}/style.css"`,
    `src="app/${version}/main.js"`,
    'href="other.css"',
  ]) {
    assert.ok(text.includes(part), part);
  }
  const headers = readFileSync(join(folder, '_headers'), 'utf8');
  assert.match(headers, /^\/\*\n {2}Cross-Origin-Opener-Policy: same-origin\n/);
  assert.ok(headers.includes(`\n/app/${version}/*\n  Cache-Control: public, max-age=31536000`));
});

test('finishPage gives another version to other content, and the same to the same', (t) => {
  const version = (change, site = base) => finishPage(built(t, change), site).version;
  assert.equal(version(), version());
  assert.equal(version(), version({ 'models/own/wordmask.json': 'other' }));
  for (const path of ['index.html', 'app/next/main.js', 'app/next/engine/a.wasm']) {
    assert.notEqual(version(), version({ [path]: 'other' }), path);
  }
  assert.notEqual(version(), version({}, 'https://example.org/b/'));
});

test('siteBase is the address of a folder', () => {
  assert.equal(siteBase('https://example.org'), 'https://example.org/');
  assert.equal(siteBase('https://example.org/a?b#c'), base);
  for (const wrong of ['example.org', '', 'file:///srv', 'nonsense']) {
    assert.throws(() => siteBase(wrong), Failure, wrong);
  }
  assert.ok(siteBase().endsWith('/wordmask/'));
});

test('what pages and the manifest name lies beside them', () => {
  const www = join(root, 'www');
  const icons = JSON.parse(readFileSync(join(www, 'manifest.webmanifest'), 'utf8')).icons;
  const page = readFileSync(join(www, 'index.html'), 'utf8');
  const named = [
    ...page.matchAll(/(?:href|content)="(?:\{site\})?([\w/.-]+\.(?:png|svg|webmanifest))"/g),
  ];
  const paths = [...icons.map(({ src }) => src), ...named.map(([, path]) => path)];
  assert.ok(paths.includes('share.png') && paths.includes('manifest.webmanifest'));
  for (const path of paths) assert.ok(existsSync(join(www, path)), path);
});
