import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import { Connection } from '../src/bridge.js';
import { WordmaskError } from '../src/errors.js';
import { type FromWorker, protocolVersion } from '../src/protocol.js';
import { startWorker } from '../src/start.js';
import { ThreadWorker } from '../src/thread.js';

afterEach(() => {
  Object.assign(globalThis, { Worker: undefined, location: undefined });
});

/** A browser's worker that only remembers how it was started. */
class Remembered {
  static started: { url: string; options: WorkerOptions }[] = [];
  constructor(url: string, options: WorkerOptions) {
    Remembered.started.push({ url, options });
  }
}

function page(address: string): void {
  Remembered.started = [];
  Object.assign(globalThis, { Worker: Remembered, location: new URL(address) });
}

test('startWorker gives the browser a worker of the same origin as it is', () => {
  page('https://example.org/app/');
  startWorker({ workerUrl: 'https://example.org/dist/worker.js' });
  assert.deepEqual(Remembered.started, [
    { url: 'https://example.org/dist/worker.js', options: { type: 'module' } },
  ]);
});

test('startWorker imports a worker of another origin from one of its own', async () => {
  page('https://example.org/app/');
  const places = { workerUrl: 'https://cdn.example/wordmask/worker.js' };
  const { failure } = startWorker(places);
  startWorker(places);
  const [first = assert.fail(), second] = Remembered.started;
  assert.ok(first.url.startsWith('blob:'));
  assert.equal(second?.url, first.url, 'one blob serves all workers');
  assert.equal(
    await (await fetch(first.url)).text(),
    'import "https://cdn.example/wordmask/worker.js";',
  );
  const { code, message } = failure(undefined);
  assert.equal(code, 'network');
  for (const part of [places.workerUrl, 'CORS', 'worker-src', 'optimizeDeps', 'workerUrl']) {
    assert.ok(message.includes(part), message);
  }
});

test('startWorker leaves files to apps that are no pages of a server', () => {
  page('file:///app/index.html');
  startWorker({ workerUrl: 'file:///app/worker.js' });
  assert.equal(Remembered.started[0]?.url, 'file:///app/worker.js');
});

const thread = (script: string) => {
  const head = "import { parentPort } from 'node:worker_threads';";
  return `data:text/javascript,${encodeURIComponent(head + script)}`;
};

test('startWorker starts a thread where there are no workers', async () => {
  const hello = JSON.stringify({ type: 'hello', protocol: protocolVersion });
  const answer = "{ type: 'done', id: data.id, answer: 'svg of ' + data.request.segmentation }";
  const workerUrl = thread(
    `parentPort.onmessage = ({ data }) => parentPort.postMessage(${answer}); parentPort.postMessage(${hello});`,
  );
  const started = startWorker({ workerUrl });
  assert.ok(started.worker instanceof ThreadWorker);
  const connection = new Connection(started, () => undefined);
  const svg = await connection.call<'text'>({
    kind: 'text',
    segmentation: 3,
    form: { kind: 'svg', options: {} },
  });
  assert.equal(svg, 'svg of 3');
  connection.close(new WordmaskError('internal', 'over'));
});

test('a thread that fails ends its calls and says why', async () => {
  const started = startWorker({ workerUrl: thread("throw new Error('no engine');") });
  const connection = new Connection(started, () => undefined);
  await assert.rejects(
    connection.call<'text'>({ kind: 'text', segmentation: 1, form: { kind: 'svg', options: {} } }),
    (error: unknown) => error instanceof WordmaskError && /no engine/.test(error.message),
  );
});

test('a thread hears of messages', async () => {
  const worker = new ThreadWorker(
    thread("parentPort.once('message', (x) => parentPort.postMessage(x));"),
  );
  const heard = new EventTarget();
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) =>
    heard.dispatchEvent(new MessageEvent('heard', { data }));
  worker.postMessage({ type: 'free', handle: 4 });
  const [event] = await once(heard, 'heard');
  assert.deepEqual(event.data, { type: 'free', handle: 4 });
  worker.terminate();
});
