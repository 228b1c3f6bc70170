/**
 * How much memory Chromium takes for a model, and how long it needs:
 * `node benches/memory.mjs load BUNDLE` or `node benches/memory.mjs import FOLDER [SCHEME]`.
 *
 * Needs `npm run build`, and Linux: it reads what the renderer holds from /proc. `load` fetches the vision
 * tower and then, for a word that is not ready, the text tower, on the CPU and without a cache;
 * `import` turns a published model in a folder into a bundle in the browser's storage.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from '../scripts/lib.mjs';
import { serve } from '../scripts/serve.mjs';
import { launch } from '../www/test/browser.mjs';

const [task, path, scheme = 'q8'] = process.argv.slice(2);
if (!path || !['load', 'import'].includes(task)) {
  throw new Error('usage: node benches/memory.mjs load BUNDLE | import FOLDER [SCHEME]');
}

/** Megabytes that the largest renderer holds for itself. */
function held() {
  const sizes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        const renderer = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer');
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const of = (key) => Number(status.match(new RegExp(`${key}:\\s+(\\d+)`))[1]);
        return renderer ? (of('RssAnon') + of('RssShmem')) / 1e3 : 0;
      } catch {
        // It ended meanwhile.
        return 0;
      }
    });
  return Math.max(0, ...sizes);
}

/** Runs one step of the page and tells its time, and the most memory meanwhile. */
async function measured(step) {
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, held());
  }, 25);
  const begin = performance.now();
  const made = await step();
  clearInterval(watch);
  return {
    ms: Math.round(performance.now() - begin),
    most_mb: Math.round(Math.max(most, held())),
    after_mb: Math.round(held()),
    ...made,
  };
}

const folder = mkdtempSync(join(tmpdir(), 'wordmask-'));
cpSync(join(root, 'pkg/dist'), join(folder, 'pkg'), { recursive: true });
if (task === 'load') cpSync(resolve(path), join(folder, 'model'), { recursive: true });
writeFileSync(join(folder, 'index.html'), '<!doctype html><input type="file" multiple>');
const server = await serve(folder, { port: 0 });
const browser = await launch();
const page = await browser.newPage();
page.setDefaultTimeout(0);
await page.goto(server.url);

const report = { task, path, before_mb: Math.round(held()) };
if (task === 'load') {
  report.vision = await measured(() =>
    page.evaluate(async () => {
      const { Segmenter } = await import('/pkg/index.js');
      globalThis.segmenter = await Segmenter.load('/model/', { device: 'cpu', cache: 'none' });
    }),
  );
  report.encode = await measured(() =>
    page.evaluate(async () => {
      const pixels = new Uint8ClampedArray(256 * 256 * 4).fill(200);
      globalThis.picture = await globalThis.segmenter.encode(new ImageData(pixels, 256, 256));
    }),
  );
  report.text = await measured(() =>
    page.evaluate(async () => {
      await globalThis.picture.segment(['a word that nobody has made ready'], {
        background: 'none',
      });
    }),
  );
} else {
  const names = readdirSync(path).filter((name) => !/^expected/.test(name));
  await page.locator('input').setInputFiles(names.map((name) => join(path, name)));
  report.import = await measured(() =>
    page.evaluate(async (scheme) => {
      const { importModel } = await import('/pkg/index.js');
      const { files } = document.querySelector('input');
      const { bytes } = await importModel([...files], { scheme });
      return { bytes };
    }, scheme),
  );
}
console.log(JSON.stringify(report));

await browser.close();
await server.close();
rmSync(folder, { recursive: true, force: true });
