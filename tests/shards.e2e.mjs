/** That a model of many files comes out of the browser's storage, again and again. */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../scripts/lib.mjs';
import { site } from '../www/test/browser.mjs';
import { files, putWideModel } from './support/wide-model.mjs';

const loads = 6;

const here = site((folder) => {
  cpSync(join(root, 'pkg/dist'), join(folder, 'pkg'), { recursive: true });
  putWideModel(join(folder, 'model'));
});

// Several files are read at once, and a reader that is never answered would hang here.
test('a model of many files is loaded again and again', { timeout: 300_000 }, async () => {
  const { bytes, loaded } = await here.evaluate(
    async ([names, count]) => {
      const { importModel, Segmenter } = await import('/pkg/index.js');
      const fetched = names.map(async (name) => {
        const blob = await (await fetch(`/model/${name}`)).blob();
        return new File([blob], name);
      });
      const model = await importModel(await Promise.all(fetched), { scheme: 'f32' });
      let whole = 0;
      for (let load = 0; load < count; load++) {
        const segmenter = await Segmenter.load(model, { device: 'cpu' });
        await segmenter.close();
        whole++;
      }
      return { bytes: model.bytes, loaded: whole };
    },
    [files, loads],
  );
  assert.ok(bytes > 80e6, `${bytes} bytes are many files of 8 MiB`);
  assert.equal(loaded, loads);
});
