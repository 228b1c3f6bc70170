/**
 * How long a picture takes to encode in Chromium: `node benches/encode.mjs BUNDLE [cpu|webgpu] [RUNS]`.
 *
 * Needs `npm run build`. Encodes the same square picture at the bundle's own size, the first time
 * apart, and prints a line of JSON.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from '../scripts/lib.mjs';
import { serve } from '../scripts/serve.mjs';
import { launch } from '../www/test/browser.mjs';

const [bundle = join(root, 'weights/doodle'), device = 'cpu', runs = '5'] = process.argv.slice(2);

const folder = mkdtempSync(join(tmpdir(), 'wordmask-'));
cpSync(join(root, 'pkg/dist'), join(folder, 'pkg'), { recursive: true });
cpSync(resolve(bundle), join(folder, 'model'), { recursive: true });
writeFileSync(join(folder, 'index.html'), '<!doctype html><title>bench</title>');
const server = await serve(folder, { port: 0 });
const browser = await launch();
const page = await browser.newPage();
page.setDefaultTimeout(0);
await page.goto(server.url);

const times = await page.evaluate(
  async ([choice, count]) => {
    const { Segmenter } = await import('/pkg/index.js');
    const start = performance.now();
    const segmenter = await Segmenter.load('/model/', { device: choice, cache: 'none' });
    const load = performance.now() - start;
    const pixels = new Uint8ClampedArray(256 * 256 * 4).map((_, i) => (i % 4 === 3 ? 255 : i * 37));
    const encodes = [];
    for (let i = 0; i < count; i++) {
      const begin = performance.now();
      const picture = await segmenter.encode(new ImageData(pixels, 256, 256));
      encodes.push(performance.now() - begin);
      picture.free();
    }
    await segmenter.close();
    return { load, encodes };
  },
  [device, Number(runs)],
);

await browser.close();
await server.close();
rmSync(folder, { recursive: true, force: true });

const [first, ...later] = times.encodes;
const sorted = later.toSorted((a, b) => a - b);
const whole = (ms) => (ms === undefined ? undefined : Math.round(ms));
const median = whole(sorted[Math.floor(sorted.length / 2)]);
console.log(
  JSON.stringify({
    bundle,
    device,
    load_ms: whole(times.load),
    first_encode_ms: whole(first),
    encode_ms: median,
    runs: later.length,
  }),
);
