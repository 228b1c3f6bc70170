import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BundleSource, type Take, takeFiles } from '../src/bundle.js';
import type { BundleFile } from '../src/engine.js';
import type { Progress } from '../src/options.js';

const files: BundleFile[] = Array.from({ length: 7 }, (_, index) => ({
  name: `vision-0${index}.safetensors`,
  bytes: 10,
  sha256: '',
  part: 'vision',
}));

/** A source whose files come when the test says so, in the order in which the test says so. */
class Gate implements BundleSource {
  readonly kept = true;
  readonly log: string[] = [];
  readonly #waiting = new Map<string, { come(): void; fail(error: unknown): void }>();
  /** Files that are on their way or in memory. */
  held = 0;
  most = 0;

  async manifest(): Promise<string> {
    return '';
  }

  async file(
    { name, bytes }: BundleFile,
    onBytes: (loaded: number) => void,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    this.log.push(`get ${name}`);
    this.held++;
    this.most = Math.max(this.most, this.held);
    try {
      await new Promise<void>((come, fail) => {
        this.#waiting.set(name, { come, fail });
        signal.addEventListener('abort', () => fail(signal.reason));
      });
    } catch (error) {
      this.held--;
      throw error;
    } finally {
      this.#waiting.delete(name);
    }
    onBytes(bytes / 2);
    onBytes(bytes);
    return new Uint8Array(bytes);
  }

  async keep({ name }: BundleFile): Promise<void> {
    this.log.push(`keep ${name}`);
    this.held--;
  }

  async forget({ name }: BundleFile): Promise<void> {
    this.log.push(`forget ${name}`);
    this.held--;
  }

  /** Until the file is kept or dropped, if anyone waits for it: another thread computes its hash. */
  async come(index: number): Promise<void> {
    const name = `vision-0${index}.safetensors`;
    const waiting = this.#waiting.get(name);
    waiting?.come();
    const isOver = () => this.log.includes(`keep ${name}`) || this.log.includes(`forget ${name}`);
    do await new Promise(setImmediate);
    while (waiting && !isOver());
  }

  async fail(index: number, error: unknown): Promise<void> {
    this.#waiting.get(`vision-0${index}.safetensors`)?.fail(error);
    await new Promise(setImmediate);
  }
}

const ofTenZeros = '01d448afd928065458cf670b60f5a594d735af0172c8d67f22a81680132681ca';

function start(gate: Gate, take: Take = () => undefined) {
  const controller = new AbortController();
  const seen: Progress[] = [];
  const report = (progress: Progress) => void seen.push(progress);
  const promise = takeFiles(files, gate, take, { signal: controller.signal, report });
  // Looked at by the test later, and no unhandled rejection until then.
  promise.catch(() => undefined);
  return { promise, controller, seen };
}

const gets = (gate: Gate) => gate.log.filter((line) => line.startsWith('get')).length;

test('three files are on their way at once, asked for in order, and no more are in memory', async () => {
  const gate = new Gate();
  const { promise, seen } = start(gate, (name) => gate.log.push(`take ${name}`));
  await new Promise(setImmediate);
  assert.deepEqual(
    gate.log,
    [0, 1, 2].map((index) => `get vision-0${index}.safetensors`),
  );
  await gate.come(1);
  assert.deepEqual(gate.log.slice(3), [
    'take vision-01.safetensors',
    'keep vision-01.safetensors',
    'get vision-03.safetensors',
  ]);
  for (const index of [3, 0, 2, 6, 5, 4, 6, 5]) await gate.come(index);
  await promise;
  assert.equal(gets(gate), 7);
  assert.equal(gate.most, 3);
  assert.equal(gate.held, 0);
  const loaded = seen.map((progress) => progress.phase === 'download' && progress.loaded);
  assert.deepEqual(
    loaded,
    Array.from({ length: 14 }, (_, index) => 5 * (index + 1)),
  );
  assert.ok(seen.every((progress) => progress.phase === 'download' && progress.total === 70));
});

test('one file that fails stops the others, and nothing is taken after that', async () => {
  const gate = new Gate();
  const taken: string[] = [];
  const { promise } = start(gate, (name) => taken.push(name));
  await gate.come(0);
  await gate.fail(1, new Error('cut off'));
  await assert.rejects(promise, /cut off/);
  for (const index of [2, 3, 4]) await gate.come(index);
  assert.deepEqual(taken, ['vision-00.safetensors']);
  assert.equal(gets(gate), 4);
});

test('the engine is told the hash', async () => {
  const gate = new Gate();
  const hashes: (string | undefined)[] = [];
  const { promise } = start(gate, (_name, _bytes, sha256) => hashes.push(sha256));
  await gate.come(0);
  for (const index of [1, 2, 3, 4, 5, 6]) await gate.come(index);
  await promise;
  // Of ten zeros, by sha256sum.
  assert.deepEqual(new Set(hashes), new Set([ofTenZeros]));
});

test('a file that the engine refuses is dropped, and ends it', async () => {
  const gate = new Gate();
  const { promise } = start(gate, () => {
    throw new Error('another hash');
  });
  await gate.come(0);
  await assert.rejects(promise, /another hash/);
  assert.ok(gate.log.includes('forget vision-00.safetensors'));
  assert.ok(!gate.log.some((line) => line.startsWith('keep')));
});

test('an abort stops all, and rejects with its reason', async () => {
  const gate = new Gate();
  const { promise, controller } = start(gate);
  await gate.come(0);
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(promise, reason);
  assert.equal(gets(gate), 4);
  assert.equal(gate.held, 0);
});

test('no files are no work', async () => {
  const { signal } = new AbortController();
  const report = () => assert.fail();
  await takeFiles([], new Gate(), () => assert.fail(), { signal, report });
});
