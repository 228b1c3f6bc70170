import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strFromU8, unzipSync } from 'fflate';
import { asOne } from '../src/downloads.js';

const file = (path: string, text: string) => ({ path, blob: new Blob([text]) });

test('a single file is given as it is, by the ending of its own name', async () => {
  const only = file('annotations/holiday.2024.png', 'x');
  const { blob, part, extension } = await asOne([only], 'ade');
  assert.equal(blob, only.blob);
  assert.equal(part, 'ade');
  assert.equal(extension, 'png');
});

test('several files are one ZIP, with their folders and all that is in them', async () => {
  const long = 'a line of labels\n'.repeat(10_000);
  const files = [file('labels/Größe 1.txt', long), file('labels/x.png', long), file('empty', '')];
  const { blob, part, extension } = await asOne(files, 'yolo');
  assert.equal(`${part}.${extension}`, 'yolo.zip');
  const found = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  assert.deepEqual(
    Object.entries(found).map(([path, bytes]) => [path, strFromU8(bytes)]),
    [
      ['labels/Größe 1.txt', long],
      ['labels/x.png', long],
      ['empty', ''],
    ],
  );
  assert.ok(blob.size > long.length, 'what is in a PNG is not compressed again');
  assert.ok(blob.size < 1.1 * long.length, 'text is compressed');
});
