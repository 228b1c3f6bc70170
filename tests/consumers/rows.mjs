/**
 * Who uses the package: one row for each bundler, server and runtime, with what it needs.
 *
 * - `packages`: what is installed beside wordmask, in these versions
 * - `folders`: what the project consists of, from this folder or from the root of the repository
 * - `build`: programs of the project, with arguments, or functions of its folder
 * - `site`: the folder to serve, or `serve`: a server of the project's own, told its port
 * - `script`: what a runtime runs instead, with `runtime` in front of it
 * - `todo`: what a user has to do, which is what the row does
 */

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const nothing = 'nothing';
const vite = { vite: '7.3.8' };
const next = { next: '15.5.29', react: '19.3.1', 'react-dom': '19.3.1' };
const rollup = { rollup: '4.68.8', '@rollup/plugin-node-resolve': '16.0.3' };

export const rows = {
  plain: {
    title: 'no bundler, `<script type="module">`',
    folders: ['common'],
    build: [(folder) => importFrom(folder, './node_modules/wordmask/dist/index.js')],
    site: '.',
    todo: 'serve `dist` and import `dist/index.js`',
  },
  vite: {
    title: 'Vite, build',
    packages: vite,
    folders: ['common'],
    build: [['vite', 'build']],
    site: 'dist',
    todo: nothing,
  },
  'vite-dev': {
    title: 'Vite, dev server',
    packages: vite,
    folders: ['common'],
    serve: (port) => ['vite', '--port', `${port}`, '--strictPort', '--host', '127.0.0.1'],
    todo: nothing,
  },
  'vite-dev-exclude': {
    title: 'Vite, dev server, `optimizeDeps.exclude`',
    packages: vite,
    folders: ['common'],
    build: [(folder) => viteConfig(folder, { optimizeDeps: { exclude: ['wordmask'] } })],
    serve: (port) => ['vite', '--port', `${port}`, '--strictPort', '--host', '127.0.0.1'],
    todo: 'only if Vite’s cache does not lie in `node_modules`',
  },
  webpack: {
    title: 'webpack',
    packages: { webpack: '5.113.0', 'webpack-cli': '7.3.1' },
    folders: ['common', 'webpack'],
    build: [['webpack'], (folder) => page(folder, 'dist')],
    site: 'dist',
    todo: nothing,
  },
  next: {
    title: 'Next, webpack',
    packages: next,
    folders: ['common', 'next'],
    build: [['next', 'build']],
    serve: (port) => ['next', 'start', '--port', `${port}`],
    todo: nothing,
  },
  'next-turbopack': {
    title: 'Next, `--turbopack`, build',
    packages: next,
    folders: ['common', 'next'],
    build: [['next', 'build', '--turbopack']],
    serve: (port) => ['next', 'start', '--port', `${port}`],
    todo: nothing,
  },
  'next-turbopack-dev': {
    title: 'Next, `--turbopack`, dev server',
    packages: next,
    folders: ['common', 'next'],
    serve: (port) => ['next', 'dev', '--turbopack', '--port', `${port}`],
    todo: nothing,
  },
  parcel: {
    title: 'Parcel',
    packages: { parcel: '2.16.4' },
    folders: ['common'],
    build: [['parcel', 'build', 'index.html', '--no-cache']],
    site: 'dist',
    // An import map, which a Content-Security-Policy has to allow by its hash.
    hasInlineScripts: true,
    todo: nothing,
  },
  rollup: {
    title: 'Rollup, `@web/rollup-plugin-import-meta-assets`',
    packages: { ...rollup, '@web/rollup-plugin-import-meta-assets': '2.3.3' },
    folders: ['common', 'rollup'],
    build: [['rollup', '-c'], (folder) => page(folder, 'dist')],
    site: 'dist',
    todo: nothing,
  },
  'rollup-worker': {
    title: 'Rollup, `@surma/rollup-plugin-off-main-thread`',
    packages: { ...rollup, '@surma/rollup-plugin-off-main-thread': '2.2.3' },
    folders: ['common', 'rollup-worker'],
    build: [['rollup', '-c'], (folder) => page(folder, 'dist'), (folder) => files(folder, 'dist')],
    site: 'dist',
    todo: 'copy `worker.js` and `engine/` beside the bundle',
  },
  esbuild: {
    title: 'esbuild',
    packages: { esbuild: '0.28.2' },
    folders: ['common'],
    build: [
      ['esbuild', 'main.js', '--bundle', '--format=esm', '--minify', '--outdir=dist'],
      (folder) => page(folder, 'dist'),
      (folder) => files(folder, 'dist'),
    ],
    site: 'dist',
    todo: 'copy `worker.js` and `engine/` beside the bundle',
  },
  cdn: {
    title: 'no bundler, from a server of another origin',
    folders: ['common'],
    build: [(folder, { cdn }) => importFrom(folder, `${cdn}node_modules/wordmask/dist/index.js`)],
    site: '.',
    isForeign: true,
    todo: 'that server allows it (CORS), as CDNs do; `worker-src blob:` in a Content-Security-Policy',
  },
  react: {
    title: 'React, `examples/react`',
    folders: ['../../examples/react'],
    build: [
      ['tsc', '--noEmit'],
      ['vite', 'build'],
    ],
    site: 'dist',
    drive: 'react',
    todo: nothing,
  },
  typescript: {
    title: 'TypeScript, types of the package',
    packages: { typescript: '5.9.3' },
    folders: ['typescript'],
    build: ['bundler', 'nodenext'].map((way) => types(way)),
    todo: nothing,
  },
  node: {
    title: 'Node',
    folders: ['common'],
    runtime: [process.execPath],
    script: 'run.mjs',
    version: process.version,
    todo: nothing,
  },
  deno: {
    title: 'Deno',
    packages: { deno: '2.9.6' },
    folders: ['common'],
    runtime: ['deno', 'run', '--allow-read'],
    script: 'run.mjs',
    todo: '`--allow-read` for models on the disk',
  },
  bun: {
    title: 'Bun',
    packages: { bun: '1.4.5' },
    folders: ['common'],
    runtime: ['bun', 'run'],
    script: 'run.mjs',
    todo: nothing,
  },
};

/** What `npm test` has time for. */
export const tested = ['plain', 'vite', 'webpack', 'react', 'node'];

/** Without a bundler a name is no address. */
function importFrom(folder, address) {
  const path = join(folder, 'segment.js');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace("from 'wordmask'", `from '${address}'`));
}

function viteConfig(folder, config) {
  writeFileSync(join(folder, 'vite.config.js'), `export default ${JSON.stringify(config)};\n`);
}

/** The page that loads a bundle. */
function page(folder, to) {
  cpSync(join(folder, 'index.html'), join(folder, to, 'index.html'));
}

/** What bundlers that leave files alone leave to their users. */
function files(folder, to) {
  const dist = join(folder, 'node_modules', 'wordmask', 'dist');
  cpSync(join(dist, 'worker.js'), join(folder, to, 'worker.js'));
  cpSync(join(dist, 'engine'), join(folder, to, 'engine'), { recursive: true });
}

function types(moduleResolution) {
  const module = moduleResolution === 'bundler' ? 'esnext' : 'nodenext';
  const lib = 'es2022,dom,dom.iterable,esnext.disposable';
  const ways = ['--module', module, '--moduleResolution', moduleResolution];
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--lib', lib];
  return ['tsc', '--noEmit', ...ways, ...strict, 'use.ts'];
}
