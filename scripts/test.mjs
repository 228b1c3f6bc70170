/**
 * Every test: `npm test`, or `node scripts/test.mjs NAME …` for some, one after the other.
 *
 * Runs all suites even if one fails, so that one run tells everything, and ends with the line
 * `N passed, N failed`. A suite that counts nothing, such as the linter, counts as one test.
 */

import { fork, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
    // With the features of clippy, whose work on the dependencies serves here, too.
    once('cargo', ['doc', '--no-deps', '--release', '--locked', ...gpu], {
      RUSTDOCFLAGS: '-D warnings -D missing_docs',
    }),
  rust: () => cargoTests(),
  unit: async () => nodeTests(await bundleTests(), { atOnce: 2 }),
  browser: async () => {
    // One build of Burn for wasm serves the page, the package and the parity tests.
    await build({ profile: 'web-test', tests: true });
    return endToEnd(({ name }) => !timed.includes(name), 2);
  },
  speed: async () => {
    await build({ profile: 'web-test' });
    return endToEnd(({ name }) => timed.includes(name), 1);
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

/**
 * Tests in a browser. Two at a time may run beside each other, since each waits a good part of its time, for
 * pauses of the page above all.
 */
async function endToEnd(isWanted, atOnce) {
  const files = ['tests', 'www/test'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.e2e.mjs'))
      .map((name) => ({ name: name.replace('.e2e.mjs', ''), path: join(root, folder, name) })),
  );
  const rank = ({ name }) => (longest.includes(name) ? longest.indexOf(name) : longest.length);
  const wanted = files.filter(isWanted).sort((a, b) => rank(a) - rank(b));
  const paths = wanted.map(({ path }) => path);
  return nodeTests(paths, { atOnce, env: { CHROME_PATH: await chromium() } });
}

/**
 * All suites, in two lanes beside each other: a compiler's last crate, a linker and a browser that waits leave
 * cores idle, which the other lane takes. What measures times runs when both are done.
 */
const lanes = [
  ['lint', 'types', 'format', 'clippy', 'docs', 'rust'],
  ['unit', 'browser', 'consumers'],
];
const alone = ['speed'];

async function testAll() {
  const begun = await Promise.all(lanes.map((names) => inTurn(names, apart)));
  return [...begun.flat(), ...(await inTurn(alone, apart))];
}

/** Runs suites one after the other; `start` yields the counts of one. */
async function inTurn(names, start) {
  const results = [];
  for (const name of names) {
    const began = Date.now();
    const counts = await start(name);
    results.push({ name, ...counts, seconds: (Date.now() - began) / 1000 });
  }
  return results;
}

async function here(name) {
  try {
    return await suites[name]();
  } catch (error) {
    console.error(error.message);
    return { passed: 0, failed: 1 };
  }
}

/** Runs a suite in a process of its own, and shows what it printed when it ends, so that lanes do not mix. */
function apart(name) {
  console.log(`> ${name} begins`);
  const child = fork(fileURLToPath(import.meta.url), [name], { cwd: root, silent: true });
  const printed = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => printed.push(text));
  }
  // Of one that dies without a word nothing has passed.
  let counts = { passed: 0, failed: 1 };
  child.on('message', (told) => {
    counts = told;
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', () => {
      process.stdout.write(Buffer.concat(printed));
      done(counts);
    });
  });
}

/** Shows what became of each suite, and returns the sum. */
function summarise(results) {
  for (const { name, passed, failed, seconds } of results) {
    console.log(`${name}: ${passed} of ${passed + failed} in ${seconds.toFixed(0)} s`);
  }
  const sum = all(results);
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  return sum;
}

if (isMain(import.meta.url)) {
  main(async () => {
    const asked = process.argv.slice(2);
    const unknown = asked.find((name) => !(name in suites));
    if (unknown)
      throw new Error(`No suite ${unknown}; there are ${Object.keys(suites).join(', ')}.`);
    const sum = summarise(asked.length > 0 ? await inTurn(asked, here) : await testAll());
    process.send?.(sum);
    if (sum.failed > 0) process.exitCode = 1;
  });
}
