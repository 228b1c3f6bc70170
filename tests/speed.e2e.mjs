/**
 * That quantised matrices are worth their kernels: a tower as wide as ViT-B, but of three blocks, encodes a
 * picture in q8 in a part of the time that it takes in f32. Both run in turn in one page, so that what else the
 * machine does meets both alike. `npm run bench` makes the comparisons that take longer.
 */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../scripts/lib.mjs';
import { site } from '../www/test/browser.mjs';
import { files, putWideModel } from './support/wide-model.mjs';

/** What is measured lies far below; with kernels that compute in floats it would come to 1. */
const most = 0.6;
const rounds = 9;

const here = site((folder) => {
  cpSync(join(root, 'pkg/dist'), join(folder, 'pkg'), { recursive: true });
  putWideModel(join(folder, 'model'));
});

test('q8 encodes in a part of the time of f32', { timeout: 300_000 }, async (t) => {
  const times = await here.evaluate(
    async ([names, count]) => {
      const { importModel, Segmenter } = await import('/pkg/index.js');
      const fetched = names.map(async (name) => {
        const blob = await (await fetch(`/model/${name}`)).blob();
        return new File([blob], name);
      });
      const published = await Promise.all(fetched);
      const loaded = {};
      for (const scheme of ['q8', 'f32']) {
        const model = await importModel(published, { scheme });
        loaded[scheme] = await Segmenter.load(model, { device: 'cpu' });
      }
      const pixels = new Uint8ClampedArray(336 * 336 * 4).map((_, i) => (i % 4 === 3 ? 255 : i));
      const image = new ImageData(pixels, 336, 336);
      const encode = async (segmenter) => {
        const begin = performance.now();
        (await segmenter.encode(image, { size: 336, method: 'maskclip' })).free();
        return performance.now() - begin;
      };
      const pairs = [];
      for (let round = 0; round <= count; round++) {
        const pair = [await encode(loaded.q8), await encode(loaded.f32)];
        // In the first round the browser is still compiling.
        if (round > 0) pairs.push(pair);
      }
      for (const segmenter of Object.values(loaded)) await segmenter.close();
      return pairs;
    },
    [files, rounds],
  );
  const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  const ratio = median(times.map(([q8, f32]) => q8 / f32));
  const [q8, f32] = [0, 1].map((i) => median(times.map((pair) => pair[i])));
  t.diagnostic(`q8 ${q8.toFixed(0)} ms, f32 ${f32.toFixed(0)} ms, ratio ${ratio.toFixed(2)}`);
  assert.ok(ratio <= most, `q8 takes ${ratio.toFixed(2)} of the time of f32`);
});
