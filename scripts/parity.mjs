/**
 * Models with the true dimensions of published CLIPs against PyTorch: `npm run parity`.
 *
 * `npm run parity -- [--keep] [--save] [MODEL …]` for some of them. Makes each model with drawn weights
 * (600 MB), compares, and deletes it again unless told to keep it. `--save` writes the table into `docs/parity.md`.
 *
 * Python and its packages come from PyPI into `target/parity`; WORDMASK_PYTHON names an interpreter that
 * has them already (`tests/published/requirements.txt`).
 */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, isMain, main, output, pythonWith, root, run } from './lib.mjs';

const place = join(root, 'target', 'parity');
const models = join(place, 'models');
const folder = join(root, 'tests', 'published');

/** Each model with the tests in `tests/published.rs` that read it, and where those leave their errors. */
const all = {
  'hf-b16': { title: 'B/16, Hugging Face', hf_b16: 'errors.json' },
  'hf-b32': {
    title: 'B/32, Hugging Face',
    hf_b32: 'errors.json',
    hf_b32_as_a_bundle: 'errors-as-a-bundle.json',
  },
  'openclip-b32': { title: 'B/32, OpenCLIP', openclip_b32: 'errors.json' },
};

const limit = 1e-3;

function parity(names, { keep, save }) {
  const python = pythonWith({
    folder: join(place, 'python'),
    imports: 'open_clip, transformers',
    requirements: [join(folder, 'requirements.txt')],
  });
  const columns = [];
  for (const name of names) {
    const { title, ...tests } = all[name];
    run(python, [join(folder, 'make_published.py'), models, name], {
      failure: `${name} could not be made; see above.`,
    });
    for (const [test, report] of Object.entries(tests)) {
      compare(test);
      const errors = JSON.parse(readFileSync(join(models, name, report), 'utf8'));
      columns.push({ title: test.endsWith('bundle') ? `${title}, as a bundle` : title, errors });
    }
    if (!keep) rmSync(join(models, name), { recursive: true });
  }
  const table = markdown(columns);
  console.log(`\n${table}`);
  if (save) writeFileSync(join(root, 'docs', 'parity.md'), `${preface(python)}\n${table}`);
}

/** Runs one of the tests; an error beyond the limit fails it. */
function compare(test) {
  const cargo = ['test', '--release', '--locked', '--test', 'published', '--'];
  run('cargo', [...cargo, '--ignored', '--exact', test, '--nocapture'], {
    env: { WORDMASK_PARITY: models },
    failure: `${test} is not what PyTorch computes; see above.`,
  });
}

/** One row for each thing compared, one column for each model. */
function markdown(columns) {
  const names = [...new Set(columns.flatMap(({ errors }) => errors.map(([name]) => name)))];
  // Keys are compared after every method and are the same each time.
  const worst = ({ errors }, name) => {
    const found = errors.filter(([other]) => other === name).map(([, error]) => error);
    return found.length > 0 ? Math.max(...found).toExponential(1) : '';
  };
  const row = (cells) => `| ${cells.join(' | ')} |\n`;
  return [
    row(['', ...columns.map(({ title }) => title)]),
    row(['---', ...columns.map(() => '---:')]),
    ...names.map((name) => row([`\`${name}\``, ...columns.map((column) => worst(column, name))])),
  ].join('');
}

function preface(python) {
  const packages = ['torch', 'transformers', 'open_clip'];
  const print = `import ${packages.join(', ')}; print(*(m.__version__ for m in (${packages.join(', ')})))`;
  const versions = output(python, ['-c', print])?.split(' ') ?? [];
  return `# Parity with PyTorch at true size

Written by \`npm run parity -- --save\`. Models with the dimensions of published CLIPs and drawn weights, made by
\`tests/published/make_published.py\`, read from their published layout and run in f32 on the CPU, against
${packages.map((name, i) => `${name} ${versions[i] ?? ''}`.trim()).join(', ')}. The numbers are the largest difference over the largest
expected value; ${limit.toExponential()} fails.

\`square\` is 224×224, \`wide\` 336×448 (with patches of 32: 352×448) and \`large\` 448×448, position embeddings resized bicubically.
`;
}

if (isMain(import.meta.url)) {
  main(() => {
    const asked = process.argv.slice(2);
    const names = asked.filter((word) => !word.startsWith('--'));
    const unknown = names.find((name) => !(name in all));
    if (unknown)
      throw new Failure(`No model ${unknown}; there are ${Object.keys(all).join(', ')}.`);
    parity(names.length > 0 ? names : Object.keys(all), {
      keep: asked.includes('--keep'),
      save: asked.includes('--save'),
    });
  });
}
