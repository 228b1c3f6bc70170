import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import {
  type EncodedPicture,
  exportDataset,
  type Progress,
  type Segmentation,
  Segmenter,
} from '../src/index.js';
import { fails } from './fails.js';
import {
  bundleNet,
  bundleUrl,
  coded,
  engineUrl,
  type FakeCache,
  type FakeNet,
  FakeWorker,
  gate,
  type Script,
  script,
  steps,
  trap,
  webGpuUrl,
} from './fakes.js';

let net: FakeNet;
let cache: FakeCache;
let engine: Script;
const open: Segmenter[] = [];

beforeEach(() => {
  ({ net, cache } = bundleNet());
  engine = script();
  FakeWorker.install(engine, net);
});

afterEach(async () => {
  for (const segmenter of open.splice(0)) await segmenter.close();
  assert.ok(FakeWorker.all.every((worker) => worker.terminated));
});

async function load(options?: Parameters<typeof Segmenter.load>[1]): Promise<Segmenter> {
  const segmenter = await Segmenter.load(bundleUrl, options);
  open.push(segmenter);
  return segmenter;
}

const file = (name: string) => new Blob([name]);

const called = () => engine.log.filter((line) => !/done|finish|^add/.test(line));

test('a bundle loads without its text tower, with progress over what it gets', async () => {
  const seen: Progress[] = [];
  const segmenter = await load({ onProgress: (progress) => seen.push(progress) });
  const note = 'The CPU is used: there is no WebGPU here.';
  assert.deepEqual(segmenter.device, { kind: 'cpu', name: 'fake', note });
  assert.equal(segmenter.info.name, 'small');
  assert.ok(segmenter.knows('red cat').known);
  assert.deepEqual(segmenter.knows('wild cat'), { known: false, nearest: 'cat' });
  assert.ok(segmenter.cached);
  assert.deepEqual(seen, [
    { phase: 'download', file: 'words-00.safetensors', loaded: 2, total: 6 },
    { phase: 'download', file: 'vision-00.safetensors', loaded: 6, total: 6 },
    { phase: 'prepare' },
  ]);
  assert.ok(!net.asked.some((url) => /text|tokenizer/.test(url)), net.asked.join());
  assert.match(FakeWorker.all[0]?.url ?? '', /\/worker\.js$/);
});

test('the second visit downloads only the manifest and the engine', async () => {
  await load();
  net.asked.length = 0;
  await load();
  assert.deepEqual(net.asked.sort(), [engineUrl, `${bundleUrl}wordmask.json`]);
});

test('the address may name the directory or the manifest', async () => {
  for (const url of [bundleUrl.slice(0, -1), `${bundleUrl}wordmask.json`, new URL(bundleUrl)]) {
    open.push(await Segmenter.load(url));
  }
});

test('a file with the wrong hash is refused and not kept', async () => {
  net.file(`${bundleUrl}vision-00.safetensors`, Uint8Array.of(9, 9, 9, 9));
  await fails(load(), 'integrity', 'vision-00');
  assert.ok(!cache.entries.has(`${bundleUrl}vision-00.safetensors`));
  assert.ok(FakeWorker.all[0]?.terminated);
});

test('a kept file that has been tampered with is refused and dropped; the next load is whole', async () => {
  await load();
  const key = `${bundleUrl}vision-00.safetensors`;
  const headers = cache.entries.get(key)?.headers ?? new Headers();
  cache.entries.set(key, new Response(Uint8Array.of(9, 9, 9, 9), { headers }));
  await fails(load(), 'integrity');
  assert.ok(!cache.entries.has(key));
  await load();
});

test('a manifest never leads to another directory', async () => {
  for (const name of ['../secret', 'https://evil.example/x', 'a/b', '.hidden', '']) {
    const files = [{ name, bytes: 1, sha256: '' }];
    net.file(`${bundleUrl}wordmask.json`, JSON.stringify({ files }));
    await fails(load(), 'model', 'name');
  }
  assert.ok(net.asked.every((url) => url === engineUrl || url.endsWith('/wordmask.json')));
});

test('a missing bundle says what the server answered', async () => {
  net.answers.set(`${bundleUrl}wordmask.json`, () => new Response('', { status: 404 }));
  await fails(load(), 'network', '404');
});

test('a full store is told', async () => {
  cache.full = true;
  assert.ok(!(await load()).cached);
});

test('loading stops on abort and ends its worker', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const promise = load({ signal: controller.signal, onProgress: () => controller.abort(reason) });
  await assert.rejects(promise, reason);
  assert.ok(FakeWorker.all[0]?.terminated);
  assert.equal(engine.started, 0);
  await assert.rejects(load({ signal: AbortSignal.abort(reason) }), reason);
});

test('a picture is encoded once and segmented with any words', async () => {
  const segmenter = await load();
  const picture = await segmenter.encode(file('a'));
  const seen: Progress[] = [];
  engine.work = (_call, _argument, checkpoint) => steps(2, checkpoint);
  const result = await picture.segment(['tv/monitor', '__proto__'], {
    onProgress: (progress) => seen.push(progress),
  });
  await picture.segment(['dog']);
  assert.deepEqual(called(), ['encode a', 'segment tv/monitor+__proto__', 'segment dog']);
  assert.deepEqual(seen, [
    { phase: 'segment', done: 1, total: 2 },
    { phase: 'segment', done: 2, total: 2 },
  ]);
  assert.deepEqual([picture.width, picture.height], [2, 1]);
  assert.deepEqual(result.labels, Uint8Array.of(0, 255));
  assert.ok(result.timing.encodeMs >= 0 && result.timing.segmentMs >= 0);
});

test('an answer goes out in every form, by name, by word and by index', async () => {
  const picture = await (await load()).encode(file('a'));
  const result = await picture.segment(['cat', 'tv/monitor', '__proto__']);
  assert.deepEqual(await result.scores('tv'), Float32Array.of(1, 1));
  assert.deepEqual(await result.scores('tv/monitor'), Float32Array.of(1, 1));
  assert.deepEqual(await result.scores('__proto__'), Float32Array.of(2, 1));
  assert.deepEqual(await result.scores(0), Float32Array.of(0, 1));
  const overlay = await result.overlay({ opacity: 0.5 });
  assert.deepEqual(new Uint8Array(await overlay.arrayBuffer()), Uint8Array.of(2, 50));
  assert.equal((await result.toPng()).size, 1);
  assert.equal(await result.toCoco(), '{"coco":"picture"}');
  assert.equal(await result.toGeoJson(), '{"geojson":1}');
  assert.equal(await result.toSvg({ tolerance: 0 }), '<svg tolerance="0"/>');
  for (const which of ['dog', 'constructor', 3, -1, 0.5]) {
    await fails(result.scores(which), 'input', String(which));
  }
});

test('classes are cut out alone and together, on every background', async () => {
  const picture = await (await load()).encode(file('a'));
  const result = await picture.segment(['cat', 'tv/monitor', 'dog']);
  const asked = async (...how: Parameters<Segmentation['cutout']>) =>
    JSON.parse(await (await result.cutout(...how)).text());
  const cutout = await result.cutout('tv');
  assert.ok(cutout instanceof Blob);
  assert.equal(cutout.type, 'image/png');
  assert.deepEqual(cutout.bbox, [1, 0, 2, 1]);
  assert.deepEqual(await asked('tv'), { classes: [1] });
  assert.deepEqual(await asked([2, 'cat', 'tv/monitor']), { classes: [2, 0, 1] });
  assert.deepEqual(await asked(0, { feather: 0, trim: true, background: 'transparent' }), {
    classes: [0],
    feather: 0,
    trim: true,
  });
  assert.deepEqual(await asked(0, { background: '#Fc0' }), { classes: [0], color: [255, 204, 0] });
  assert.deepEqual(await asked(0, { background: [1, 2, 255] }), {
    classes: [0],
    color: [1, 2, 255],
  });
  assert.deepEqual(await asked(0, { background: { blur: 3.5 } }), { classes: [0], blur: 3.5 });
  const behind = await asked(0, { background: new Blob(['hills']) });
  assert.deepEqual(behind, { classes: [0], behind: 'hills' });
  assert.deepEqual(await result.matte(['cat', 'dog']), Uint8Array.of(0, 2, 99));
  assert.deepEqual(await result.matte('cat', { feather: 7 }), Uint8Array.of(0, 7));
  for (const which of [[], ['cat', 'cow'], {}, [[0]]]) {
    await fails(result.cutout(which as string), 'input', '');
    await fails(result.matte(which as string), 'input', '');
  }
  await fails(result.cutout('cat', { background: {} as Blob }), 'input', 'cannot be read');
  result.free();
  await fails(result.cutout('cat'), 'input', 'freed');
  const calls = engine.log.filter((line) => /cutout/.test(line));
  assert.equal(calls.filter((line) => line === 'free cutout').length, calls.length / 2);
});

test('a background that only the browser decodes comes as pixels', async (t) => {
  t.after(() =>
    Object.assign(globalThis, { createImageBitmap: undefined, OffscreenCanvas: undefined }),
  );
  const pixels = { width: 3, height: 1, close: () => undefined };
  const data = new Uint8ClampedArray(12).fill(65);
  const OffscreenCanvas = class {
    getContext = () => ({ drawImage: () => undefined, getImageData: () => ({ data }) });
  };
  Object.assign(globalThis, { createImageBitmap: async () => pixels, OffscreenCanvas });
  const picture = await (await load()).encode(file('a'));
  const result = await picture.segment(['cat']);
  const cutout = await result.cutout('cat', { background: new Blob(['odd']) });
  assert.deepEqual(JSON.parse(await cutout.text()), {
    classes: [0],
    size: [3, 1],
    behind: 'A'.repeat(12),
  });
});

test('WebP is written by the browser where it can', async (t) => {
  const written: unknown[] = [];
  let type = 'image/webp';
  const OffscreenCanvas = class {
    readonly size: number[];
    constructor(...size: number[]) {
      this.size = size;
    }
    getContext = () => ({ putImageData: (...put: unknown[]) => written.push(this.size, ...put) });
    convertToBlob = async (how: unknown) => {
      written.push(how);
      return new Blob(['webp'], { type });
    };
  };
  const ImageData = class {
    readonly given: unknown[];
    constructor(...given: unknown[]) {
      this.given = given;
    }
  };
  const before = { OffscreenCanvas: globalThis.OffscreenCanvas, ImageData: globalThis.ImageData };
  t.after(() => Object.assign(globalThis, before));
  const picture = await (await load()).encode(file('a'));
  const result = await picture.segment(['cat']);
  await fails(result.cutout('cat', { format: 'webp' }), 'unsupported', 'png');
  Object.assign(globalThis, { OffscreenCanvas, ImageData });
  const cutout = await result.cutout('cat', { format: 'webp', quality: 0.5 });
  assert.deepEqual([cutout.type, await cutout.text()], ['image/webp', 'webp']);
  const rgba = Uint8ClampedArray.of(1, 2, 3, 4, 5, 6, 7, 8);
  assert.deepEqual(written[0], [2, 1]);
  assert.deepEqual((written[1] as InstanceType<typeof ImageData>).given, [rgba, 2, 1]);
  assert.deepEqual(written.at(-1), { type: 'image/webp', quality: 0.5 });
  await result.cutout('cat', { format: 'webp' });
  assert.deepEqual(written.at(-1), { type: 'image/webp', quality: 0.9 });
  // Browsers that cannot give PNG.
  type = 'image/png';
  await fails(result.cutout('cat', { format: 'webp' }), 'unsupported', 'png');
});

test('an answer with other labels is another answer of the same picture', async () => {
  const picture = await (await load()).encode(new File(['a'], 'x.jpg'));
  const result = await picture.segment(['cat', 'tv/monitor']);
  const labels = Uint8Array.of(1, 1);
  const corrected = await result.withLabels(labels);
  labels.fill(0);
  assert.deepEqual(corrected.labels, Uint8Array.of(1, 1));
  assert.deepEqual(
    corrected.classes.map(({ pixels }) => pixels),
    [0, 2],
  );
  assert.deepEqual(result.labels, Uint8Array.of(0, 255));
  assert.deepEqual(
    result.classes.map(({ pixels }) => pixels),
    [1, 0],
  );
  assert.deepEqual(corrected.timing, result.timing);
  assert.equal(await corrected.toCoco(), '{"coco":"x.jpg"}');
  assert.deepEqual(await corrected.scores('tv/monitor'), Float32Array.of(1, 1));
  // Neither needs the other any more.
  result.free();
  const twice = await corrected.withLabels(Uint8Array.of(255, 0));
  corrected.free();
  assert.equal(await twice.toSvg(), '<svg/>');
  await fails(corrected.toSvg(), 'input', 'freed');
  await fails(result.withLabels(Uint8Array.of(0, 0)), 'input', 'freed');
  for (const wrong of [Uint8Array.of(0), [0, 0], Uint8Array.of(0, 2), Uint8Array.of(254, 0)]) {
    await fails(twice.withLabels(wrong as Uint8Array), 'input', '"labels"');
  }
});

test('after a trap, other labels are made anew with the answer below them', async () => {
  const picture = await (await load()).encode(file('a'));
  const result = await picture.segment(['cat']);
  const corrected = await result.withLabels(Uint8Array.of(0, 0));
  result.free();
  FakeWorker.all[0]?.crash('unreachable');
  engine.log.length = 0;
  assert.equal(await corrected.toSvg(), '<svg/>');
  await corrected.toPng();
  assert.deepEqual(called(), ['encode a', 'segment cat', 'relabel cat as 0,0', 'free cat']);
});

test('COCO files call a picture by its own file, unless told otherwise', async () => {
  const segmenter = await load();
  const coco = async (source: Blob, options?: { fileName?: string }) => {
    const result = await (await segmenter.encode(source)).segment(['cat']);
    return JSON.parse(await result.toCoco(options)).coco;
  };
  assert.equal(await coco(new File(['a'], 'Ärger.jpg')), 'Ärger.jpg');
  assert.equal(await coco(new File(['a'], 'x.jpg'), { fileName: 'train/1.jpg' }), 'train/1.jpg');
  assert.equal(await coco(new File(['a'], '')), 'picture');
  assert.equal(await coco(new Blob(['a'])), 'picture');
  for (const fileName of ['', 7, null]) {
    await fails(coco(new Blob(['a']), { fileName } as { fileName: string }), 'input', 'fileName');
  }
  await fails(coco(new Blob(['a']), { filename: 'x' } as object), 'input', 'filename');
});

test('exports pass their options on and say what is wrong with them', async () => {
  const segmenter = await load();
  const result = await (await segmenter.encode(new File(['a'], 'x.jpg'))).segment(['cat']);
  const coco = await result.toCoco({ instances: true, tolerance: 2, masks: 'rle' });
  assert.deepEqual(JSON.parse(coco), {
    coco: 'x.jpg',
    instances: true,
    tolerance: 2,
    masks: 'rle',
  });
  const files = await result.export('yolo', { fileName: 'train/1.jpg', instances: true });
  assert.deepEqual(
    files.map(({ path }) => path),
    ['labels/train/1.jpg.txt', 'train/1.jpg.json'],
  );
  const about = JSON.parse((await files[1]?.blob.text()) ?? '');
  assert.deepEqual(about, { format: 'yolo', classes: ['cat'], instances: true });
  for (const tolerance of [-1, Number.NaN, '1']) {
    await fails(result.toSvg({ tolerance } as { tolerance: number }), 'input', 'tolerance');
  }
  await fails(result.toGeoJson({ masks: 'rle' } as object), 'input', 'masks');
  await fails(result.export('toString' as 'yolo'), 'input', 'label-studio');
});

test('a data set holds several pictures of one segmenter', async () => {
  const segmenter = await load();
  const one = async (from: typeof segmenter, name: string) =>
    (await from.encode(new File(['a'], name))).segment(['cat']);
  const [x, y] = [await one(segmenter, 'x.jpg'), await one(segmenter, 'y.jpg')];
  const files = await exportDataset([x, y], 'voc', { instances: true });
  assert.deepEqual(
    files.map(({ path }) => path),
    ['labels/x.jpg.txt', 'labels/y.jpg.txt', 'x.jpg+y.jpg.json'],
  );
  const other = await load();
  await fails(exportDataset([x, await one(other, 'z.jpg')], 'voc'), 'input', 'segmenters');
  await fails(exportDataset([], 'voc'), 'input', 'at least');
  y.free();
  await fails(exportDataset([x, y], 'voc'), 'input', 'freed');
});

test('calls run one after the other, in the order in which they were made', async () => {
  const segmenter = await load();
  engine.work = (_call, _argument, checkpoint) => steps(3, checkpoint);
  await Promise.all(['a', 'b', 'c'].map((name) => segmenter.encode(file(name))));
  const expected = ['a', 'b', 'c'].flatMap((name) => [`encode ${name}`, `encode ${name} done`]);
  assert.deepEqual(
    engine.log.filter((line) => line.startsWith('encode')),
    expected,
  );
});

test('a running call really stops, and the engine goes on', async () => {
  const segmenter = await load();
  const controller = new AbortController();
  const reason = new Error('enough');
  let done = 0;
  engine.work = (call, _argument, checkpoint) =>
    steps(call === 'encode' ? 1000 : 1, async (step, total) => {
      done = step;
      return checkpoint(step, total);
    });
  const abort = (progress: Progress) => {
    if (progress.phase === 'encode' && progress.done === 3) controller.abort(reason);
  };
  const promise = segmenter.encode(file('a'), { signal: controller.signal, onProgress: abort });
  await assert.rejects(promise, reason);
  engine.work = async () => undefined;
  const picture = await segmenter.encode(file('b'));
  assert.ok(done < 1000, `it went on to step ${done}`);
  assert.ok(!engine.log.includes('encode a done'));
  await picture.segment(['cat']);
  assert.equal(FakeWorker.all.length, 1);
});

test('a queued call that is aborted never runs', async () => {
  const segmenter = await load();
  const controller = new AbortController();
  const result = await (await segmenter.encode(file('x'))).segment(['cat']);
  engine.log.length = 0;
  const running = gate();
  const over = gate();
  engine.work = async (_call, argument) => {
    running.open();
    if (argument === 'a') await over.opened;
  };
  const first = segmenter.encode(file('a'));
  const second = segmenter.encode(file('b'), { signal: controller.signal });
  const third = segmenter.encode(file('c'));
  await running.opened;
  controller.abort();
  await assert.rejects(second, { name: 'AbortError' });
  // Messages come in order and this one is answered beside the queue: the abort has come as well.
  await result.toSvg();
  over.open();
  await Promise.all([first, third]);
  assert.deepEqual(called(), ['encode a', 'encode c']);
});

test('what finishes in spite of an abort is freed', async () => {
  const segmenter = await load();
  const controller = new AbortController();
  const running = gate();
  const over = gate();
  // It never looks at the checkpoint, so that it cannot be stopped.
  engine.work = async () => {
    running.open();
    await over.opened;
  };
  const promise = segmenter.encode(file('a'), { signal: controller.signal });
  await running.opened;
  controller.abort();
  await assert.rejects(promise, { name: 'AbortError' });
  over.open();
  await segmenter.encode(file('b'));
  assert.ok(engine.log.includes('free a'), engine.log.join(', '));
});

test('the methods are those of the device', async () => {
  const segmenter = await load();
  assert.deepEqual(segmenter.methods, { default: 'clip-diy', multiScale: false, refine: ['tlp'] });
  segmenter.methods.refine.push('pamr');
  assert.deepEqual(segmenter.methods.refine, ['tlp']);
  engine.adapter = { kind: 'hardware' };
  assert.equal((await load()).methods.default, 'pearl');
});

test('coarse answers come in full, and each goes when the next one is there', async () => {
  const picture = await (await load()).encode(file('a'));
  engine.partials = 2;
  engine.work = (_call, _argument, checkpoint) => steps(3, checkpoint);
  const seen: Segmentation[] = [];
  const drawn: Promise<string>[] = [];
  const result = await picture.segment(['cat'], {
    onPartial: (partial) => {
      seen.push(partial);
      // Answered while the call goes on, or it would be too late.
      drawn.push(partial.toSvg());
    },
  });
  assert.equal(seen.length, 2);
  for (const partial of [...seen, result]) {
    assert.deepEqual(partial.labels, Uint8Array.of(0, 255));
    assert.equal(partial.classes[0]?.name, 'cat');
    assert.ok(partial.timing.segmentMs >= 0);
  }
  assert.deepEqual(await Promise.all(drawn), ['<svg/>', '<svg/>']);
  for (const partial of seen) await fails(partial.toSvg(), 'input', 'freed');
  assert.equal(await result.toSvg(), '<svg/>');
  const frees = engine.log.filter((line) => /free|done/.test(line));
  assert.deepEqual(frees.slice(1), ['free cat 1', 'segment cat done', 'free cat 2']);
});

test('coarse answers are not made for nobody, nor when an answer is made anew', async () => {
  const picture = await (await load()).encode(file('a'));
  engine.partials = 1;
  engine.work = (_call, _argument, checkpoint) => steps(2, checkpoint);
  await picture.segment(['cat']);
  let partials = 0;
  const result = await picture.segment(['dog'], { onPartial: () => partials++ });
  FakeWorker.all[0]?.crash('unreachable');
  await result.toSvg();
  assert.equal(partials, 1);
  assert.ok(!engine.log.includes('free cat 1'));
  assert.equal(engine.log.filter((line) => line === 'free dog 1').length, 1);
});

test('a call that is stopped leaves its last coarse answer', async () => {
  const picture = await (await load()).encode(file('a'));
  engine.partials = 2;
  engine.work = (_call, _argument, checkpoint) => steps(1000, checkpoint);
  const controller = new AbortController();
  const seen: Segmentation[] = [];
  const promise = picture.segment(['cat'], {
    signal: controller.signal,
    onPartial: (partial) => {
      if (seen.push(partial) === 2) controller.abort();
    },
  });
  await assert.rejects(promise, { name: 'AbortError' });
  engine.work = async () => undefined;
  await fails(seen[0]?.toSvg() ?? assert.fail(), 'input', 'freed');
  assert.equal(await seen[1]?.toSvg(), '<svg/>');
  seen[1]?.free();
  await picture.segment(['dog']);
  assert.ok(engine.log.includes('free cat 2'), engine.log.join(', '));
  assert.ok(!engine.log.includes('segment cat done'));
});

test('a coarse answer that comes after the abort is freed', async () => {
  const picture = await (await load()).encode(file('a'));
  engine.partials = 5;
  // Never looks at the checkpoint's answer, so that it cannot be stopped.
  engine.work = async (call, _argument, checkpoint) => {
    for (let done = 1; call === 'segment' && done <= 5; done++) await checkpoint(done, 5);
  };
  const controller = new AbortController();
  let partials = 0;
  const promise = picture.segment(['cat'], {
    signal: controller.signal,
    onPartial: (partial) => {
      partials++;
      partial.free();
      controller.abort();
    },
  });
  await assert.rejects(promise, { name: 'AbortError' });
  await picture.segment(['dog']);
  assert.equal(partials, 1);
  for (let made = 1; made <= 5; made++) {
    assert.equal(engine.log.filter((line) => line === `free cat ${made}`).length, 1);
  }
});

test('a coarse answer does not outlive its engine', async () => {
  const picture = await (await load()).encode(file('a'));
  engine.partials = 1;
  engine.work = async (call, _argument, checkpoint) => {
    if (call === 'encode') return;
    await checkpoint(1, 2);
    throw trap();
  };
  const seen: Segmentation[] = [];
  const promise = picture.segment(['cat'], { onPartial: (partial) => seen.push(partial) });
  await fails(promise, 'internal');
  await fails(seen[0]?.toSvg() ?? assert.fail(), 'input', 'lost');
  assert.deepEqual(seen[0]?.labels, Uint8Array.of(0, 255));
});

test('what is finished can be read while the engine is at work', async () => {
  const picture = await (await load()).encode(file('a'));
  const result = await picture.segment(['cat']);
  let finished = false;
  engine.work = (_call, _argument, checkpoint) => steps(500, checkpoint);
  const promise = picture.segment(['dog']).then(() => {
    finished = true;
  });
  assert.equal(await result.toSvg(), '<svg/>');
  assert.equal((await picture.regionAt(0, 0)).area, 1);
  assert.ok(!finished);
  await promise;
});

test('masks of every form are named in one call, empty ones not at all', async () => {
  const picture = await (await load()).encode(file('a'));
  const seen: Progress[] = [];
  engine.work = (_call, _argument, checkpoint) => steps(1, checkpoint);
  engine.log.length = 0;
  const names = await picture.classify(
    [
      { width: 2, height: 1, data: Uint8Array.of(0, 9) },
      { width: 2, height: 1, data: Uint8Array.of(0, 0) },
      { size: [1, 2], counts: [0, 1, 1] },
      { width: 2, height: 1, polygons: [[0, 0, 2, 0, 2, 1, 0, 1]] },
    ],
    ['cat', 'dog'],
    { onProgress: (progress) => seen.push(progress) },
  );
  assert.deepEqual(called(), ['classify 1x2:11 1x2:011 1x2:02 as cat+dog']);
  assert.deepEqual(
    names.map((list) => list.map(({ name, score }) => `${name} ${score}`)),
    [['cat 0', 'dog -1'], [], ['cat 1', 'dog 0'], ['cat 2', 'dog 1']],
  );
  assert.deepEqual(seen, [{ phase: 'classify', done: 1, total: 1 }]);
});

test('an answer is a label map that can be named; nothing is asked about nothing', async () => {
  const picture = await (await load()).encode(file('a'));
  const result = await picture.segment(['cat']);
  engine.log.length = 0;
  assert.equal((await picture.classify(result, ['cat'])).length, 1);
  const labels = Uint8Array.of(255, 255);
  assert.deepEqual(await picture.classify({ width: 2, height: 1, labels }, ['cat']), []);
  assert.deepEqual(await picture.classify([{ size: [1, 2], counts: '2' }], ['cat']), [[]]);
  assert.deepEqual(called(), ['classify 1x2:011 as cat']);
});

test('naming stops on abort', async () => {
  const picture = await (await load()).encode(file('a'));
  const mask = { size: [1, 2] as const, counts: '02' };
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  await assert.rejects(picture.classify([mask], ['cat'], { signal }), reason);
  await assert.rejects(picture.regionAt(0, 0, { signal }), reason);

  engine.work = (_call, _argument, checkpoint) => steps(1000, checkpoint);
  const controller = new AbortController();
  const promise = picture.classify([mask], ['cat'], {
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await assert.rejects(promise, reason);
  engine.work = async () => undefined;
  await picture.segment(['cat']);
  assert.ok(!engine.log.some((line) => /^classify.*done$/.test(line)));
});

test('a region comes as pixels of the picture', async () => {
  const picture = await (await load()).encode(file('a'));
  const region = { width: 2, height: 1, area: 1 };
  assert.deepEqual(await picture.regionAt(1.9, 0.5), {
    ...region,
    mask: Uint8Array.of(0, 1),
    bbox: [1, 0, 1, 1],
  });
  assert.deepEqual((await picture.regionAt(0, 0)).mask, Uint8Array.of(1, 0));
  await fails(picture.regionAt(2, 0), 'input', '"x"');
  await fails(picture.regionAt(0, -1), 'input', '"y"');
  picture.free();
  await fails(picture.regionAt(0, 0), 'input', 'freed');
  await fails(picture.classify([], []), 'input', 'freed');
});

test('a picture is made anew for its region when the engine has died', async () => {
  const picture = await (await load()).encode(file('a'));
  FakeWorker.all[0]?.crash('unreachable');
  engine.log.length = 0;
  await picture.regionAt(1, 0);
  assert.deepEqual(called(), ['encode a', 'region 1,0']);
});

test('an input error leaves the engine as it was', async () => {
  const segmenter = await load();
  const picture = await segmenter.encode(file('a'));
  engine.work = async () => {
    throw coded('input', 'The word "cat" is there twice.');
  };
  await fails(picture.segment(['cat', 'cat']), 'input', 'twice');
  engine.work = async () => undefined;
  await picture.segment(['cat']);
  assert.equal(FakeWorker.all.length, 1);
});

test('a trap rejects every pending call, and nothing is lost', async () => {
  const segmenter = await load();
  const picture = await segmenter.encode(file('a'));
  const result = await picture.segment(['cat']);
  engine.work = async () => {
    throw trap();
  };
  const pending = [segmenter.encode(file('b')), picture.segment(['dog'])];
  await Promise.all(pending.map((promise) => fails(promise, 'internal', 'unreachable')));
  assert.ok(FakeWorker.all[0]?.terminated);

  engine.work = async () => undefined;
  engine.log.length = 0;
  net.asked.length = 0;
  const again = await picture.segment(['dog']);
  assert.deepEqual(again.labels, Uint8Array.of(0, 255));
  assert.deepEqual(called(), ['encode a', 'segment dog']);
  assert.deepEqual(net.asked, [engineUrl], 'the bundle comes from the cache');
  assert.equal(await result.toSvg(), '<svg/>');
  assert.deepEqual(called(), ['encode a', 'segment dog', 'segment cat']);
  assert.equal(FakeWorker.all.length, 2);
});

test('after a trap, calls made at once share one new worker and one encoding', async () => {
  const segmenter = await load();
  const picture = await segmenter.encode(file('a'));
  FakeWorker.all[0]?.crash('unreachable');
  engine.log.length = 0;
  await Promise.all([picture.segment(['cat']), picture.segment(['dog']), picture.segment(['cow'])]);
  assert.equal(FakeWorker.all.length, 2);
  assert.equal(called().filter((line) => line === 'encode a').length, 1);
});

test('an answer can be made anew although its picture was freed', async () => {
  const segmenter = await load();
  const picture = await segmenter.encode(file('a'));
  const result = await picture.segment(['cat']);
  picture.free();
  FakeWorker.all[0]?.crash('unreachable');
  engine.log.length = 0;
  assert.equal(await result.toSvg(), '<svg/>');
  await result.toPng();
  assert.deepEqual(called(), ['encode a', 'segment cat', 'free a']);
});

class FakeImageData {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;

  constructor(first: number | Uint8ClampedArray, width: number, height = 0) {
    const isSize = typeof first === 'number';
    this.width = isSize ? first : width;
    this.height = isSize ? width : height;
    this.data = isSize ? new Uint8ClampedArray(first * width * 4) : first;
  }
}

const finished = () => engine.log.filter((line) => line.startsWith('finish'));

test('the engine of the device is the one that is fetched', async () => {
  assert.deepEqual((await load()).engineUrls, [engineUrl]);
  assert.ok(!net.asked.includes(webGpuUrl));
  engine.adapter = { kind: 'hardware' };
  net.asked.length = 0;
  assert.deepEqual((await load()).engineUrls, [webGpuUrl, engineUrl]);
  assert.ok(!net.asked.includes(engineUrl));
  assert.equal((await load({ device: 'cpu' })).device.kind, 'cpu');
});

test('without an adapter that is worth it the CPU is used, and it says why', async () => {
  assert.match((await load()).device.note ?? '', /no WebGPU/);
  await fails(load({ device: 'webgpu' }), 'unsupported', 'no WebGPU');
  engine.adapter = { kind: 'software', name: 'a program' };
  const segmenter = await load();
  assert.equal(segmenter.device.kind, 'cpu');
  assert.match(segmenter.device.note ?? '', /a program/);
  // It is slow, but it is what was asked for.
  assert.equal((await load({ device: 'webgpu' })).device.kind, 'webgpu');
});

test('WebGPU that does not start gives way to the CPU in a new worker', async () => {
  engine.adapter = { kind: 'hardware' };
  const wrong = () => {
    throw coded('device', 'The GPU computed a known example wrongly.');
  };
  for (const finish of [wrong, () => assert.fail(trap())]) {
    engine.finish = (kind) => kind === 'webgpu' && finish();
    FakeWorker.all.length = 0;
    const segmenter = await load();
    assert.equal(segmenter.device.kind, 'cpu');
    assert.match(segmenter.device.note ?? '', /^The CPU is used, since WebGPU failed: /);
    assert.deepEqual(
      FakeWorker.all.map(({ terminated }) => terminated),
      [true, false],
    );
  }
  engine.finish = wrong;
  await fails(load({ device: 'webgpu' }), 'device', 'known example');
  engine.finish = () => undefined;
  net.answers.delete(webGpuUrl);
  assert.equal((await load()).device.kind, 'cpu', 'its engine does not come');
});

test('a bundle that cannot be reached does not speak against WebGPU', async () => {
  engine.adapter = { kind: 'hardware' };
  const url = `${bundleUrl}vision-00.safetensors`;
  const answer = net.answers.get(url);
  net.answers.delete(url);
  await fails(load(), 'network', 'vision-00');
  assert.equal(FakeWorker.all.length, 1);
  if (answer) net.answers.set(url, answer);
  assert.equal((await load()).device.kind, 'webgpu');
});

test('a worker that dies while WebGPU starts gives way to the CPU', async () => {
  engine.adapter = { kind: 'hardware' };
  engine.finish = (kind) => kind === 'webgpu' && FakeWorker.all[0]?.crash('Device lost');
  const segmenter = await load();
  assert.equal(segmenter.device.note, 'The CPU is used, since WebGPU failed: Device lost');
});

test('an engine for the CPU that traps is not tried twice', async () => {
  engine.finish = () => {
    throw trap();
  };
  await fails(load(), 'internal');
  assert.equal(FakeWorker.all.length, 1);
});

test('a picture that is freed while it moves to the CPU is freed there', async () => {
  engine.adapter = { kind: 'hardware' };
  const picture = await (await load()).encode(file('a'));
  const moving = gate();
  const moved = gate();
  engine.work = async (call) => {
    if (call === 'segment') throw coded('device', 'The GPU was lost.');
    moving.open();
    await moved.opened;
  };
  const controller = new AbortController();
  const promise = picture.segment(['cat'], { signal: controller.signal });
  await moving.opened;
  controller.abort();
  await assert.rejects(promise, { name: 'AbortError' });
  picture.free();
  moved.open();
  while (!engine.log.includes('free a')) await new Promise((resolve) => setTimeout(resolve));
});

test('what is wrong with a bundle is not tried once more on the CPU', async () => {
  engine.adapter = { kind: 'hardware' };
  net.file(`${bundleUrl}vision-00.safetensors`, Uint8Array.of(9, 9, 9, 9));
  await fails(load(), 'integrity', 'vision-00');
  assert.equal(FakeWorker.all.length, 1);
});

test('WebGPU that is lost gives way to the CPU, and the answer says so', async () => {
  engine.adapter = { kind: 'hardware' };
  const segmenter = await load();
  const picture = await segmenter.encode(file('a'));
  assert.equal((await picture.segment(['cat'])).device.kind, 'webgpu');
  engine.log.length = 0;
  engine.work = async (call) => {
    engine.work = async () => undefined;
    if (call === 'segment') throw coded('device', 'The GPU was lost.');
  };
  const result = await picture.segment(['cat']);
  assert.deepEqual(result.device, {
    kind: 'cpu',
    name: 'fake',
    note: 'The CPU is used, since WebGPU failed: The GPU was lost.',
  });
  assert.deepEqual(called(), ['segment cat', 'encode a', 'segment cat']);
  assert.deepEqual(finished(), ['finish cpu']);
  assert.equal(segmenter.device.kind, 'cpu');
});

test('whatever is under way when WebGPU is lost is answered by the CPU', async () => {
  const calls = [
    (picture: EncodedPicture) => picture.classify([{ size: [1, 2], counts: '011' }], ['a']),
    (picture: EncodedPicture) => picture.toImageData(),
    (picture: EncodedPicture) => picture.regionAt(1, 0),
  ];
  engine.adapter = { kind: 'hardware' };
  Object.assign(globalThis, { ImageData: FakeImageData });
  for (const call of calls) {
    FakeWorker.all.length = 0;
    const picture = await (await load()).encode(file('a'));
    const promise = call(picture);
    FakeWorker.all[0]?.crash('Device lost');
    await promise;
    assert.equal(FakeWorker.all.length, 2);
  }
});

test('WebGPU that was asked for is started anew, not given up', async () => {
  engine.adapter = { kind: 'hardware' };
  const segmenter = await load({ device: 'webgpu' });
  const picture = await segmenter.encode(file('a'));
  engine.work = async () => {
    throw coded('device', 'The GPU was lost.');
  };
  await fails(picture.segment(['cat']), 'device', 'lost');
  assert.ok(FakeWorker.all[0]?.terminated);
  engine.work = async () => undefined;
  assert.equal((await picture.segment(['cat'])).device.kind, 'webgpu');
});

test('an uncaught error while a call hangs on WebGPU rejects that call with device', async () => {
  engine.adapter = { kind: 'hardware' };
  const segmenter = await load({ device: 'webgpu' });
  const running = gate();
  engine.work = () => {
    running.open();
    return new Promise(() => undefined);
  };
  const promise = segmenter.encode(file('a'));
  await running.opened;
  FakeWorker.all[0]?.crash('Validation error');
  await fails(promise, 'device', 'Validation error');
});

test('pixels are encoded as pixels', async () => {
  Object.assign(globalThis, { ImageData: FakeImageData });
  const segmenter = await load();
  await segmenter.encode(new globalThis.ImageData(3, 2));
  assert.deepEqual(called(), ['encode 3x2']);
  await fails(segmenter.encode(new globalThis.ImageData(0, 2)), 'input', 'no pixels');
});

test('what the engine does not decode comes as the pixels of the browser', async () => {
  const pixels = { width: 4, height: 3, close() {} };
  class OffscreenCanvas {
    getContext() {
      return { drawImage() {}, getImageData: () => ({ data: new Uint8ClampedArray(48) }) };
    }
  }
  Object.assign(globalThis, { createImageBitmap: async () => pixels, OffscreenCanvas });
  engine.work = async (_call, argument) => {
    if (argument === 'GIF89a') throw coded('unsupported', 'This file is in the format GIF.');
    if (argument === 'broken') throw coded('input', 'This PNG file is broken.');
  };
  const segmenter = await load();
  const picture = await segmenter.encode(file('GIF89a'));
  assert.deepEqual(called(), ['encode GIF89a', 'encode 4x3']);
  await fails(segmenter.encode(file('broken')), 'input', 'broken');
  // A new worker gets the pixels again, and not the file.
  FakeWorker.all[0]?.crash('lost');
  await picture.segment(['cat']);
  assert.deepEqual(called().slice(-2), ['encode 4x3', 'segment cat']);
  Object.assign(globalThis, { createImageBitmap: undefined });
  await fails(segmenter.encode(file('GIF89a')), 'unsupported', 'GIF');
});

test('what was freed is refused, freeing twice is not', async () => {
  const segmenter = await load();
  const picture = await segmenter.encode(file('a'));
  const result = await picture.segment(['cat']);
  result.free();
  result.free();
  picture.free();
  await fails(picture.segment(['cat']), 'input', 'freed');
  await fails(result.toPng(), 'input', 'freed');
  await segmenter.encode(file('b'));
  assert.deepEqual(
    engine.log.filter((line) => line.startsWith('free')),
    ['free cat', 'free a'],
  );
});

test('closing rejects what is under way and what comes later', async () => {
  const segmenter = await load();
  const picture = await segmenter.encode(file('a'));
  const running = gate();
  engine.work = () => {
    running.open();
    return new Promise(() => undefined);
  };
  const promise = picture.segment(['cat']);
  await running.opened;
  await Promise.all([fails(promise, 'input', 'closed'), segmenter.close()]);
  await fails(segmenter.encode(file('b')), 'input', 'closed');
  picture.free();
});

test('a worker that cannot be started says what to check', async () => {
  class Missing extends FakeWorker {
    protected override start(): void {
      setTimeout(() => this.crash(undefined));
    }
  }
  Object.assign(globalThis, { Worker: Missing });
  await fails(load(), 'network', 'worker.js');
  Object.assign(globalThis, {
    Worker: class {
      constructor() {
        throw new DOMException('Not on this origin.', 'SecurityError');
      }
    },
  });
  await fails(load(), 'unsupported', 'workerUrl');
});

test('files of two releases are not mixed', async () => {
  class Older extends FakeWorker {
    protected override start(port: MessagePort): void {
      port.postMessage({ type: 'hello', protocol: 0 });
    }
  }
  Object.assign(globalThis, { Worker: Older });
  await fails(load(), 'internal', 'release');
});

test('an engine that does not compile is the browser lacking something', async () => {
  engine.compile = () => {
    throw new WebAssembly.CompileError('invalid opcode');
  };
  await fails(load(), 'unsupported', 'invalid opcode');
});

test('the engine may lie elsewhere, and is named when it is missing', async () => {
  const other = 'https://example.org/other.wasm';
  await fails(load({ engineUrl: other }), 'network', other);
  net.answers.set(other, () => new Response('', { status: 404 }));
  await fails(load({ engineUrl: other }), 'network', 'optimizeDeps');
  const page = { headers: { 'Content-Type': 'text/html; charset=utf-8' } };
  net.answers.set(other, () => new Response('<!doctype html>', page));
  await fails(load({ engineUrl: other }), 'network', `page in place of the engine at ${other}`);
  net.file(other, 'wasm');
  await load({ engineUrl: other });
});

test('the engine lies beside a worker that is named', async () => {
  await fails(
    load({ workerUrl: 'https://example.org/w/worker.js' }),
    'network',
    '/w/engine/wordmask-cpu',
  );
  net.file('https://example.org/w/engine/wordmask-cpu.wasm', 'wasm');
  net.file('https://example.org/w/engine/wordmask-cpu-relaxed.wasm', 'wasm');
  await load({ workerUrl: 'https://example.org/w/worker.js' });
  assert.equal(FakeWorker.all.at(-1)?.url, 'https://example.org/w/worker.js');
});

test('words and options are checked before anything is sent', async () => {
  const segmenter = await load();
  const picture = await segmenter.encode(file('a'));
  await fails(picture.segment('cat' as never), 'input', 'words');
  await fails(picture.segment(['cat'], { treshold: 1 } as never), 'input', 'treshold');
  await fails(segmenter.encode(file('a'), { sizes: 1 } as never), 'input', 'sizes');
  await fails(picture.classify('cat' as never, ['cat']), 'input', 'masks');
  await fails(picture.classify([], 'cat' as never), 'input', 'words');
  const other = { width: 3, height: 1, data: new Uint8Array(3) };
  await fails(picture.classify([other], ['cat']), 'input', '3 × 1');
  await fails(Segmenter.load('http://'), 'input', '"model"');
  await fails(Segmenter.load({ id: 'abc' }), 'input', 'listModels');
  await fails(Segmenter.load(null as never), 'input', 'listModels');
  assert.deepEqual(called(), ['encode a']);
});
