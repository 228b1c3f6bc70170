/**
 * What the benchmarks run: bundles, and ONNX graphs of the same weights, made once into `target/bench`.
 *
 * The weights are drawn by `tests/published/make_published.py` in the dimensions of published CLIPs; time
 * does not depend on their values. Python and its packages come from PyPI into `target/bench/python`;
 * WORDMASK_PYTHON names an interpreter that has them already.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { executable, Failure, pythonWith, root, targetDir } from '../scripts/lib.mjs';

export const place = join(root, 'target', 'bench');

const published = join(root, 'tests', 'published');
const requirements = [
  join(published, 'requirements.txt'),
  join(root, 'benches', 'requirements.txt'),
];

/** Which word the graph of texts is run with: the first that `page.mjs` asks us for. */
const newWord = 'thing number 0';

/** What the graph of pictures gives, and what `make_onnx.py` is told for each folder of graphs. */
const models = {
  b16: {
    output: 'cells',
    graphs: {
      b16: [224, 336, 448, '--graph', 'cells'],
      'b16-texts': ['--graph', 'texts', '--word', newWord],
    },
  },
  b32: { output: 'embedding', graphs: { b32: [224, '--graph', 'embedding'] } },
};

/** Words that the bundles have ready. With 85 templates each is worth a second of import. */
const words =
  'cat, dog, horse, bird, car, bicycle, tree, grass, sky, sea, house, road, person, chair, bottle, mountain';

/**
 * The bundle and the graphs of a model, each made if it is not there: about 2 GB on the way, 1 GB
 * in the end.
 *
 * @returns what the page needs to know of them
 */
export function model(name) {
  const bundle = join(place, 'bundles', `${name}-q8`);
  const source = join(place, 'models', `hf-${name}`);
  const { output, graphs } = models[name];
  const folder = (graph) => join(place, 'graphs', graph);
  // Both write these last.
  const isBundled = existsSync(join(bundle, 'wordmask.json'));
  const missing = Object.keys(graphs).filter((g) => !existsSync(join(folder(g), 'int8.onnx')));
  if (!isBundled || missing.length > 0) {
    const python = pythonWith(
      {
        folder: join(place, 'python'),
        imports: 'onnx, onnxruntime, open_clip, transformers',
        requirements,
      },
      step,
    );
    step(python, [join(published, 'make_published.py'), join(place, 'models'), `hf-${name}`]);
    if (!isBundled) {
      rmSync(bundle, { recursive: true, force: true });
      const options = ['--quant', 'q8', '--words', words, '--accept-loss'];
      step(wordmask(), ['import', source, '--out', bundle, ...options]);
    }
    const script = join(root, 'benches', 'make_onnx.py');
    for (const graph of missing) {
      step(python, [script, source, folder(graph), ...graphs[graph].map(String)]);
    }
    rmSync(source, { recursive: true });
  }
  const manifest = JSON.parse(readFileSync(join(bundle, 'wordmask.json'), 'utf8'));
  const config = manifest.architecture;
  const ready = readyWords(readFileSync(join(bundle, manifest.words.file)), config);
  return { bundle: `${name}-q8`, graph: name, output, config, ready };
}

/** The same for a model's graph of texts, with the graph of pictures that its answers are read with. */
export function texts(name) {
  return { ...model(name), graph: `${name}-texts`, output: 'texts', pictures: name };
}

/** Forgets the bundles and graphs, so that they are made anew. */
export function forget() {
  for (const name of ['bundles', 'graphs', 'models']) {
    rmSync(join(place, name), { recursive: true, force: true });
  }
}

/** The names of the words that a bundle has ready, with their vectors. */
function readyWords(file, { projection, logit_scale: scale }) {
  const length = Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata, embeddings } = JSON.parse(file.toString('utf8', 8, 8 + length));
  if (embeddings.dtype !== 'F16') throw new Failure('The ready words are not stored as F16.');
  const names = JSON.parse(metadata.names);
  const start = 8 + length + embeddings.data_offsets[0];
  const value = (i) => half(file.readUInt16LE(start + 2 * i));
  const vectors = names.map((_, row) => {
    return Array.from({ length: projection }, (_, i) => value(row * projection + i));
  });
  return { names, vectors, scale };
}

/** A 16-bit float. */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The native command, which imports. */
function wordmask() {
  const path = join(targetDir, 'release', executable('wordmask'));
  if (!existsSync(path)) step('cargo', ['build', '--release', '--locked', '--bin', 'wordmask']);
  return path;
}

/** Runs a program and shows what it says where it does not mix with results. */
function step(program, args) {
  console.error(`> ${[program, ...args].join(' ')}`);
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error || status !== 0) {
    throw new Failure(
      `${program} ${args[0]} failed${error ? `: ${error.message}` : '; see above'}.`,
    );
  }
}

/** The folder with onnxruntime-web's builds. */
export function runtimeFolder() {
  const above = (folder) => join(folder, 'onnxruntime-web', 'dist');
  const folders = [join(root, 'node_modules'), ...(process.env.NODE_PATH ?? '').split(delimiter)];
  const found = folders.filter(Boolean).map(above).find(existsSync);
  if (!found) throw new Failure('onnxruntime-web is missing: run "npm ci".');
  return found;
}

/** The smallest of onnxruntime-web's WebAssembly files that has WebGPU, as it is stored. */
export function smallestWithWebGpu() {
  const folder = runtimeFolder();
  // One that uses JavaScript's WebGPU, and two that were built with it; the plain one has none.
  const names = readdirSync(folder).filter((n) => /\.(jsep|jspi|asyncify)\.wasm$/.test(n));
  return names.map((name) => readFileSync(join(folder, name)));
}
