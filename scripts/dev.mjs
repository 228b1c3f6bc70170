/**
 * Serves the page and rebuilds it as files change: `npm run dev`.
 *
 * A change of TypeScript, CSS or HTML rebuilds the package and the page, which takes a second. A
 * change of Rust compiles the engine first. Reload the page to see either.
 */

import { watch } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { isMain, main, root } from './lib.mjs';
import { serve } from './serve.mjs';

/** How long files have to be quiet before a build, since editors write in several steps. */
const quietMs = 150;

/** A page that was kept for visits without the network would hide what was built after it. */
const options = { profile: 'web-test', offline: false };

/** What has to be built after a change of this path; `undefined` for what no build reads. */
export function partOf(path) {
  const [folder, below] = path.split(/[/\\]/);
  if (folder === 'src' || path === 'Cargo.toml' || path === 'Cargo.lock') return 'engine';
  if (below === 'dist' || below === 'test') return undefined;
  if (folder === 'pkg') return 'pkg';
  if (folder === 'www') return 'www';
  return undefined;
}

/** The steps that the changed parts need, in order: what is built from another comes after it. */
export function steps(parts) {
  const order = ['engine', 'pkg', 'www'];
  const first = order.findIndex((part) => parts.has(part));
  return first < 0 ? [] : order.slice(first);
}

async function rebuild(parts) {
  for (const only of steps(parts)) {
    try {
      await build({ ...options, only });
    } catch (error) {
      // The next save may mend it; what was built before goes on being served.
      console.error(error.message);
      return;
    }
  }
  console.log('Built. Reload the page.');
}

function watchSources() {
  let changed = new Set();
  let timer;
  let running = Promise.resolve();
  const flush = () => {
    const parts = changed;
    changed = new Set();
    running = running.then(() => rebuild(parts));
  };
  for (const folder of ['src', 'pkg', 'www']) {
    watch(join(root, folder), { recursive: true }, (_, name) => {
      const part = name && partOf(join(folder, name.toString()));
      if (!part) return;
      changed.add(part);
      clearTimeout(timer);
      timer = setTimeout(flush, quietMs);
    });
  }
}

if (isMain(import.meta.url)) {
  main(async () => {
    await build(options);
    const { url } = await serve(join(root, 'www', 'dist'));
    console.log(`The page is at ${url}; saving a file rebuilds it (Ctrl+C ends it).`);
    watchSources();
  });
}
