import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { WordmaskError } from '../src/errors.js';
import { Segmenter } from '../src/index.js';
import { absolute, enginePlaces, workerPlace } from '../src/places.js';

const none = { document: undefined, location: undefined };

afterEach(() => {
  Object.assign(globalThis, none);
});

/** Says where the code seems to run. */
function at(place: { document?: { baseURI: string }; location?: URL }): void {
  Object.assign(globalThis, none, place);
}

const input = (part: string) => (error: unknown) => {
  assert.ok(error instanceof WordmaskError, String(error));
  assert.equal(error.code, 'input');
  assert.ok(error.message.includes(part), error.message);
  return true;
};

test('absolute takes addresses as the page means them', () => {
  at({ document: { baseURI: 'https://example.org/app/index.html' } });
  assert.equal(absolute('models/clip/', 'model'), 'https://example.org/app/models/clip/');
  assert.equal(absolute('clip', 'model'), 'https://example.org/app/clip');
  assert.equal(absolute('/models/', 'model'), 'https://example.org/models/');
  assert.equal(absolute('//cdn.example/m/', 'model'), 'https://cdn.example/m/');
  assert.equal(absolute('https://other.example/m', 'model'), 'https://other.example/m');
  assert.equal(absolute(new URL('https://other.example/m'), 'model'), 'https://other.example/m');
});

test('absolute is of use in a worker that a blob has started', () => {
  const { process } = globalThis;
  Object.assign(globalThis, none, {
    location: {
      protocol: 'blob:',
      origin: 'https://example.org',
      href: 'blob:https://example.org/1',
    },
    process: { ...process, getBuiltinModule: undefined },
  });
  try {
    assert.equal(absolute('models/clip/', 'model'), 'https://example.org/models/clip/');
  } finally {
    Object.assign(globalThis, { process });
  }
});

test('absolute takes paths where there is no page', () => {
  assert.equal(absolute('models/a b#1/', 'model'), `${pathToFileURL('models')}/a%20b%231/`);
  assert.equal(absolute('/models/clip', 'model'), 'file:///models/clip');
  assert.equal(absolute('file:///models/clip/', 'model'), 'file:///models/clip/');
  // A drive is no scheme, whatever the system that reads it makes of it.
  assert.match(absolute('C:\\models', 'model'), /^file:/);
});

test('absolute names the parameter that cannot be read', () => {
  assert.throws(() => absolute('https://', 'workerUrl'), input('"workerUrl"'));
});

test('load names its model when it is none', async () => {
  for (const model of ['', 'https://', 'http://[', undefined, null, 7, true]) {
    await assert.rejects(Segmenter.load(model as never), input('"model"'));
  }
  for (const model of [{ id: 'x' }, {}, []]) {
    await assert.rejects(Segmenter.load(model as never), input('model'));
  }
});

test('load names the place that is no address', async () => {
  await assert.rejects(Segmenter.load('m/', { workerUrl: 'http://' }), input('"workerUrl"'));
  await assert.rejects(Segmenter.load('m/', { engineUrl: 'http://' }), input('"engineUrl"'));
});

test('the worker and the engines are beside the module unless told otherwise', () => {
  const beside = (name: string) => new URL(name, import.meta.url).href;
  assert.equal(workerPlace({ workerUrl: undefined }), beside('worker.js'));
  const own = enginePlaces({});
  assert.equal(own.webgpu, beside('engine/wordmask-webgpu.wasm'));
  assert.ok(own.cpu.startsWith(beside('engine/wordmask-cpu')));
  at({ document: { baseURI: 'https://example.org/app/' } });
  const workerUrl = 'static/worker.js';
  assert.equal(workerPlace({ workerUrl }), 'https://example.org/app/static/worker.js');
  const { cpu, webgpu } = enginePlaces({ workerUrl });
  assert.equal(webgpu, 'https://example.org/app/static/engine/wordmask-webgpu.wasm');
  assert.match(cpu, /^https:\/\/example\.org\/app\/static\/engine\/wordmask-cpu(-relaxed)?\.wasm$/);
  const blob = 'blob:https://example.org/1';
  assert.equal(workerPlace({ workerUrl: blob }), blob);
  assert.deepEqual(enginePlaces({ workerUrl: blob }), own, 'nothing lies beside a blob');
});

test('each engine may have a place of its own', () => {
  at({ document: { baseURI: 'https://example.org/app/' } });
  const beside = enginePlaces({});
  const one = { cpu: '/c.wasm' };
  assert.deepEqual(enginePlaces({ engineUrl: one }), {
    cpu: 'https://example.org/c.wasm',
    webgpu: beside.webgpu,
  });
  const both = { cpu: 'c.wasm', webgpu: new URL('https://cdn.example/g.wasm') };
  assert.deepEqual(enginePlaces({ workerUrl: 'w.js', engineUrl: both }), {
    cpu: 'https://example.org/app/c.wasm',
    webgpu: 'https://cdn.example/g.wasm',
  });
});
