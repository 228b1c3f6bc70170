/**
 * This project beside onnxruntime-web: `npm run bench`, in one Chromium, in turn, on the same weights.
 *
 * `npm run bench -- [--rows a,b] [--group marks|more|growth|all] [--runs N] [--json] [--save] [--fresh]`.
 * Needs `npm run build`. Makes models the first time (`benches/models.mjs`); after that the rows of marks take
 * less than five minutes, without those that have to be named with `--rows`. `--json` prints a line for each row,
 * `--save` writes the table into `docs/performance.md`, `--fresh` makes the models anew.
 */

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure, isMain, main, npm, root } from '../scripts/lib.mjs';
import { serve } from '../scripts/serve.mjs';
import { launch } from '../www/test/browser.mjs';
import { forget, place, runtimeFolder } from './models.mjs';
import * as groups from './rows.mjs';

/** How like each other our answers and those of the f32 graph have to be: a cosine. */
const leastAgreement = 0.99;

const dawnVersion = '0.6.2';

/** A browser and what is served to it. */
class Run {
  agreed = new Map();

  static async start({ runs }) {
    const run = new Run();
    run.runs = runs;
    fill();
    run.server = await serve(place, { port: 0 });
    run.browser = await launch();
    run.context = await run.browser.newContext();
    return run;
  }

  async close() {
    await this.browser.close();
    await this.server.close();
  }

  get machine() {
    const [{ model }] = cpus();
    return `Chromium ${this.browser.version().split('.')[0]}, 1 thread, ${model.trim()}`;
  }

  /** Calls a function of `page.mjs` in a page of its own. */
  async call(name, setting) {
    const page = await this.context.newPage();
    page.setDefaultTimeout(0);
    try {
      await page.goto(this.server.url);
      return await page.evaluate(
        async ([wanted, given]) => (await import('/page.mjs'))[wanted](given),
        [name, setting],
      );
    } finally {
      await page.close();
    }
  }

  rounds(usual) {
    return { ...usual, runs: this.runs ?? usual.runs };
  }

  /** Both sides in one page. */
  async inPage(name, setting, usual) {
    if (setting.precision) await this.agree(setting);
    const given = { ...setting, rounds: this.rounds(usual) };
    const { adapter, ...times } = await this.call(name, given);
    const isGpu = setting.device === 'webgpu';
    return { times, device: isGpu ? `WebGPU: ${adapter}` : this.machine };
  }

  /** Both sides in a Node process that has WebGPU. */
  async onDawn(setting, usual) {
    await this.agree(setting);
    installDawn();
    const given = JSON.stringify({ ...setting, place, rounds: this.rounds(usual) });
    const { times, adapter } = JSON.parse(
      execFileSync(process.execPath, [join(root, 'benches', 'dawn.mjs')], {
        input: given,
        encoding: 'utf8',
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    return { times, device: `Dawn: ${adapter}` };
  }

  /** Compares the answers of the two for a model, once. */
  async agree({ bundle, graph, output, config, ready, pictures }) {
    if (!this.agreed.has(graph)) {
      const graphs = ['f32', 'int8'];
      const setting = { bundle, graph, output, config, ready, pictures, graphs, side: 224 };
      const check = output === 'texts' ? 'agreementOnWord' : 'agreement';
      const found = await this.call(check, setting);
      console.error(
        `${graph}: our answers and theirs have a cosine of ${found.f32.toFixed(4)} in f32, ${found.int8.toFixed(4)} in int8`,
      );
      this.agreed.set(graph, found.f32);
    }
    if (!(this.agreed.get(graph) >= leastAgreement)) {
      throw new Failure(`the two do not compute the same for ${graph}`);
    }
  }

  /** A fresh page for each side of each round. The first round fills the cache. */
  async cold(setting, usual) {
    await this.agree(setting);
    const { warm, runs } = this.rounds(usual);
    const times = { ours: [], theirs: [] };
    for (let round = -warm; round < runs; round++) {
      const ours = await this.call('coldOurs', setting);
      const theirs = await this.call('coldTheirs', setting);
      if (round < 0) continue;
      times.ours.push(ours);
      times.theirs.push(theirs);
    }
    return { times, device: this.machine };
  }
}

/** Lays beside the models what the page loads. */
function fill() {
  const pkg = join(root, 'pkg', 'dist');
  if (!existsSync(join(pkg, 'engine', 'wordmask-cpu.wasm'))) {
    throw new Failure('The package is not built: run "npm run build".');
  }
  const lay = (from, to, wanted) => {
    rmSync(join(place, to), { recursive: true, force: true });
    mkdirSync(join(place, to), { recursive: true });
    for (const name of readdirSync(from).filter(wanted)) {
      cpSync(join(from, name), join(place, to, name), { recursive: true });
    }
  };
  lay(pkg, 'pkg', () => true);
  const builds = /^(ort\.(wasm|webgpu)\.min\.mjs|ort-wasm-simd-threaded(\.asyncify)?\.(mjs|wasm))$/;
  lay(runtimeFolder(), 'ort', (name) => builds.test(name));
  cpSync(join(root, 'benches', 'page.mjs'), join(place, 'page.mjs'));
  writeFileSync(join(place, 'index.html'), '<!doctype html><title>bench</title>');
}

/** Dawn for Node is 130 MB with its builds for all systems, so it is fetched when a row needs it. */
function installDawn() {
  const folder = join(place, 'node');
  if (existsSync(join(folder, 'node_modules', 'webgpu'))) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  npm(
    ['install', '--prefix', folder, '--no-audit', '--no-fund', `webgpu@${dawnVersion}`],
    'Dawn for Node could not be installed. Check the connection.',
  );
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const last = sorted.length - 1;
  return (sorted[Math.floor(last / 2)] + sorted[Math.ceil(last / 2)]) / 2;
}

const rounded = (value, digits) => Number(value.toPrecision(digits));

/** What a machine reads. `ratio` is the median of the rounds' own ratios. */
function line(row, { times, bytes, device, note }) {
  const both = bytes ?? times;
  const ratios = bytes
    ? [bytes.ours / bytes.theirs]
    : (times.theirs ?? []).map((theirs, i) => times.ours[i] / theirs);
  const milliseconds = (values) => (values ? rounded(median(values), 4) : null);
  return {
    row,
    ours_ms: bytes ? null : milliseconds(times.ours),
    theirs_ms: bytes ? null : milliseconds(times.theirs),
    ratio: ratios.length > 0 ? rounded(median(ratios), 3) : null,
    runs: bytes ? 1 : both.ours.length,
    device: device ?? null,
    ...(bytes && { ours_bytes: bytes.ours, theirs_bytes: bytes.theirs }),
    ...(note && { note }),
  };
}

function met(ratio, { must, aim }) {
  if (must === undefined || ratio === null) return '';
  if (ratio > must) return 'missed';
  return aim !== undefined && ratio <= aim ? 'aim' : 'must';
}

const heads = ['row', 'work', 'ours', 'theirs', 'ratio', 'must', 'aim', 'met', 'runs'];

function cellsOf(result, row) {
  const amount = (ms, bytes) => {
    if (bytes !== undefined) return `${(bytes / 1e6).toFixed(2)} MB`;
    return ms === null ? '' : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  };
  return [
    `\`${result.row}\``,
    row.work,
    amount(result.ours_ms, result.ours_bytes),
    amount(result.theirs_ms, result.theirs_bytes),
    result.ratio === null ? '' : result.ratio.toFixed(result.ratio < 0.1 ? 3 : 2),
    row.must ?? '',
    row.aim ?? '',
    met(result.ratio, row),
    result.runs,
  ].map(String);
}

/** Columns that are empty throughout are left out. */
function markdown(results, rows) {
  const body = results.map((result) => cellsOf(result, rows[result.row]));
  const kept = heads.map((_, i) => i).filter((i) => body.some((cells) => cells[i] !== ''));
  const text = (cells) => `| ${kept.map((i) => cells[i]).join(' | ')} |`;
  const rule = `| ${kept.map((i) => (i < 2 || heads[i] === 'met' ? '---' : '---:')).join(' | ')} |`;
  const notes = results.filter(({ note }) => note).map(({ row, note }) => `\`${row}\`: ${note}.`);
  return [text(heads), rule, ...body.map(text), ...notes.flatMap((note) => ['', note])].join('\n');
}

/** Puts a table between its marks in `docs/performance.md`. */
function save(group, table) {
  const path = join(root, 'docs', 'performance.md');
  const document = readFileSync(path, 'utf8');
  const [begin, end] = [`<!-- bench ${group} -->`, `<!-- end of ${group} -->`];
  const [before, rest] = document.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Failure(`docs/performance.md has no place for ${group}.`);
  writeFileSync(path, `${before}${begin}\n${table}\n${end}${after}`);
}

/** The rows that were asked for, by group. */
function chosen({ rows, group }) {
  const names = rows?.split(',').map((name) => name.trim());
  const all = { ...groups.marks, ...groups.more, ...groups.growth };
  const unknown = names?.find((name) => !(name in all));
  if (unknown !== undefined) {
    throw new Failure(`There is no row ${unknown}; the rows are ${Object.keys(all).join(', ')}.`);
  }
  if (group !== 'all' && !(group in groups)) {
    throw new Failure(`There is no group ${group}; the groups are marks, more, growth and all.`);
  }
  return Object.entries(groups).map(([name, members]) => {
    const wanted = (row) =>
      names ? names.includes(row) : [name, 'all'].includes(group) && !members[row].slow;
    return [name, Object.fromEntries(Object.entries(members).filter(([row]) => wanted(row)))];
  });
}

/** Measures a row; what goes wrong with it does not stop the others. */
async function measure(run, name, row) {
  const begin = performance.now();
  try {
    const measured = await row.measure(run);
    const result = line(name, measured);
    console.error(`${name}: ${((performance.now() - begin) / 1000).toFixed(0)} s`);
    return result;
  } catch (error) {
    console.error(`${name} could not be measured: ${error.message}`);
    process.exitCode = 1;
    return undefined;
  }
}

async function bench(options) {
  if (options.fresh) forget();
  mkdirSync(place, { recursive: true });
  const wanted = chosen(options);
  const run = await Run.start(options);
  try {
    for (const [group, rows] of wanted) {
      const results = [];
      for (const [name, row] of Object.entries(rows)) {
        const result = await measure(run, name, row);
        if (!result) continue;
        results.push(result);
        if (options.json) console.log(JSON.stringify(result));
      }
      if (results.length === 0) continue;
      const table = markdown(results, rows);
      if (!options.json) console.log(`\n${table}\n\nOn ${run.machine}.`);
      if (options.save) save(group, `${table}\n\nOn ${run.machine}.`);
    }
  } finally {
    await run.close();
  }
}

if (isMain(import.meta.url)) {
  main(async () => {
    const { values } = parseArgs({
      options: {
        rows: { type: 'string' },
        group: { type: 'string', default: 'marks' },
        runs: { type: 'string' },
        json: { type: 'boolean', default: false },
        save: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
      },
    });
    const runs = values.runs === undefined ? undefined : Number(values.runs);
    if (runs !== undefined && !(Number.isInteger(runs) && runs > 0)) {
      throw new Failure(`--runs must be a whole number above 0, not ${values.runs}.`);
    }
    await bench({ ...values, runs });
  });
}
