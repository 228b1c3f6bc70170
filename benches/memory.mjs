/**
 * How much memory Chromium takes for a model, and how long it needs:
 * `node benches/memory.mjs load BUNDLE`, `node benches/memory.mjs import FOLDER [SCHEME]` or
 * `node benches/memory.mjs fetch FOLDER [SCHEME]`.
 *
 * Needs `npm run build`, and Linux: it reads what the renderer holds from /proc. `load` fetches the vision
 * tower and then, for a word that is not ready, the text tower, on the CPU and without a cache;
 * `import` turns a published model in a folder into a bundle in the browser's storage; `fetch` gets it
 * from a hub on this machine first.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from '../scripts/lib.mjs';
import { modelsPage } from '../scripts/policy.mjs';
import { serve } from '../scripts/serve.mjs';
import { launch } from '../www/test/browser.mjs';
import { startHub } from '../www/test/hub.mjs';

const [task, path, scheme = 'q8'] = process.argv.slice(2);
if (!path || !['load', 'import', 'fetch'].includes(task)) {
  throw new Error(
    'usage: node benches/memory.mjs load BUNDLE | import FOLDER [SCHEME] | fetch FOLDER [SCHEME]',
  );
}

/** Megabytes that each process of the browser holds for itself, the renderers apart. */
function held() {
  const sizes = { renderers: [0], others: [0] };
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!isOurs(pid)) continue;
      const renderer = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer');
      const size = (statusOf(pid, 'RssAnon') + statusOf(pid, 'RssShmem')) / 1e3;
      sizes[renderer ? 'renderers' : 'others'].push(size);
    } catch {
      // It ended meanwhile.
    }
  }
  const sum = (list) => list.reduce((total, size) => total + size, 0);
  return { renderer: Math.max(...sizes.renderers), browser: sum(sizes.others) };
}

/** Whether this program has started the process, or one that has. */
function isOurs(pid) {
  for (let one = Number(pid); one > 1; one = statusOf(one, 'PPid')) {
    if (one === process.pid) return Number(pid) !== process.pid;
  }
  return false;
}

function statusOf(pid, key) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(status.match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))?.[1] ?? 0);
}

/** Runs one step of the page and tells its time, and the most memory meanwhile. */
async function measured(step) {
  const most = held();
  const look = () => {
    const now = held();
    for (const part of Object.keys(most)) most[part] = Math.max(most[part], now[part]);
    return now;
  };
  const watch = setInterval(look, 25);
  const begin = performance.now();
  const made = await step();
  clearInterval(watch);
  const ms = Math.round(performance.now() - begin);
  const after = look();
  return { ms, most_mb: rounded(most), after_mb: rounded(after), ...made };
}

function rounded({ renderer, browser }) {
  return { renderer: Math.round(renderer), browser: Math.round(browser) };
}

/** The files of a published model, without what only tests read. */
const modelNames = () => readdirSync(path).filter((name) => !/^expected/.test(name));

const folder = mkdtempSync(join(tmpdir(), 'wordmask-'));
cpSync(join(root, 'pkg/dist'), join(folder, 'pkg'), { recursive: true });
if (task === 'load') cpSync(resolve(path), join(folder, 'model'), { recursive: true });
// The page under the policy that lets the hub be reached.
writeFileSync(join(folder, modelsPage), '<!doctype html><input type="file" multiple>');
const server = await serve(folder, { port: 0 });
const hub = task === 'fetch' ? await startHub() : undefined;
// With a profile: without one a browser keeps in memory what it would keep on the disk.
const browser = await launch(hub?.flags, mkdtempSync(join(folder, 'profile-')));
const page = await browser.newPage();
page.setDefaultTimeout(0);
await page.goto(server.url + modelsPage);

const report = { task, path, before_mb: rounded(held()) };
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
} else if (task === 'fetch') {
  const files = modelNames().map((name) => [name, readFileSync(join(path, name))]);
  hub.put('some/model', Object.fromEntries(files));
  report.download = await measured(() =>
    page.evaluate(async (scheme) => {
      const { importModel } = await import('/pkg/index.js');
      await new Promise((resolve, reject) => {
        globalThis.made = importModel('some/model', {
          scheme,
          onProgress: ({ phase }) => phase !== 'download' && resolve(),
        });
        globalThis.made.catch(reject);
      });
    }, scheme),
  );
  report.import = await measured(() =>
    page.evaluate(async () => ({ bytes: (await globalThis.made).bytes })),
  );
} else {
  await page.locator('input').setInputFiles(modelNames().map((name) => join(path, name)));
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
hub?.close();
rmSync(folder, { recursive: true, force: true });
