/** The npm package in a browser: a held-out scene goes in, its label map is compared with the truth. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../scripts/lib.mjs';
import { site } from '../www/test/browser.mjs';

const truth = JSON.parse(readFileSync(join(root, 'tests/fixtures/scenes/truth.json'), 'utf8'));

const here = site((folder) => {
  cpSync(join(root, 'pkg/dist'), join(folder, 'pkg'), { recursive: true });
  cpSync(join(root, 'weights/doodle'), join(folder, 'doodle'), { recursive: true });
  cpSync(join(root, 'tests/fixtures/scenes'), join(folder, 'scenes'), { recursive: true });
});

/**
 * Segments the scene on a device, the words being the things that the truth knows, and returns the
 * intersection over union of each. The background is that of the scene alone: the fewer words, the
 * sooner a software GPU is done.
 */
function segment(device, { engineUrl, size } = {}) {
  return here.evaluate(
    async ([choice, engineUrl, size, names, things, grounds]) => {
      const { Segmenter } = await import('/pkg/index.js');
      const fetchBlob = async (path) => (await fetch(path)).blob();
      const segmenter = await Segmenter.load('/doodle/', { device: choice, engineUrl });
      const picture = await segmenter.encode(await fetchBlob(`/scenes/${names.picture}`), { size });
      const result = await picture.segment(
        things.map(({ name }) => name),
        // At one scale: a software GPU takes minutes for several.
        { background: grounds, method: 'maskclip', refine: ['pamr'] },
      );
      const mask = await createImageBitmap(await fetchBlob(`/scenes/${names.mask}`), {
        colorSpaceConversion: 'none',
      });
      const canvas = new OffscreenCanvas(mask.width, mask.height);
      const context = canvas.getContext('2d');
      context.drawImage(mask, 0, 0);
      const { data } = context.getImageData(0, 0, mask.width, mask.height);
      const iou = things.map(({ value }, index) => {
        let both = 0;
        let either = 0;
        for (let i = 0; i < result.labels.length; i++) {
          const isThere = data[i * 4] === value;
          const isFound = result.labels[i] === index;
          both += isThere && isFound ? 1 : 0;
          either += isThere || isFound ? 1 : 0;
        }
        return both / either;
      });
      const answer = { ...segmenter.device, labels: [...result.labels], iou };
      await segmenter.close();
      return answer;
    },
    [device, engineUrl, size, truth, truth.things, truth.grounds],
  );
}

test('cut-outs in the browser: alone and together, soft and hard, trimmed, as PNG and WebP', async () => {
  const found = await here.evaluate(
    async ([names, things, grounds]) => {
      const { Segmenter } = await import('/pkg/index.js');
      const fetchBlob = async (path) => (await fetch(path)).blob();
      const segmenter = await Segmenter.load('/doodle/', { device: 'cpu' });
      const source = await fetchBlob(`/scenes/${names.picture}`);
      const picture = await segmenter.encode(source);
      const words = things.map(({ name }) => name);
      const how = { background: grounds, method: 'maskclip', refine: ['pamr', 'edges'] };
      const result = await picture.segment(words, how);
      const read = async (file) => {
        const bitmap = await createImageBitmap(file);
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        const context = canvas.getContext('2d');
        context.drawImage(bitmap, 0, 0);
        const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
        const alpha = Array.from(data.filter((_, index) => index % 4 === 3));
        return { type: file.type, bbox: file.bbox, width: bitmap.width, alpha, data };
      };
      const hard = await read(await result.cutout(words, { feather: 0 }));
      const soft = await read(await result.cutout(words));
      const webp = await read(await result.cutout(words[0], { trim: true, format: 'webp' }));
      const trimmed = await read(await result.cutout(words[0], { trim: true }));
      const pictures = [{ blur: 8 }, '#fc0', source, await createImageBitmap(source)];
      const opaque = [];
      for (const background of pictures) {
        const { alpha, data } = await read(await result.cutout(0, { background }));
        opaque.push([Math.min(...alpha), ...data.slice(-4)]);
      }
      const matte = [...(await result.matte(words))];
      const size = [result.width, result.height];
      const labels = [...result.labels];
      const last = [...(await picture.toImageData()).data.slice(-4)];
      await segmenter.close();
      return { hard, soft, webp, trimmed, opaque, matte, labels, size, last };
    },
    [truth, truth.things, truth.grounds],
  );
  const { hard, soft, webp, trimmed, opaque, matte, labels, size, last } = found;
  assert.deepEqual(
    hard.alpha,
    labels.map((label) => (label === 255 ? 0 : 255)),
  );
  assert.deepEqual(soft.alpha, matte);
  const fractions = matte.filter((alpha) => alpha > 0 && alpha < 255);
  assert.ok(fractions.length > 100 && fractions.length < matte.length / 4, `${fractions.length}`);
  assert.deepEqual(soft.bbox, [0, 0, ...size]);
  assert.deepEqual([webp.type, trimmed.type], ['image/webp', 'image/png']);
  assert.deepEqual(webp.bbox, trimmed.bbox);
  assert.equal(trimmed.width, trimmed.bbox[2]);
  assert.ok(trimmed.width < size[0] / 2);
  const apart = webp.alpha.map((alpha, index) => Math.abs(alpha - trimmed.alpha[index]));
  assert.ok(Math.max(...apart) <= 2, 'alpha of WebP is without loss');
  // The last pixel is grass.
  assert.deepEqual(
    opaque.map(([least]) => least),
    [255, 255, 255, 255],
  );
  assert.deepEqual(opaque[1].slice(1), [255, 204, 0, 255]);
  assert.deepEqual(opaque[2].slice(1), last);
  assert.deepEqual(opaque[3].slice(1), last);
});

test('a megapixel is cut out at once', async (t) => {
  const times = await here.evaluate(async () => {
    const { Segmenter } = await import('/pkg/index.js');
    const segmenter = await Segmenter.load('/doodle/', { device: 'cpu' });
    const side = 1000;
    const isIn = (i) => Math.hypot((i % side) - 500, Math.floor(i / side) - 500) < 333;
    const rgba = Uint8ClampedArray.from({ length: side * side * 4 }, (_, i) => {
      return (Math.imul(i, 2_654_435_761) >>> 26) + (isIn(i >> 2) ? 150 : 0);
    });
    const picture = await segmenter.encode(new ImageData(rgba, side, side));
    const found = await picture.segment(['cat'], { method: 'maskclip', refine: [] });
    const labels = Uint8Array.from({ length: side * side }, (_, i) => (isIn(i) ? 0 : 255));
    const result = await found.withLabels(labels);
    const ways = {
      matte: () => result.matte('cat'),
      hard: () => result.cutout('cat', { feather: 0 }),
      soft: () => result.cutout('cat'),
      blurred: () => result.cutout('cat', { background: { blur: 12 } }),
      webp: () => result.cutout('cat', { format: 'webp' }),
    };
    const times = {};
    // The second time, when its code has been compiled.
    for (const [name, cut] of [...Object.entries(ways), ...Object.entries(ways)]) {
      const begin = performance.now();
      await cut();
      times[name] = Math.round(performance.now() - begin);
    }
    await segmenter.close();
    return times;
  });
  t.diagnostic(`milliseconds: ${JSON.stringify(times)}`);
  // 51 were measured; other work may take most of the machine.
  assert.ok(times.matte < 510, `${times.matte} ms`);
});

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('the masks of a scene are right on the CPU, and the same on WebGPU', async (t) => {
  const onCpu = await segment('cpu');
  assert.equal(onCpu.kind, 'cpu');
  t.diagnostic(`intersection over union ${onCpu.iou.map((x) => x.toFixed(2)).join(', ')}`);
  assert.ok(mean(onCpu.iou) > 0.5, `only ${mean(onCpu.iou)}`);

  const onGpu = await segment('webgpu');
  assert.equal(onGpu.kind, 'webgpu');
  assert.ok(mean(onGpu.iou) > 0.5, `only ${mean(onGpu.iou)}`);
  const same = onCpu.labels.filter((label, index) => label === onGpu.labels[index]).length;
  assert.ok(same / onCpu.labels.length > 0.995, `only ${same} pixels agree`);
});

test('a software adapter is passed over by auto, which says so', async () => {
  const device = await here.evaluate(async () => {
    const { Segmenter } = await import('/pkg/index.js');
    const segmenter = await Segmenter.load('/doodle/', { device: 'auto' });
    const { device: chosen } = segmenter;
    await segmenter.close();
    return chosen;
  });
  assert.equal(device.kind, 'cpu');
  assert.match(device.note, /software/);
});

test('a browser with relaxed SIMD gets the faster engine, which answers as the other does', async () => {
  // 257, 226 and 170 tokens: rows that fill up all groups of tiles, and that leave one or two.
  for (const size of [128, 120, 104]) {
    const faster = await segment('cpu', { size });
    assert.match(faster.name, /^relaxed SIMD/);
    const other = await segment('cpu', { size, engineUrl: '/pkg/engine/wordmask-cpu.wasm' });
    assert.equal(other.name, 'SIMD');
    // Dot products are the same integers; only the arithmetic around them rounds differently.
    const same = faster.labels.filter((label, index) => label === other.labels[index]).length;
    assert.ok(same / faster.labels.length > 0.999, `size ${size}: only ${same} pixels agree`);
  }
});
