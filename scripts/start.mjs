/**
 * Builds what is missing and serves the page: `npm start`.
 *
 * The engine for the CPU takes a third of the time that all take, so that the page is there as soon as it
 * is built. The others are built while the page is served, which offers them when they are there.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { Failure, isMain, main, root } from './lib.mjs';
import { serveBuilt } from './serve.mjs';

const profile = 'web-test';

/** Whether every engine has been built before, so that building them takes seconds. */
function isBuilt() {
  const engines = join(root, 'pkg', 'dist', 'engine');
  return existsSync(join(engines, 'wordmask-webgpu.wasm'));
}

/** In a process of its own: building blocks, and the page is to be served meanwhile. */
function buildAll() {
  return new Promise((resolve, reject) => {
    const args = [join(root, 'scripts', 'build.mjs'), '--profile', profile];
    const child = spawn(process.execPath, args, { stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (status) =>
      status === 0 ? resolve() : reject(new Failure('The other engines could not be built.')),
    );
  });
}

if (isMain(import.meta.url)) {
  main(async () => {
    if (isBuilt()) {
      await build({ profile });
      await serveBuilt();
      return;
    }
    await build({ profile, engines: ['cpu'] });
    await serveBuilt();
    console.log(
      'The engines for WebGPU and for relaxed SIMD are built now; the page runs without.',
    );
    await buildAll();
    console.log('All engines are built. Reload the page.');
  });
}
