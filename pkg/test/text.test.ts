/** The text tower comes when a word needs it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type Progress, Segmenter } from '../src/index.js';
import { fails } from './fails.js';
import {
  bundleNet,
  bundleUrl,
  type FakeCache,
  type FakeNet,
  FakeWorker,
  gate,
  type Script,
  script,
} from './fakes.js';

const textUrl = `${bundleUrl}text-00.safetensors`;
const tokenizerUrl = `${bundleUrl}tokenizer.json`;
let net: FakeNet;
let cache: FakeCache;
let engine: Script;
let segmenter: Segmenter;

beforeEach(async () => {
  ({ net, cache } = bundleNet());
  engine = script();
  FakeWorker.install(engine, net);
  segmenter = await Segmenter.load(bundleUrl);
  net.asked.length = 0;
});

afterEach(() => segmenter.close());

const encode = () => segmenter.encode(new Blob(['a']));
const mask = { size: [1, 2] as const, counts: '02' };
const finished = () => engine.log.filter((line) => line === 'finish text').length;

/** The text tower's weights come only after `open`. */
function hold(): { open(): void; asked: Promise<void> } {
  const answer = net.answers.get(textUrl);
  const asked = gate();
  const held = gate();
  net.answers.set(textUrl, async () => {
    asked.open();
    await held.opened;
    return answer?.() ?? assert.fail();
  });
  return { open: held.open, asked: asked.opened };
}

test('ready words fetch nothing', async () => {
  const picture = await encode();
  await picture.segment(['cat', 'dog'], { background: ['sky'] });
  await picture.classify([mask], ['cat']);
  await picture.regionAt(0, 0);
  assert.deepEqual(net.asked, []);
  assert.equal(finished(), 0);
});

test('an unknown word fetches the text tower once, with the progress of its call', async () => {
  const picture = await encode();
  const seen: Progress[] = [];
  await picture.segment(['rare lynx'], { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(net.asked, [tokenizerUrl, textUrl]);
  assert.deepEqual(seen, [
    { phase: 'download', file: 'tokenizer.json', loaded: 2, total: 5 },
    { phase: 'download', file: 'text-00.safetensors', loaded: 5, total: 5 },
    { phase: 'prepare' },
  ]);
  await picture.segment(['rare lynx', 'rare ibex']);
  await picture.classify([mask], ['rare lynx']);
  assert.equal(net.asked.length, 2);
  assert.equal(finished(), 1);
});

test('an unknown background word, and a word for a mask, fetch it too', async () => {
  const picture = await encode();
  await picture.segment(['cat'], { background: ['rare fog'] });
  assert.equal(finished(), 1);
  const other = await Segmenter.load(bundleUrl);
  await (await other.encode(new Blob(['b']))).classify([mask], ['rare fog']);
  assert.equal(finished(), 2);
  assert.equal(net.asked.filter((url) => url === textUrl).length, 1, 'kept by the first');
  await other.close();
});

test('calls made at once share one download', async () => {
  const picture = await encode();
  await Promise.all([
    picture.segment(['rare lynx']),
    picture.classify([mask], ['rare ibex']),
    picture.segment(['rare ibex']),
  ]);
  assert.deepEqual(net.asked, [tokenizerUrl, textUrl]);
  assert.equal(finished(), 1);
});

test('a download that fails leaves the segmenter of use, and is tried again', async () => {
  const picture = await encode();
  const answer = net.answers.get(textUrl) ?? assert.fail();
  net.answers.set(textUrl, async () => {
    while (!cache.entries.has(tokenizerUrl)) await new Promise(setImmediate);
    throw new TypeError('Failed to fetch');
  });
  await fails(picture.segment(['rare lynx']), 'network', 'text-00');
  await picture.segment(['cat']);
  assert.equal(FakeWorker.all.length, 1, 'the engine went on');
  net.answers.set(textUrl, answer);
  net.asked.length = 0;
  await picture.segment(['rare lynx']);
  assert.deepEqual(net.asked, [textUrl], 'what had come is not fetched again');
});

test('a text file with the wrong hash is refused, not kept, and fetched anew', async () => {
  const picture = await encode();
  const answer = net.answers.get(textUrl) ?? assert.fail();
  net.file(textUrl, Uint8Array.of(0, 0, 0));
  await fails(picture.segment(['rare lynx']), 'integrity', 'text-00');
  assert.ok(!cache.entries.has(textUrl));
  net.answers.set(textUrl, answer);
  await picture.segment(['rare lynx']);
  assert.equal(finished(), 1);
});

test('an abort stops the download; the next call goes on where it was', async () => {
  const picture = await encode();
  const { open, asked } = hold();
  const controller = new AbortController();
  const reason = new Error('enough');
  const promise = picture.segment(['rare lynx'], { signal: controller.signal });
  await asked;
  controller.abort(reason);
  await assert.rejects(promise, reason);
  await picture.segment(['cat']);
  assert.equal(finished(), 0);
  open();
  net.asked.length = 0;
  await picture.segment(['rare lynx']);
  assert.deepEqual(net.asked, [textUrl]);
  assert.equal(FakeWorker.all.length, 1);
});

test('stopping one of two calls does not cost the other its download', async () => {
  const picture = await encode();
  const { open, asked } = hold();
  const controller = new AbortController();
  const first = picture.segment(['rare lynx'], { signal: controller.signal });
  const second = picture.segment(['rare ibex']);
  await asked;
  controller.abort();
  open();
  await assert.rejects(first, { name: 'AbortError' });
  assert.deepEqual((await second).labels, Uint8Array.of(0, 255));
  assert.equal(finished(), 1);
});

test('a worker that is replaced gets the text tower again, from the cache', async () => {
  const picture = await encode();
  const result = await picture.segment(['rare lynx']);
  FakeWorker.all[0]?.crash('unreachable');
  net.asked.length = 0;
  assert.equal(await result.toSvg(), '<svg/>');
  assert.deepEqual(
    net.asked.filter((url) => url.startsWith(bundleUrl)),
    [],
  );
  assert.equal(finished(), 2);
});
