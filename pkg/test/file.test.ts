import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { WordmaskError } from '../src/errors.js';
import { openFile } from '../src/file.js';
import { download } from '../src/http.js';

const folder = mkdtempSync(join(tmpdir(), 'wordmask-'));
after(() => rmSync(folder, { recursive: true }));

const { signal } = new AbortController();
const net = { fetch: openFile, caches: undefined };

test('openFile reads a file of the disk, and says what an engine is', async () => {
  writeFileSync(join(folder, 'a b#.wasm'), Uint8Array.of(1, 2));
  const response = await openFile(pathToFileURL(join(folder, 'a b#.wasm')).href, { signal });
  assert.equal(response.headers.get('Content-Type'), 'application/wasm');
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), Uint8Array.of(1, 2));
});

test('a file that is not there is a wrong path, not a lost connection', async () => {
  const url = pathToFileURL(join(folder, 'wordmask.json')).href;
  await assert.rejects(download(net, url, signal), (error: unknown) => {
    assert.ok(error instanceof WordmaskError);
    assert.equal(error.code, 'input');
    assert.match(error.message, /wordmask\.json cannot be read .*ENOENT.*Check the path/);
    return true;
  });
});

test('reading a file stops on abort', async () => {
  writeFileSync(join(folder, 'x'), 'x');
  const reason = new Error('enough');
  const url = pathToFileURL(join(folder, 'x')).href;
  await assert.rejects(openFile(url, { signal: AbortSignal.abort(reason) }), reason);
});
