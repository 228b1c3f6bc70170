/**
 * Builds what is missing and serves the page: `npm start`.
 *
 * The engine for the CPU takes a third of the time that all take, so that a first page is there as soon
 * as it is built. The rest is built while the page is served, which offers what is new when it is there.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { Failure, isMain, main, root } from './lib.mjs';
import { pageDir } from './models.mjs';
import { serveBuilt } from './serve.mjs';

const profile = 'web-test';

/** Whether there is a page to serve: its service worker is what is written last. */
function hasPage() {
  return existsSync(join(pageDir, 'service-worker.js'));
}

/** In a process of its own, since building blocks, and ended with this one. */
function buildAll() {
  return new Promise((done, fail) => {
    const script = join(root, 'scripts', 'build.mjs');
    const child = spawn(process.execPath, [script, '--profile', profile], { stdio: 'inherit' });
    process.once('exit', () => child.kill());
    for (const signal of ['SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
    child.on('error', fail);
    child.on('exit', (status) =>
      status === 0
        ? done()
        : fail(new Failure('The page goes on as it was: it could not be built anew; see above.')),
    );
  });
}

if (isMain(import.meta.url)) {
  main(async () => {
    if (!hasPage()) await build({ profile, engines: ['cpu'] });
    await serveBuilt();
    console.log('What is new is built meanwhile.');
    await buildAll();
    console.log('All is built. Reload the page.');
  });
}
