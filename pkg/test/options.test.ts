import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WordmaskError } from '../src/errors.js';
import { checkEncode, checkLoad, checkOpacity, checkSegment, checkWords } from '../src/options.js';

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
    method: 'maskclip',
    residual: true,
    background: ['sky'],
    refine: ['key-smoothing', 'prompt-denoising'],
    threshold: 0,
  };
  const checked = checkSegment({ ...engine, signal, onProgress });
  assert.deepEqual(checked, { engine, signal, onProgress });
  assert.equal(checkEncode({ size: 448 }).engine.size, 448);
  assert.equal(checkLoad({ device: 'webgpu', cache: 'none' }).device, 'webgpu');
});

test('unknown options are refused by name, with the known ones beside', () => {
  refused(() => checkSegment({ treshold: 0.5 }), '"treshold"');
  refused(() => checkSegment({ treshold: 0.5 }), 'threshold');
  refused(() => checkLoad({ devices: 'cpu' }), '"devices"');
  refused(() => checkEncode(JSON.parse('{"__proto__": 1}')), '"__proto__"');
  refused(() => checkOpacity({ alpha: 1 }, 'overlay'), '"alpha"');
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
  refused(() => checkSegment({ background: 'sky' }), '"background"');
  refused(() => checkSegment({ background: ['sky', 3] }), '"background[1]"');
  refused(() => checkSegment({ refine: 'pamr' }), '"refine"');
  refused(() => checkSegment({ refine: ['pamr'] }), '"refine[0]"');
  refused(() => checkOpacity({ opacity: 1.5 }, 'overlay'), '"opacity"');
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
