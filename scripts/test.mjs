/**
 * Every test: `npm test`, or `node scripts/test.mjs NAME …` for some.
 *
 * Runs all suites even if one fails, so that one run tells everything, and ends with the line
 * `N passed, N failed`. A suite that counts nothing, such as the linter, counts as one test.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, bundleTests } from './build.mjs';
import { chromium, isMain, main, root } from './lib.mjs';

const web = [
  '--target',
  'wasm32-unknown-unknown',
  '--no-default-features',
  '--features',
  'web,cpu,gpu',
];
const gpu = ['--features', 'gpu'];
const strict = ['--', '-D', 'warnings'];
/** By its path: what rolls declarations up needs an older compiler, which goes by the same name. */
const tsc = 'node_modules/typescript/bin/tsc';

/** Each yields `{ passed, failed }`. */
const suites = {
  lint: () => once('node_modules/.bin/biome', ['check', '.']),
  types: () =>
    all(
      ['.', 'pkg', 'www/tsconfig.service-worker.json'].map((p) => once(tsc, ['--noEmit', '-p', p])),
    ),
  format: () => once('cargo', ['fmt', '--check']),
  clippy: () =>
    all([
      // What other suites compile has no GPU natively.
      once('cargo', ['clippy', '--release', '--locked', '--all-targets', ...gpu, ...strict]),
      once('cargo', ['clippy', '--release', '--locked', '--lib', '--examples', ...web, ...strict]),
    ]),
  // Links that lead nowhere, or to what is private, are errors (`Cargo.toml`).
  docs: () =>
    once('cargo', ['doc', '--no-deps', '--release', '--locked'], {
      RUSTDOCFLAGS: '-D warnings -D missing_docs',
    }),
  rust: () => cargoTests(),
  unit: async () => nodeTests(await bundleTests(), { atOnce: 2 }),
  browser: async () => {
    // One build of Burn for wasm serves the page, the package and the parity tests.
    await build({ profile: 'web-test', tests: true });
    return endToEnd({ CHROME_PATH: await chromium() });
  },
  consumers: async () => {
    await build({ profile: 'web-test' });
    const { testConsumers } = await import('./consumers.mjs');
    // What is packed can be compared with what is asked for only now that all is built.
    const packed = nodeTests([join(root, 'scripts', 'test', 'package.test.mjs')], { atOnce: 1 });
    return all([packed, await testConsumers()]);
  },
};

function once(program, args, env = {}) {
  console.log(`> ${program} ${args.join(' ')}`);
  const { status } = spawnSync(program, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

function all(counts) {
  const sum = (key) => counts.reduce((total, count) => total + count[key], 0);
  return { passed: sum('passed'), failed: sum('failed') };
}

/** Runs a test runner, shows what it prints, and reads its counts off that. */
function counted(program, args, pattern, env = {}) {
  console.log(`> ${program} ${args.join(' ')}`);
  const { status, stdout } = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  process.stdout.write(stdout ?? '');
  const found = [...(stdout ?? '').matchAll(pattern)].map(({ groups }) => ({
    passed: Number(groups.passed),
    failed: Number(groups.failed),
  }));
  const counts = all(found);
  // A runner that died, or did not say, has failed whatever it printed before.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  if (counts.passed + counts.failed === 0) counts.failed = 1;
  return counts;
}

function cargoTests() {
  const pattern = /^test result: \w+\. (?<passed>\d+) passed; (?<failed>\d+) failed/gm;
  return counted('cargo', ['test', '--release', '--locked', '--no-fail-fast'], pattern);
}

/** @param atOnce how many files run at a time */
function nodeTests(files, { atOnce, env }) {
  const pattern = /^# pass (?<passed>\d+)\n# fail (?<failed>\d+)$/gm;
  const args = ['--test', '--test-reporter=tap', `--test-concurrency=${atOnce}`, ...files];
  return counted(process.execPath, args, pattern, env);
}

/** Measure times, so that nothing may run beside them. */
const timed = ['speed', 'lighthouse'];
/** Take longest, so that they begin first and nothing waits for one of them in the end. */
const longest = ['parity', 'wiring', 'page', 'segment', 'models', 'hub'];

/** Tests in a browser. Two at a time, since each waits a good part of its time, for pauses of the page above all. */
function endToEnd(env) {
  const files = ['tests', 'www/test'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.e2e.mjs'))
      .map((name) => ({ name: name.replace('.e2e.mjs', ''), path: join(root, folder, name) })),
  );
  const paths = (wanted) => wanted.map(({ path }) => path);
  const rank = ({ name }) => (longest.includes(name) ? longest.indexOf(name) : longest.length);
  const others = files.filter(({ name }) => !timed.includes(name));
  others.sort((a, b) => rank(a) - rank(b));
  return all([
    nodeTests(paths(others), { atOnce: 2, env }),
    nodeTests(paths(files.filter(({ name }) => timed.includes(name))), { atOnce: 1, env }),
  ]);
}

async function test(names) {
  const results = [];
  for (const name of names) {
    const start = Date.now();
    let counts;
    try {
      counts = await suites[name]();
    } catch (error) {
      console.error(error.message);
      counts = { passed: 0, failed: 1 };
    }
    results.push({ name, ...counts, seconds: (Date.now() - start) / 1000 });
  }
  for (const { name, passed, failed, seconds } of results) {
    console.log(`${name}: ${passed} of ${passed + failed} in ${seconds.toFixed(0)} s`);
  }
  const { passed, failed } = all(results);
  console.log(`${passed} passed, ${failed} failed`);
  return failed;
}

if (isMain(import.meta.url)) {
  main(async () => {
    const asked = process.argv.slice(2);
    const unknown = asked.find((name) => !(name in suites));
    if (unknown)
      throw new Error(`No suite ${unknown}; there are ${Object.keys(suites).join(', ')}.`);
    const failed = await test(asked.length > 0 ? asked : Object.keys(suites));
    if (failed > 0) process.exitCode = 1;
  });
}
