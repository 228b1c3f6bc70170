import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Progress } from '../src/index.js';
import { lease } from '../src/shared.js';
import { bundleNet, bundleUrl, FakeWorker, script } from './fakes.js';

let net: ReturnType<typeof bundleNet>['net'];

beforeEach(() => {
  ({ net } = bundleNet());
  FakeWorker.install(script(), net);
});

afterEach(() => {
  assert.ok(FakeWorker.all.every((worker) => worker.terminated));
});

test('lease loads a model once for all who want it alike, until the last has gone', async () => {
  const seen: Progress[][] = [[], []];
  const leases = seen.map((list) => lease(bundleUrl, {}, (progress) => list.push(progress)));
  const [first, second] = leases;
  assert.equal(await first?.segmenter, await second?.segmenter);
  assert.equal(FakeWorker.all.length, 1);
  assert.ok(seen[0] && seen[0].length > 0);
  assert.deepEqual(seen[0], seen[1]);
  first?.release();
  first?.release();
  await null;
  assert.ok(!FakeWorker.all[0]?.terminated, 'one is left');
  const other = lease(bundleUrl, { device: 'cpu' }, () => undefined);
  await other.segmenter;
  assert.equal(FakeWorker.all.length, 2, 'other options, other engine');
  for (const held of [second, other]) held?.release();
  await Promise.resolve();
});

test('lease stops loading when nobody waits for it any more', async () => {
  const held = lease(bundleUrl, {}, () => undefined);
  held.release();
  await assert.rejects(held.segmenter, { name: 'AbortError' });
});

test('lease loads anew what has failed', async () => {
  const manifest = `${bundleUrl}wordmask.json`;
  const answer = net.answers.get(manifest) ?? assert.fail();
  net.answers.delete(manifest);
  const failed = lease(bundleUrl, {}, () => undefined);
  await assert.rejects(failed.segmenter, { code: 'network' });
  net.answers.set(manifest, answer);
  const held = lease(bundleUrl, {}, () => undefined);
  await held.segmenter;
  failed.release();
  assert.equal(lease(bundleUrl, {}, () => undefined).segmenter, held.segmenter);
  FakeWorker.all.at(-1)?.terminate();
});
