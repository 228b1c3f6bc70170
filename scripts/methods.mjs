/**
 * Measures every method with every refinement on scenes, with a background and without, and puts the tables
 * into `docs/methods.md`: `npm run methods [-- --scenes 500 --seed 1000]`. Takes the better part of an hour;
 * stopped, it goes on where it was. `--from FILE` takes what `wordmask eval --json` printed instead.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure, isMain, main, root, run, targetDir } from './lib.mjs';

/** The columns: refinements in the order in which they are done. */
const refinements = [
  [],
  ['prompt-denoising'],
  ['key-smoothing'],
  ['prompt-denoising', 'key-smoothing'],
  ['tlp'],
  ['pamr'],
  ['tlp', 'pamr'],
];

const names = { 'prompt-denoising': 'PD', 'key-smoothing': 'KS', tlp: '`tlp`', pamr: '`pamr`' };

function measure({ scenes, seed }) {
  run('cargo', ['build', '--release', '--locked', '--bin', 'wordmask']);
  mkdirSync(join(targetDir, 'methods'), { recursive: true });
  const state = join(targetDir, 'methods', `${scenes}-${seed}.json`);
  const backgrounds = ['--background', 'auto', '--background', 'none'];
  const what = ['--scenes', scenes, '--seed', seed, '--device', 'cpu', '--method', 'all'];
  const { status, stdout } = spawnSync(
    join(targetDir, 'release', 'wordmask'),
    ['eval', ...what, ...backgrounds, '--resume', state, '--json'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 },
  );
  if (status !== 0) throw new Failure('The evaluation failed; see above.');
  return stdout;
}

/** `maskclip+residual+tlp` as its method and its refinements. */
function split({ setting }) {
  const [method, ...steps] = setting.split('+');
  const isResidual = steps[0] === 'residual';
  return {
    method: isResidual ? `${method}+residual` : method,
    refine: steps.slice(isResidual ? 1 : 0).join(),
  };
}

/** A row for each method, best first, and a column for each refinement. */
function table(reports) {
  const methods = new Map();
  for (const report of reports) {
    const { method, refine } = split(report);
    if (!methods.has(method)) methods.set(method, new Map());
    methods.get(method).set(refine, report);
  }
  const best = Math.max(...reports.map(({ miou }) => miou));
  const score = (report) => {
    if (!report) return '–';
    const text = report.miou.toFixed(3);
    return report.miou === best ? `**${text}**` : text;
  };
  const lines = [...methods].map(([name, rows]) => {
    const columns = refinements.map((refine) => rows.get(refine.join()));
    const [alone, refined] = [rows.get(''), rows.get('pamr')];
    return {
      best: Math.max(...[...rows.values()].map(({ miou }) => miou)),
      cells: [
        `\`${name}\``,
        ...columns.map(score),
        alone.pixel_accuracy.toFixed(3),
        refined.pixel_accuracy.toFixed(3),
        alone.seconds_per_picture.toFixed(3),
        refined.seconds_per_picture.toFixed(3),
      ],
    };
  });
  const titles = refinements.map(
    (refine) => refine.map((step) => names[step]).join(', ') || 'alone',
  );
  const heads = ['method', ...titles, 'accuracy alone', '`pamr`', 's alone', '`pamr`'];
  const rule = heads.map((_, i) => (i === 0 ? '---' : '---:'));
  const body = lines.toSorted((a, b) => b.best - a.best).map(({ cells }) => cells);
  return [heads, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function put(document, background, text) {
  const [begin, end] = [`<!-- methods ${background} -->`, `<!-- end of ${background} -->`];
  const [before, rest] = document.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Failure(`docs/methods.md has no place for ${background}.`);
  return `${before}${begin}\n${text}\n${end}${after}`;
}

if (isMain(import.meta.url)) {
  main(() => {
    const { values } = parseArgs({
      options: {
        scenes: { type: 'string', default: '500' },
        seed: { type: 'string', default: '1000' },
        from: { type: 'string' },
      },
    });
    const output = values.from ? readFileSync(values.from, 'utf8') : measure(values);
    const reports = output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    const path = join(root, 'docs', 'methods.md');
    let document = readFileSync(path, 'utf8');
    for (const background of ['auto', 'none']) {
      const rows = reports.filter((report) => report.background === background);
      document = put(document, background, table(rows));
    }
    writeFileSync(path, document);
  });
}
