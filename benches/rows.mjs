/** The rows of `npm run bench`: what is measured, and which ratios it should reach. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { root } from '../scripts/lib.mjs';
import { model, smallestWithWebGpu, texts } from './models.mjs';

const engineDir = join(root, 'pkg', 'dist', 'engine');

const usual = { warm: 2, runs: 7 };
const few = { warm: 1, runs: 7 };
/** A software GPU takes most of a minute for one picture. */
const scarce = { warm: 0, runs: 1 };
/** Where nothing is compared, a rough number will do. */
const rough = { warm: 1, runs: 3 };

/** The engine for browsers without relaxed SIMD; without it the package chooses. */
const baseline = '/pkg/engine/wordmask-cpu.wasm';

/**
 * Each row's `measure` gets a browser and a way to change how often things run, and returns the times
 * of both sides, in milliseconds, and where they were measured.
 *
 * `must` and `aim` are ratios, ours to theirs. A `slow` row runs when it is named.
 */
export const marks = {
  'wasm-b16-224': {
    work: 'ViT-B/16, 224 px, ours q8 : their int8',
    must: 0.8,
    aim: 0.5,
    measure: (run) => run.inPage('dense', { ...model('b16'), ...int8, side: 224 }, usual),
  },
  'wasm-b16-448': {
    work: 'ViT-B/16, 448 px, ours q8 : their int8',
    must: 0.8,
    aim: 0.5,
    measure: (run) => run.inPage('dense', { ...model('b16'), ...int8, side: 448 }, few),
  },
  'wasm-b16-224-baseline-simd': {
    work: 'ViT-B/16, 224 px, ours q8 without relaxed SIMD : their f32',
    must: 0.7,
    aim: 0.45,
    measure: (run) => run.inPage('dense', { ...model('b16'), ...f32, ...plainSimd }, usual),
  },
  'wasm-b32-10crops': {
    work: 'ViT-B/32, ten crops, ours q8 : their int8',
    must: 0.8,
    aim: 0.5,
    measure: (run) => run.inPage('tenCrops', { ...model('b32'), ...int8, side: 224 }, usual),
  },
  'webgpu-b16-224': {
    work: 'ViT-B/16, 224 px, WebGPU, ours q8 : their f32',
    must: 1,
    slow: true,
    measure: (run) => run.inPage('dense', { ...model('b16'), ...f32, ...onGpu }, scarce),
  },
  'dawn-b16-224': {
    work: 'ViT-B/16, 224 px, Dawn for Node, ours q8 : their f32',
    must: 1,
    aim: 0.6,
    slow: true,
    measure: (run) => run.onDawn({ ...model('b16'), ...f32, side: 224 }, usual),
  },
  'dawn-b16-448': {
    work: 'ViT-B/16, 448 px, Dawn for Node, ours q8 : their f32',
    must: 1,
    aim: 0.6,
    slow: true,
    measure: (run) => run.onDawn({ ...model('b16'), ...f32, side: 448 }, usual),
  },
  'cold-wasm-b16-224': {
    work: 'model in the cache to the first masks, ours q8 : their int8, session and first run',
    must: 1,
    aim: 0.5,
    measure: (run) => run.cold({ ...model('b16'), ...int8, side: 224 }, few),
  },
  'add-word': {
    work: 'a ready word more for an encoded picture : encoding it (ours : ours)',
    must: 0.1,
    aim: 0.03,
    measure: (run) => run.inPage('addWord', { ...model('b16'), side: 224 }, usual),
  },
  'cpu-engine-gzip': {
    work: 'engine for the CPU, gzip : the smallest onnxruntime-web with WebGPU',
    must: 0.37,
    aim: 0.25,
    measure: () => engineSizes('cpu'),
  },
  'webgpu-engine-gzip': {
    work: 'engine for WebGPU, gzip : the smallest onnxruntime-web with WebGPU',
    must: 0.82,
    aim: 0.6,
    measure: () => engineSizes('webgpu'),
  },
};

const int8 = { precision: 'int8' };
const f32 = { precision: 'f32' };
const plainSimd = { side: 224, engineUrl: baseline };
const onGpu = { side: 224, device: 'webgpu', provider: 'webgpu' };

/** What the table of marks leaves out. */
export const more = {
  'wasm-b16-336': {
    work: 'ViT-B/16, 336 px, ours q8 : their int8',
    measure: (run) => run.inPage('dense', { ...model('b16'), ...int8, side: 336 }, few),
  },
  'wasm-b16-224-f32': {
    work: 'ViT-B/16, 224 px, ours q8 : their f32',
    measure: (run) => run.inPage('dense', { ...model('b16'), ...f32, side: 224 }, usual),
  },
  'wasm-b32-1crop': {
    work: 'ViT-B/32, one picture, ours q8 : their int8',
    measure: (run) => run.inPage('oneCrop', { ...model('b32'), ...int8, side: 224 }, usual),
  },
  'wasm-text-templates': {
    work: 'ViT-B/16, a new word in all templates, ours q8 : their int8, one batch',
    measure: (run) => run.inPage('newWord', { ...texts('b16'), ...int8, side: 224 }, usual),
  },
};

const methods = ['maskclip', 'clearclip', 'sclip', 'naclip', 'pearl', 'scclip'];

/** How our own time grows. */
export const growth = {
  ...each([224, 336, 448, 640], (side) => [
    `tokens-${(side / 16) ** 2 + 1}`,
    alone(`ViT-B/16, encoding and one word, ${side} px`, 'b16', 'encodeAndWord', {
      side,
      method: 'maskclip',
    }),
  ]),
  ...each(methods, (method) => [
    `segment-${method}`,
    alone(`ViT-B/16, 224 px, four words, ${method}`, 'b16', 'encodeAndWords', {
      side: 224,
      method,
    }),
  ]),
  'segment-two-stage': alone('ViT-B/32, four words, two-stage', 'b32', 'encodeAndWords', {
    side: 224,
    method: 'two-stage',
  }),
  ...each([10, 26, 59], (crops) => [
    `crops-${crops}`,
    alone(`ViT-B/32, clip-diy, ${crops} crops, four words`, 'b32', 'encodeAndWords', {
      side: 224,
      method: 'clip-diy',
      crops,
    }),
  ]),
  ...each([1, 4, 16], (count) => [
    `classes-${count}`,
    alone(`${count} ready words, a class each, picture encoded`, 'b16', 'classes', { count }),
  ]),
  ...each([1, 4, 16], (count) => [
    `names-${count}`,
    alone(`one class of ${count} ready names, picture encoded`, 'b16', 'names', { count }),
  ]),
  'new-word': alone('a new word: the text tower with all templates', 'b16', 'newWord', {}),
};

function each(values, row) {
  return Object.fromEntries(values.map(row));
}

function alone(work, name, step, setting) {
  return {
    work,
    measure: (run) => run.inPage('alone', { ...model(name), side: 224, ...setting, step }, rough),
  };
}

/** The largest of our engines for a device: a browser loads one of them. */
function engineSizes(device) {
  const read = (name) => readFileSync(join(engineDir, name));
  const wasm = readdirSync(engineDir).filter((name) => name.startsWith(`wordmask-${device}`));
  const zipped = (file) => gzipSync(file, { level: 9 }).length;
  const { profile } = JSON.parse(readFileSync(join(engineDir, '.made-from.json'), 'utf8'));
  return {
    bytes: {
      ours: Math.max(...wasm.map((name) => zipped(read(name)))),
      theirs: Math.min(...smallestWithWebGpu().map(zipped)),
    },
    note: profile === 'web' ? undefined : `the engine of the profile ${profile}, not what ships`,
  };
}
