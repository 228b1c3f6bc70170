/**
 * Builds the engine, the npm package and the page:
 * `node scripts/build.mjs [--profile web|web-test] [--only engine|pkg|www] [--site URL]`.
 *
 * `web` is the engine as it ships; `web-test`, for `npm start` and the tests, links in a fraction of
 * the time and skips wasm-opt. `--site` is where the page is to be served, which pictures of links to
 * it need to know; without it that is `homepage` in package.json.
 */

import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { Failure, isMain, main, output, root, run, targetDir } from './lib.mjs';
import { builtInDir, pageDir, publishModels } from './models.mjs';
import { appFolder, finishPage, siteBase } from './page.mjs';
import { buildBindgen, wasmTarget } from './setup.mjs';

const profiles = ['web', 'web-test'];
const parts = ['engine', 'pkg', 'www'];

const pkgDir = join(root, 'pkg', 'dist');
const engineDir = join(pkgDir, 'engine');

/**
 * `-O1`, since what LLVM has optimised already gains little more, and `-O3` and `-Os` inline: fewer
 * bytes, but more after compression, and four times the build (docs/measurements.md).
 * `--all-features` would emit compact imports, which browsers refuse.
 */
const wasmOptFlags = [
  '-O1',
  '--enable-simd',
  '--enable-relaxed-simd',
  '--enable-bulk-memory',
  '--enable-nontrapping-float-to-int',
  '--enable-sign-ext',
  '--enable-mutable-globals',
  '--enable-reference-types',
  '--enable-multivalue',
];

/**
 * @param {string[]} engines those to build; that for the CPU belongs to them
 * @param {boolean} tests whether to build the tests as well that run inside a browser
 * @param {boolean} offline whether the page is kept for visits without the network, and so goes on
 *   being shown after it was built anew until its user takes the new one
 */
export async function build({
  profile = 'web',
  only,
  site,
  offline = true,
  engines: wanted = Object.keys(engines),
  tests = false,
} = {}) {
  if (!profiles.includes(profile)) {
    throw new Failure(`There is no profile ${profile}; the profiles are ${profiles.join(', ')}.`);
  }
  if (only !== undefined && !parts.includes(only)) {
    throw new Failure(`There is no part ${only}; the parts are ${parts.join(', ')}.`);
  }
  if (!only || only === 'engine') buildEngines(profile, wanted, tests);
  // The worker holds the engine's JavaScript, so that it follows the engine.
  if (!only || only === 'engine' || only === 'pkg') await buildPkg();
  if (!only || only === 'www') await buildWww({ site, offline });
}

/**
 * The engines by the name of their file. What is built with relaxed SIMD, but nothing it depends on, may
 * use it; the JavaScript around it is that of the engine without.
 */
const engines = {
  cpu: { features: 'web,cpu' },
  'cpu-relaxed': { features: 'relaxed-simd', relaxed: true, glue: 'cpu' },
  webgpu: { features: 'web,gpu' },
};

/** Compiles for the browser; the flags of the target are in `.cargo/config.toml`. */
function compile(what, profile, { features, relaxed = false }) {
  const args = ['--locked', '--target', wasmTarget, '--profile', profile];
  const chosen = ['--no-default-features', '--features', features];
  const flags = relaxed ? ['--', '-C', 'target-feature=+relaxed-simd'] : [];
  run('cargo', [relaxed ? 'rustc' : 'build', ...what, ...args, ...chosen, ...flags], {
    failure: 'The engine does not compile; see above.',
  });
  return join(targetDir, wasmTarget, profile);
}

/**
 * What was built before stays until all that is wanted is there. Of the two engines for the CPU the one
 * for every browser stands in for the faster one until that is built.
 */
function buildEngines(profile, wanted, tests) {
  for (const name of wanted) {
    buildEngine(name, profile);
    // At once, since cargo keeps this crate's library for one set of features.
    if (tests) for (const test of browserTests[name] ?? []) buildBrowserTest(test);
  }
  rmSync(engineDir, { recursive: true, force: true });
  mkdirSync(engineDir, { recursive: true });
  for (const name of wanted) placeEngine(name, profile);
  if (!wanted.includes('cpu-relaxed')) copyFileSync(engineFile('cpu'), engineFile('cpu-relaxed'));
  writeFileSync(join(engineDir, '.made-from.json'), JSON.stringify({ profile }));
}

const engineFile = (name) => join(engineDir, `wordmask-${name}.wasm`);

/** Where an engine lies with its JavaScript before it has its place in the package. */
const madeIn = (profile, name) => join(targetDir, 'engines', profile, name);

function buildEngine(name, profile) {
  const { features, relaxed } = engines[name];
  const made = madeIn(profile, name);
  // Cargo would compile the crate anew for each engine, whether it has changed or not.
  const stamp = JSON.stringify({ sources: hashOfSources(), features, wasmOptFlags });
  if (isFresh(made, stamp)) return;
  const built = join(compile(['--lib'], profile, { features, relaxed }), 'wordmask.wasm');
  rmSync(made, { recursive: true, force: true });
  run(buildBindgen(), [built, made], {
    failure: 'The engine has no JavaScript around it; see above.',
  });
  if (profile === 'web') optimise(made);
  writeFileSync(stampPath(made), stamp);
  printSizes(name, made);
}

function placeEngine(name, profile) {
  const { glue = name } = engines[name];
  const made = madeIn(profile, name);
  copyFileSync(join(made, 'wordmask_bg.wasm'), engineFile(name));
  if (glue === name) copyFileSync(join(made, 'wordmask.js'), join(engineDir, `${name}.js`));
  else requireSameGlue(made, madeIn(profile, glue));
}

/** The files that an engine is compiled from: all of some folders, since Rust includes more than Rust. */
export function sourceFiles() {
  const files = ['Cargo.toml', 'Cargo.lock', '.cargo/config.toml', 'weights/catalogue.json'];
  for (const folder of ['src', 'weights/doodle', 'scripts/bindgen']) {
    const all = readdirSync(join(root, folder), { recursive: true }).map((name) =>
      join(folder, name),
    );
    files.push(...all.filter((path) => statSync(join(root, path)).isFile()).sort());
  }
  return files;
}

/** What an engine is compiled from and with, as one hash. */
function hashOfSources() {
  const hash = createHash('sha256').update(output('rustc', ['--version']) ?? '');
  for (const file of sourceFiles()) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

function requireSameGlue(one, other) {
  // But for comments, in which the places of functions are told.
  const [a, b] = [one, other].map((folder) =>
    readFileSync(join(folder, 'wordmask.js'), 'utf8').replace(/^ *\/\/.*$/gm, ''),
  );
  if (a !== b) {
    throw new Failure(
      `${one} needs other JavaScript than ${other}, which the package has no place for.`,
    );
  }
}

/**
 * The tests that run inside a browser, by the engine whose library they are built on: those of a device
 * (`tests/support/wasm.rs`), and of the CPU's kernels with relaxed SIMD. Each goes into a folder of its own
 * in `target/browser-tests`.
 */
const browserTests = {
  cpu: [
    { example: 'browser_tests', folder: 'cpu', options: engines.cpu },
    {
      example: 'relaxed_kernels',
      folder: 'cpu-relaxed',
      options: { ...engines.cpu, relaxed: true },
    },
  ],
  webgpu: [{ example: 'browser_tests', folder: 'webgpu', options: engines.webgpu }],
};

function buildBrowserTest({ example, folder, options }) {
  const from = compile(['--example', example], 'web-test', options);
  const built = join(from, 'examples', `${example}.wasm`);
  run(buildBindgen(), [built, join(targetDir, 'browser-tests', folder)], {
    failure: 'The browser tests have no JavaScript around them; see above.',
  });
}

/** What an engine was made from, so that slow steps run only after a change. */
function stampPath(folder) {
  return join(folder, '.made-from.json');
}

function isFresh(folder, stamp) {
  const wasm = join(folder, 'wordmask_bg.wasm');
  const path = stampPath(folder);
  return existsSync(wasm) && existsSync(path) && readFileSync(path, 'utf8') === stamp;
}

function optimise(folder) {
  const wasm = join(folder, 'wordmask_bg.wasm');
  const smaller = join(folder, 'optimised.wasm');
  const program = join(root, 'node_modules', 'binaryen', 'bin', 'wasm-opt');
  run(process.execPath, [program, ...wasmOptFlags, wasm, '-o', smaller]);
  renameSync(smaller, wasm);
}

function printSizes(name, folder) {
  const bytes = readFileSync(join(folder, 'wordmask_bg.wasm'));
  const brotli = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 9,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  const megabytes = (length) => `${(length / 1e6).toFixed(2)} MB`;
  const sizes = [
    `${megabytes(bytes.length)} raw`,
    `${megabytes(gzipSync(bytes, { level: 9 }).length)} gzip`,
    `${megabytes(brotli.length)} brotli`,
  ];
  console.log(`Engine ${name}: ${sizes.join(', ')}.`);
}

/** The module, and the worker with the engine's JavaScript in it, one file that stands alone. */
async function buildPkg() {
  requireBuilt(join(engineDir, 'cpu.js'), 'Run "npm run build" without --only first.');
  for (const name of existsSync(pkgDir) ? readdirSync(pkgDir) : []) {
    if (name !== 'engine') rmSync(join(pkgDir, name), { recursive: true });
  }
  await bundle({
    entryPoints: [join(root, 'pkg/src/index.ts'), join(root, 'pkg/src/element.ts')],
    outdir: pkgDir,
    external: ['./index.js'],
  });
  await bundle({
    entryPoints: [join(root, 'pkg/src/worker.ts')],
    outdir: pkgDir,
    format: 'iife',
    plugins: [engineGlue],
  });
  copy(root, pkgDir, (name) => name.startsWith('LICENSE'));
  await buildDeclarations();
}

/**
 * One declaration file for each entry point, without the types that are the package's own. The element
 * imports the module, since a class that is declared twice is two types.
 */
async function buildDeclarations() {
  const each = join(targetDir, 'declarations');
  rmSync(each, { recursive: true, force: true });
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [compiler, '-p', 'pkg', '--outDir', each], {
    failure: 'The package has type errors.',
  });
  const [{ rollup }, { dts }] = await Promise.all([import('rollup'), import('rollup-plugin-dts')]);
  for (const entry of ['index', 'element']) {
    const rolled = await rollup({
      input: join(each, `${entry}.d.ts`),
      external: (path) => path === './index.js',
      plugins: [dts()],
    });
    const { output } = await rolled.generate({});
    writeFileSync(join(pkgDir, `${entry}.d.ts`), withReferencesFirst(output[0].code));
  }
}

/** References to libraries count only at the head of a file; each module brings its own. */
function withReferencesFirst(declarations) {
  const reference = /^\/\/\/ <reference .*\/>\n/gm;
  const references = new Set(declarations.match(reference));
  return [...references, declarations.replace(reference, '')].join('');
}

/**
 * The source names the JavaScript of the engines as if it lay beside it, where only its types are. An
 * engine that is not built yet cannot be started, and says so.
 */
const engineGlue = {
  name: 'engine-glue',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/engine\/\w+\.js$/ }, ({ path }) => {
      const built = join(pkgDir, path);
      return existsSync(built) ? { path: built } : { path, namespace: 'unbuilt' };
    });
    onLoad({ filter: /.*/, namespace: 'unbuilt' }, () => ({ contents: unbuilt }));
  },
};

const unbuilt = `
export default async () => { throw new Error('this engine is not built yet'); };
export const BundleLoader = undefined, ModelImport = undefined, Dataset = undefined;
`;

/**
 * Bundles the unit tests of the package and the page, which Node cannot read as TypeScript, and
 * returns their paths, with those of the scripts' tests, which need no bundling.
 */
export async function bundleTests() {
  const to = join(root, 'node_modules', '.cache', 'wordmask-test');
  rmSync(to, { recursive: true, force: true });
  const scripts = join(root, 'scripts', 'test');
  const plain = readdirSync(scripts).filter((name) => name.endsWith('.test.mjs'));
  const paths = plain.map((name) => join(scripts, name));
  for (const part of ['pkg', 'www']) {
    const from = join(root, part, 'test');
    const names = readdirSync(from).filter((name) => name.endsWith('.test.ts'));
    await bundle({
      entryPoints: names.map((name) => join(from, name)),
      outdir: join(to, part),
      outExtension: { '.js': '.mjs' },
      platform: 'node',
      sourcemap: 'inline',
    });
    paths.push(...names.map((name) => join(to, part, name.replace(/ts$/, 'mjs'))));
  }
  return paths;
}

async function buildWww({ site, offline }) {
  requireBuilt(join(pkgDir, 'worker.js'), 'Run "npm run build" without --only first.');
  requireBuilt(join(engineDir, 'wordmask-cpu.wasm'), 'Run "npm run build" without --only first.');
  requireBuilt(
    join(builtInDir, 'wordmask.json'),
    'The built-in bundle belongs to the repository: restore weights/doodle.',
  );
  const base = siteBase(site);
  rmSync(pageDir, { recursive: true, force: true });
  const app = join(pageDir, appFolder);
  mkdirSync(app, { recursive: true });
  await bundle({
    entryPoints: ['main.ts', 'models-page.ts', 'style.css'].map((name) =>
      join(root, 'www/src', name),
    ),
    outdir: app,
    // The texts of each language are fetched only where they are read. All parts lie in one folder, since
    // the package looks for its worker beside its module.
    splitting: true,
    chunkNames: '[name]-[hash]',
    minify: true,
    sourcemap: true,
  });
  copy(join(root, 'www'), pageDir, (name) => !/^(src|test|dist|tsconfig.*)$/.test(name));
  copy(pkgDir, app, (name) => name === 'worker.js');
  copy(engineDir, join(app, 'engine'), (name) => name.endsWith('.wasm'));
  publishModels(pageDir);
  const kept = finishPage(pageDir, base);
  await bundle({
    entryPoints: [join(root, 'www/src/service-worker.ts')],
    outdir: pageDir,
    format: 'iife',
    minify: true,
    define: { BUILD: JSON.stringify(offline ? kept : { version: '', files: [] }) },
  });
}

function requireBuilt(path, advice) {
  if (!existsSync(path)) throw new Failure(`${path} is missing. ${advice}`);
}

/** Copies what lies directly in a folder under names that are wanted, with all that is below. */
function copy(from, to, wanted) {
  for (const name of readdirSync(from).filter(wanted)) {
    cpSync(join(from, name), join(to, name), { recursive: true });
  }
}

async function bundle(options) {
  const { build: esbuild } = await import('esbuild').catch(() => {
    throw new Failure('The npm packages are missing: run "npm ci".');
  });
  try {
    await esbuild({
      absWorkingDir: root,
      bundle: true,
      format: 'esm',
      target: 'es2022',
      charset: 'utf8',
      logLevel: 'warning',
      ...options,
    });
  } catch (error) {
    throw new Failure(
      `esbuild could not bundle ${options.entryPoints.join(', ')}: ${error.message}`,
    );
  }
}

if (isMain(import.meta.url)) {
  main(async () => {
    const names = ['profile', 'only', 'site'];
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
    const { values } = parseArgs({ options });
    await build(values);
  });
}
