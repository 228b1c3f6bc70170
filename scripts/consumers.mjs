/**
 * Installs the packed package as its users do, with each bundler, server and runtime, segments a
 * sample in browsers or in the runtime, and compares the label maps: `npm run consumers`, or
 * `npm run consumers -- NAME …` for some. A run of all writes docs/consumers.md.
 */

import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { browsers } from '../tests/consumers/browsers.mjs';
import { document, table } from '../tests/consumers/document.mjs';
import { freePort, reachable, shell, start } from '../tests/consumers/programs.mjs';
import { rows, tested } from '../tests/consumers/rows.mjs';
import { openSite } from '../tests/consumers/site.mjs';
import { Failure, isMain, main, npmCommand, root } from './lib.mjs';

const here = join(root, 'tests', 'consumers');
const patience = 120_000;
/** Installing waits for the registry and the disk most of its time, and goes on while others are tried. */
const installsAtOnce = 2;

/** A page of the built consumer may do what the README says it has to be allowed, and no more. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
].join('; ');

const foreignPolicy = (cdn) =>
  [
    "default-src 'none'",
    `script-src 'self' ${cdn} 'wasm-unsafe-eval'`,
    `worker-src blob: ${cdn}`,
    `connect-src 'self' ${cdn}`,
    'img-src data:',
  ].join('; ');

/**
 * Tries these consumers, one after the other, so that one that fails keeps none from being tried. The next ones
 * are installed meanwhile.
 *
 * @returns for each `{ name, versions, cells: [{ where, answer?, problem? }] }`
 */
export async function consume(names, { inBrowsers = Object.keys(browsers) } = {}) {
  const work = realpathSync(mkdtempSync(join(tmpdir(), 'wordmask-consumers-')));
  const opened = [];
  try {
    const tarball = await pack(work);
    const wanted = names.some((name) => rows[name].site || rows[name].serve) ? inBrowsers : [];
    for (const name of wanted) {
      const browser = await browsers[name]();
      if (browser) opened.push(browser);
      else console.warn(`There is no ${name} here, so nothing is tried in it.`);
    }
    const results = [];
    const folders = names.map((name) => join(work, name));
    const projects = inOrder(
      installsAtOnce,
      names.map((name, index) => () => makeProject(folders[index], rows[name], tarball)),
    );
    for (const [index, name] of names.entries()) {
      const begin = Date.now();
      const result = await consumer(name, folders[index], projects[index], opened);
      results.push(result);
      print(result, (Date.now() - begin) / 1000);
    }
    compare(results);
    return results;
  } finally {
    for (const browser of opened) await browser.close();
    rmSync(work, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function consumer(name, folder, project, opened) {
  const row = rows[name];
  try {
    await project;
    const versions = installed(folder, row);
    return { name, versions, cells: await use(row, folder, opened) };
  } catch (error) {
    return { name, versions: '', cells: [{ where: 'build', problem: error.message }] };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Begins tasks in their order, so many at a time, and returns what each comes to. */
function inOrder(atOnce, tasks) {
  const lanes = Array.from({ length: atOnce }, () => Promise.resolve());
  return tasks.map((task, index) => {
    const result = lanes[index % atOnce].then(task);
    // Who awaits the result gets the failure; the next one in the lane does not mind.
    lanes[index % atOnce] = result.catch(() => {});
    return result;
  });
}

async function pack(to) {
  const text = await shell(
    join(root, 'pkg'),
    npmCommand(['pack', '--json', '--pack-destination', to]),
  );
  return join(to, JSON.parse(text)[0].filename);
}

async function makeProject(folder, { folders, packages = {} }, tarball) {
  for (const from of folders) {
    cpSync(join(here, from), folder, {
      recursive: true,
      filter: (path) => !/node_modules|\/dist$/.test(path),
    });
  }
  const path = join(folder, 'package.json');
  const given = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { type: 'module' };
  const dependencies = { ...given.dependencies, ...packages, wordmask: `file:${tarball}` };
  writeFileSync(path, JSON.stringify({ ...given, private: true, dependencies }));
  const quiet = ['--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
  // All versions are pinned: what was fetched before is as good as anew.
  await shell(folder, npmCommand(['install', '--prefer-offline', ...quiet]));
}

/** The versions of what was installed beside the package, which come from the row. */
function installed(folder, { packages = {}, version }) {
  if (version) return version;
  const own = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const names = Object.keys(packages).length > 0 ? packages : { ...own.dependencies };
  return Object.entries({ ...names, ...own.devDependencies })
    .filter(([name]) => name !== 'wordmask' && !name.startsWith('@types/'))
    .map(([name, pinned]) => `${name} ${pinned}`)
    .join(', ');
}

async function use(row, folder, opened) {
  const cdn = row.isForeign ? await openSite(folder) : undefined;
  try {
    for (const step of row.build ?? []) {
      if (typeof step === 'function') step(folder, { cdn: cdn?.url });
      else await shell(folder, step);
    }
    if (row.script) return [await inRuntime(row, folder)];
    if (row.site) return await onSite(row, folder, opened, cdn);
    if (row.serve) return await onServer(row, folder, opened);
    return [{ where: 'build' }];
  } finally {
    cdn?.close();
  }
}

async function inRuntime({ runtime, script }, folder) {
  cpSync(join(root, 'weights', 'doodle'), join(folder, 'model'), { recursive: true });
  cpSync(
    join(root, 'tests', 'fixtures', 'scenes', 'heart-and-cup.png'),
    join(folder, 'scene-1.png'),
  );
  const text = await shell(folder, [...runtime, script]);
  return { where: 'runtime', answer: JSON.parse(text.trim().split('\n').at(-1)) };
}

async function onSite({ site: at, drive, hasInlineScripts }, folder, opened, cdn) {
  const rules = cdn ? foreignPolicy(cdn.url) : policy;
  const site = await openSite(join(folder, at), hasInlineScripts ? {} : { policy: rules });
  try {
    return drive ? await driven(site, opened) : await inAll(opened, site.url, site);
  } finally {
    site.close();
  }
}

async function onServer({ serve }, folder, opened) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const server = start(folder, serve(port));
  const site = await openSite(folder);
  try {
    await reachable(url, server, patience);
    return await inAll(opened, url, site);
  } finally {
    site.close();
    await server.stop();
  }
}

async function inAll(opened, url, site) {
  const cells = [];
  for (const browser of opened) {
    const { report, answer } = site.expectAnswer();
    const query = new URLSearchParams({
      model: new URL('model/', site.url).href,
      picture: new URL('scene-1.png', site.url).href,
      report,
    });
    const view = await browser.open(`${url}?${query}`);
    const problem = () => `no answer in time; ${view.complaints.join('; ')}`;
    const given = await Promise.race([answer, late(patience, problem)]);
    await view.close();
    cells.push({
      where: browser.version,
      ...(given.error === undefined ? { answer: given } : { problem: given.error }),
    });
  }
  return cells;
}

/** The React example has no place for addresses: it is used as a person would. */
async function driven(site, opened) {
  const browser = opened.find(({ version }) => version.startsWith('Chromium'));
  if (!browser) return [{ where: 'build' }];
  const view = await browser.open(`${site.url}?model=${encodeURIComponent(`${site.url}model/`)}`);
  const { page } = view;
  page.setDefaultTimeout(patience);
  try {
    await page.getByLabel('Words').fill('heart, cup, grass');
    const scene = join(root, 'tests', 'fixtures', 'scenes', 'heart-and-cup.png');
    await page.locator('input[type=file]').setInputFiles(scene);
    await page.getByRole('listitem').filter({ hasText: 'heart' }).first().waitFor();
    await page.locator('word-mask').getByRole('listitem').filter({ hasText: 'cup' }).waitFor();
    return [{ where: browser.version }];
  } catch (error) {
    return [{ where: browser.version, problem: [error.message, ...view.complaints].join('; ') }];
  } finally {
    await view.close();
  }
}

/**
 * All that ran the same engine must agree in every pixel, and the engines in all but those where two
 * classes are equally likely: the arithmetic around their dot products rounds differently.
 */
function compare(results) {
  const cells = results.flatMap(({ cells }) => cells).filter(({ answer }) => answer);
  const first = new Map();
  for (const cell of cells) {
    const { engine, labels, pixels } = cell.answer;
    if (!first.has(engine)) first.set(engine, labels);
    const [own, other] = [first.get(engine), first.values().next().value];
    if (pixels.some((count) => count === 0)) cell.problem = `a word was not found: ${pixels}`;
    else if (agreement(labels, own) < 1) cell.problem = `${engine}: not the masks of the others`;
    else if (agreement(labels, other) < 0.999)
      cell.problem = `${engine}: not the other engine's masks`;
  }
}

function agreement(some, others) {
  if (some.length !== others.length) return 0;
  return some.filter((label, index) => label === others[index]).length / some.length;
}

function print({ name, cells }, seconds) {
  const told = cells.map(({ where, problem, answer }) => {
    return `${where}: ${problem ?? answer?.engine ?? 'works'}`;
  });
  console.log(`${name} (${seconds.toFixed(0)} s) ${told.join(' | ')}`);
}

function late(milliseconds, problem) {
  return new Promise((resolve) => {
    setTimeout(() => resolve({ error: problem() }), milliseconds).unref();
  });
}

/** The counts of a test suite: one test for each place in which a consumer was tried. */
export async function testConsumers() {
  const results = await consume(tested, { inBrowsers: ['chromium'] });
  const cells = results.flatMap(({ name, cells }) => cells.map((cell) => ({ name, ...cell })));
  const failed = cells.filter(({ problem }) => problem !== undefined);
  for (const { name, where, problem } of failed) console.error(`${name}, ${where}: ${problem}`);
  return { passed: cells.length - failed.length, failed: failed.length };
}

if (isMain(import.meta.url)) {
  main(async () => {
    const asked = process.argv.slice(2);
    const all = Object.keys(rows);
    const unknown = asked.find((name) => !all.includes(name));
    if (unknown) throw new Failure(`There is no consumer ${unknown}; there are ${all.join(', ')}.`);
    if (
      !existsSync(join(root, 'pkg', 'dist', 'index.js')) ||
      readdirSync(join(root, 'pkg', 'dist', 'engine')).length === 0
    ) {
      throw new Failure('The package is not built: run "npm run build".');
    }
    const results = await consume(asked.length > 0 ? asked : all);
    const problems = results.flatMap(({ name, cells }) =>
      cells
        .filter(({ problem }) => problem)
        .map(({ where, problem }) => `${name}, ${where}: ${problem}`),
    );
    if (asked.length === 0) writeFileSync(join(root, 'docs', 'consumers.md'), document(results));
    else console.log(table(results));
    if (problems.length > 0) throw new Failure(problems.join('\n'));
  });
}
