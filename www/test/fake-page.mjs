/** The page with a stand-in for the engine, as a site for tests. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const www = fileURLToPath(new URL('..', import.meta.url));

/** Fills a folder with the page, which then finds words by drawn colours (`fake-wordmask.ts`). */
export async function buildFakePage(folder) {
  for (const name of ['index.html', 'models.html', 'icon.svg']) {
    cpSync(join(www, name), join(folder, name));
  }
  await build({
    entryPoints: ['main.ts', 'models-page.ts', 'style.css'].map((name) => join(www, 'src', name)),
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    alias: { wordmask: join(www, 'test/fake-wordmask.ts') },
    logLevel: 'error',
  });
}
