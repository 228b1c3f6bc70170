/** Compiled, never run: what the types of the package allow, and what they refuse. */

import {
  type Cutout,
  type Device,
  deleteModel,
  type EncodedPicture,
  type ErrorCode,
  importModel,
  listModels,
  type Mask,
  type Method,
  type ModelSource,
  type NamedScore,
  type Progress,
  paint,
  type Region,
  type Scheme,
  type Segmentation,
  Segmenter,
  type StoredModel,
  WordmaskError,
  withRegion,
} from 'wordmask';
import type { WordMask } from 'wordmask/element';

export async function use(file: File, canvas: HTMLCanvasElement, bytes: Uint8Array): Promise<void> {
  const signal = AbortSignal.timeout(1000);
  await using segmenter = await Segmenter.load('models/doodle/', { device: 'auto', signal });
  const device: Device = segmenter.device;
  using picture: EncodedPicture = await segmenter.encode(file, { size: 448, signal });
  await segmenter.encode(canvas);
  await segmenter.encode(bytes);
  const words = ['cat', 'tv/monitor'] as const;
  using result: Segmentation = await picture.segment(words, {
    method: 'maskclip',
    background: 'none',
    refine: ['key-smoothing'],
    threshold: 0.3,
    onProgress: report,
  });
  const heat: Float32Array = await result.scores('cat');
  const png: Blob = await result.cutout(0);
  const cutout: Cutout = await result.cutout(['cat', 1], {
    feather: 3,
    trim: true,
    background: { blur: 12 },
    format: 'webp',
    quality: 0.8,
  });
  const [left, top]: readonly number[] = cutout.bbox;
  await result.cutout('cat', { background: file });
  const alpha: Uint8Array = await result.matte('cat', { feather: 0 });
  const touched = paint(result, { points: [[3, 4]], radius: 2, label: 0 });
  const corrected: Segmentation = await result.withLabels(touched.labels);
  corrected.free();
  console.log(
    device.note?.length,
    heat.length,
    left,
    top,
    alpha.length,
    png.size,
    result.classes[0]?.color[2],
  );

  const method: Method = segmenter.methods.default;
  await segmenter.encode(file, { method, windows: { size: 224, stride: 112 } });
  await picture.segment(words, {
    method: 'clip-diy',
    refine: segmenter.methods.refine,
    crops: 59,
    guidance: 'features',
    onPartial: (partial: Segmentation) => console.log(partial.labels.length),
  });
  const { width, height, mask }: Region = await picture.regionAt(3, 4, { signal });
  await result.withLabels(withRegion(result, { width, height, data: mask }, 255).labels);
  const masks: Mask[] = [
    { width, height, data: mask },
    { size: [height, width], counts: 'd0' },
    { size: [height, width], counts: [3, 1] },
    { width, height, polygons: [[0, 0, 8, 0, 8, 8]] },
  ];
  const named: NamedScore[][] = await picture.classify(masks, words, { onProgress: report });
  await picture.classify(result, words);
  console.log(named[0]?.[0]?.score);

  // @ts-expect-error: a method that does not exist
  await picture.segment(words, { method: 'denseclip' });
  // @ts-expect-error: a number of crops that does not exist
  await picture.segment(words, { crops: 11 });
  // @ts-expect-error: windows need a stride
  await segmenter.encode(file, { windows: { size: 224 } });
  // @ts-expect-error: one mask is not a list of masks
  await picture.classify({ width, height, data: mask }, words);
  // @ts-expect-error: a device that does not exist
  await Segmenter.load('models/doodle/', { device: 'gpu' });
  // @ts-expect-error: a colour by its name
  await result.cutout('cat', { background: 'red' });
  // @ts-expect-error: a misspelt option
  await picture.segment(words, { treshold: 0.3 });
  // @ts-expect-error: one string is not a list of words
  await picture.segment('cat');
  // @ts-expect-error: a refinement that does not exist
  await picture.segment(words, { refine: ['sharpen'] });
  // @ts-expect-error: an address is not a picture
  await segmenter.encode('photo.jpg');
  // @ts-expect-error: answers cannot be changed
  result.width = 3;
  // @ts-expect-error: a Segmenter comes from load
  new Segmenter();
}

export async function models(list: FileList, some: Set<File>): Promise<void> {
  const scheme: Scheme = 'q4';
  const model: StoredModel = await importModel(list, { scheme, name: 'mine', onProgress: report });
  await importModel(some, { signal: AbortSignal.timeout(1000) });
  const [first]: StoredModel[] = await listModels();
  await using segmenter = await Segmenter.load(first ?? model);
  await Segmenter.load({ id: model.id }, { device: 'cpu' });
  const source: ModelSource = model;
  console.log(source, segmenter.info.name, model.bytes / 1e6, model.imported.getTime());
  await deleteModel(model);
  await deleteModel(model.id);

  // @ts-expect-error: a scheme that does not exist
  await importModel(some, { scheme: 'q2' });
  await importModel(['model.safetensors', new URL('https://example.org/config.json')]);
  await importModel({ 'model.safetensors': 'https://example.org/weights' });
  await importModel('openai/clip-vit-base-patch16', { scheme: 'q8', revision: 'main' });
  // @ts-expect-error: all files or all addresses
  await importModel([...some, 'config.json']);
  // @ts-expect-error: a hash belongs to a file
  await importModel('a/b', { sha256: 'abc' });
  // @ts-expect-error: a stored model has an id
  await Segmenter.load({ name: 'mine' });
  // @ts-expect-error: a model that is stored does not change
  model.id = '';
}

function report(progress: Progress): number {
  switch (progress.phase) {
    case 'download':
      return progress.loaded / progress.total;
    case 'prepare':
      return 1;
    case 'wait':
      return progress.reason === 'other-page' ? 0 : 1;
    case 'encode':
    case 'segment':
    case 'classify':
    case 'import':
      // @ts-expect-error: steps are not bytes
      console.log(progress.loaded);
      return progress.done / progress.total;
  }
}

export function advice(error: unknown): ErrorCode | undefined {
  if (!(error instanceof WordmaskError)) return undefined;
  // @ts-expect-error: a code that does not exist
  if (error.code === 'cancelled') return undefined;
  return error.code;
}

export function element(masks: WordMask): void {
  const made: WordMask = document.createElement('word-mask');
  const found: WordMask | null = document.querySelector('word-mask');
  made.words = ['cat', 'tv/monitor'];
  const words: string = made.words;
  made.loadOptions = { device: 'cpu' };
  made.segmentOptions = { background: 'none' };
  made.picture = new File([], 'a.png');
  masks.addEventListener('result', ({ detail }) => console.log(detail.labels.length));
  masks.addEventListener('progress', ({ detail }) => report(detail));
  masks.addEventListener('error', ({ detail }) => advice(detail));
  masks.addEventListener('click', ({ clientX }) => console.log(clientX));
  const result: Segmentation | null = masks.result;
  console.log(found?.src, words, result?.classes);

  // @ts-expect-error: the element stops its calls itself
  made.segmentOptions = { signal: AbortSignal.timeout(1000) };
  // @ts-expect-error: the masks are for reading
  made.result = null;
}
