import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCutout, checkMatte } from '../src/cutout.js';
import { WordmaskError } from '../src/errors.js';
import {
  checkClassify,
  checkEncode,
  checkLoad,
  checkOpacity,
  checkPoint,
  checkRegion,
  checkWords,
} from '../src/options.js';
import { checkSegment } from '../src/segment-options.js';

function refused(body: () => unknown, part: string): void {
  assert.throws(body, (error) => {
    assert.ok(error instanceof WordmaskError, String(error));
    assert.equal(error.code, 'input');
    assert.ok(error.message.includes(part), error.message);
    return true;
  });
}

test('nothing given means the defaults', () => {
  const load = checkLoad(undefined);
  assert.equal(load.device, 'auto');
  assert.equal(load.cache, 'default');
  assert.deepEqual(checkSegment({}).engine, {});
  assert.deepEqual(checkEncode({ size: undefined }).engine, {});
  assert.equal(checkOpacity(undefined, 'overlay'), 0.6);
});

test('everything that may be given arrives', () => {
  const signal = new AbortController().signal;
  const onProgress = () => undefined;
  const engine = {
    method: 'clip-diy',
    residual: true,
    multiScale: false,
    maxSeconds: Number.POSITIVE_INFINITY,
    background: ['sky'],
    refine: ['pamr', 'tlp', 'key-smoothing', 'prompt-denoising'],
    threshold: 0,
    crops: 26,
    guidance: 'features',
    regions: 200,
  };
  const onPartial = () => undefined;
  const checked = checkSegment({ ...engine, signal, onProgress, onPartial });
  assert.deepEqual(checked, { engine, signal, onProgress, onPartial });
  const encode = { size: 448, method: 'two-stage', windows: { size: 224, stride: 112 } };
  assert.deepEqual(checkEncode(encode).engine, encode);
  assert.equal(checkEncode({ windows: 'whole' }).engine.windows, 'whole');
  assert.deepEqual(checkClassify({ signal, onProgress }), { signal, onProgress });
  assert.deepEqual(checkRegion({ signal }), { signal });
  assert.equal(checkLoad({ device: 'webgpu', cache: 'none' }).device, 'webgpu');
});

test('one address of an engine is that of the CPU, and each may be named', () => {
  const at = new URL('https://example.org/e.wasm');
  for (const engineUrl of [at, String(at)]) {
    assert.deepEqual(checkLoad({ engineUrl }).engineUrl, { cpu: engineUrl });
  }
  const engineUrl = { cpu: 'c.wasm', webgpu: at };
  assert.deepEqual(checkLoad({ engineUrl }).engineUrl, engineUrl);
  refused(() => checkLoad({ engineUrl: { gpu: 'g.wasm' } }), '"gpu"');
  refused(() => checkLoad({ engineUrl: { webgpu: 7 } as never }), '"webgpu"');
  refused(() => checkLoad({ engineUrl: '' }), '"engineUrl"');
});

test('every method is a method', () => {
  const methods = ['maskclip', 'clearclip', 'sclip', 'naclip', 'pearl', 'scclip', 'clip-diy'];
  for (const method of [...methods, 'two-stage'])
    assert.equal(checkSegment({ method }).engine.method, method);
});

test('unknown options are refused by name, with the known ones beside', () => {
  refused(() => checkSegment({ treshold: 0.5 }), '"treshold"');
  refused(() => checkSegment({ treshold: 0.5 }), 'threshold');
  refused(() => checkLoad({ devices: 'cpu' }), '"devices"');
  refused(() => checkEncode(JSON.parse('{"__proto__": 1}')), '"__proto__"');
  refused(() => checkOpacity({ alpha: 1 }, 'overlay'), '"alpha"');
  refused(() => checkClassify({ background: 'none' }), '"background"');
  refused(() => checkRegion({ onProgress: () => undefined }), '"onProgress"');
  refused(() => checkEncode({ windows: { size: 224, step: 112 } }), '"step"');
});

test('inherited properties are not options', () => {
  assert.deepEqual(checkSegment(Object.create({ threshold: 7 })).engine, {});
});

test('wrong values are refused by name', () => {
  refused(() => checkLoad({ device: 'gpu' }), '"device"');
  refused(() => checkLoad({ cache: true }), '"cache"');
  refused(() => checkLoad({ workerUrl: '' }), '"workerUrl"');
  refused(() => checkLoad({ signal: {} }), '"signal"');
  refused(() => checkLoad({ onProgress: 'log' }), '"onProgress"');
  refused(() => checkEncode({ size: 0 }), '"size"');
  refused(() => checkEncode({ size: 2.5 }), '"size"');
  refused(() => checkSegment({ method: 'toString' }), '"method"');
  refused(() => checkSegment({ residual: 1 }), '"residual"');
  refused(() => checkSegment({ multiScale: 1 }), '"multiScale"');
  for (const maxSeconds of [-1, Number.NaN, '3']) {
    refused(() => checkSegment({ maxSeconds }), '"maxSeconds"');
  }
  refused(() => checkSegment({ background: 'sky' }), '"background"');
  refused(() => checkSegment({ background: ['sky', 3] }), '"background[1]"');
  refused(() => checkSegment({ refine: 'pamr' }), '"refine"');
  refused(() => checkSegment({ refine: ['pamr', 'crf'] }), '"refine[1]"');
  for (const crops of [11, '10', 0]) refused(() => checkSegment({ crops }), '10 or 26 or 59');
  refused(() => checkSegment({ guidance: 'lost' }), '"guidance"');
  for (const regions of [0, 201, 1.5]) refused(() => checkSegment({ regions }), '"regions"');
  refused(() => checkSegment({ onPartial: 'draw' }), '"onPartial"');
  refused(() => checkEncode({ method: 'denseclip' }), '"method"');
  refused(() => checkEncode({ windows: 'slide' }), '"windows"');
  refused(() => checkEncode({ windows: { size: 224 } }), '"windows.stride"');
  refused(() => checkEncode({ windows: { size: 112, stride: 224 } }), '"windows.stride"');
  refused(() => checkOpacity({ opacity: 1.5 }, 'overlay'), '"opacity"');
  for (const feather of [-1, 0.5, 101, '3', Number.NaN]) {
    refused(() => checkCutout({ feather }), '"feather"');
    refused(() => checkMatte({ feather }), '"feather"');
  }
  refused(() => checkMatte({ trim: true }), 'no option "trim"');
  refused(() => checkCutout({ trim: 1 }), '"trim"');
  refused(() => checkCutout({ format: 'jpeg' }), '"format"');
  refused(() => checkCutout({ quality: 0.5 }), '"quality"');
  refused(() => checkCutout({ format: 'webp', quality: 80 }), '"quality"');
  for (const background of ['red', '#ff', '#ggg', '#ff00ff00', [1, 2], [1, 2, 256], [1, 2, 0.5]]) {
    refused(() => checkCutout({ background }), '"background"');
  }
  for (const background of [3, null, true]) {
    refused(() => checkCutout({ background }), 'a picture');
  }
  for (const blur of [0, -1, 1001, '3', undefined]) {
    refused(() => checkCutout({ background: { blur } }), '"background.blur"');
  }
  refused(() => checkCutout({ background: { blur: 3, color: '#fff' } }), 'no option "color"');
  for (const threshold of [-0.1, 1.1, Number.NaN, '0.5']) {
    refused(() => checkSegment({ threshold }), '"threshold"');
  }
  for (const options of [null, 3, 'cpu', []])
    refused(() => checkLoad(options), 'must be an object');
});

test('words are an array of strings, copied', () => {
  const words = ['cat', '__proto__'];
  const checked = checkWords(words);
  assert.deepEqual(checked, words);
  assert.notEqual(checked, words);
  refused(() => checkWords('cat'), '"words"');
  refused(() => checkWords(['cat', null]), '"words[1]"');
  // A hole in an array must not slip through.
  refused(() => checkWords(new Array(1)), '"words[0]"');
});

test('a point is the pixel that it lies in, and lies in the picture', () => {
  const size = { width: 20, height: 10 };
  assert.deepEqual(checkPoint(19.99, 0, size), { x: 19, y: 0 });
  for (const [x, y, name] of [
    [20, 0, '"x"'],
    [-0.1, 0, '"x"'],
    [Number.NaN, 0, '"x"'],
    ['3', 0, '"x"'],
    [0, 10, '"y"'],
    [0, undefined, '"y"'],
  ] as const) {
    refused(() => checkPoint(x, y, size), name);
  }
});
