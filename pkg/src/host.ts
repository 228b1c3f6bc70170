import type { FoundAdapter } from './adapter.js';
import { type BundleSource, served, stored, type Take, takeFiles } from './bundle.js';
import type {
  BundleFile,
  Checkpoint,
  Device,
  DeviceKind,
  Engine,
  EngineModule,
  EnginePicture,
  EngineSegmentation,
  EngineSegmentOptions,
  Engines,
} from './engine.js';
import { codeOf, isErrorCode, messageOf, WordmaskError } from './errors.js';
import { BundleStore, type Net } from './fetch.js';
import { download } from './http.js';
import { missingAdvice } from './missing.js';
import { ModelStore } from './models.js';
import type { DeviceChoice, Progress } from './options.js';
import type { CallAnswer, CallRequest, PngForm, TextForm } from './protocol.js';
import { decompress, pixelsOfRuns } from './rle.js';
import { type ReadSlice, Slices } from './slices.js';
import type { BrowserStorage } from './storage.js';
import { turn } from './turn.js';
import { webp } from './webp.js';

/** What the worker has around it. */
export interface Surroundings extends Net, BrowserStorage {
  adapter: () => Promise<FoundAdapter>;
  readSlice: ReadSlice;
}

/** What a running call may use. */
export interface Running {
  signal: AbortSignal;
  report(progress: Progress): void;
  /** Shows a coarse answer that lives under this handle. */
  show(segmentation: number, answer: CallAnswer<'segment'>): void;
}

/** The files of a bundle that stay where they are until words or options need them. */
interface Rest {
  source: BundleSource;
  files: BundleFile[];
  /** Names of those that the engine has. */
  taken: Set<string>;
}

/** Owns the engine and everything that lives in it, under the handles that the page gave out. */
export class Host {
  readonly #engines: Engines;
  readonly #surroundings: Surroundings;
  #engine: Engine | undefined;
  #device: Device | undefined;
  #rest: Rest | undefined;
  readonly #pictures = new Map<number, EnginePicture>();
  readonly #segmentations = new Map<number, EngineSegmentation>();
  #nextCoarse = -1;

  constructor(engines: Engines, surroundings: Surroundings) {
    this.#engines = engines;
    this.#surroundings = surroundings;
  }

  /** Whose fault an unforeseen failure most likely is. */
  get blame(): 'device' | 'internal' {
    return this.#device?.kind === 'webgpu' ? 'device' : 'internal';
  }

  run(request: CallRequest, running: Running): CallAnswer | Promise<CallAnswer> {
    switch (request.kind) {
      case 'load':
        return this.#load(request, running);
      case 'import':
        return this.#import(request, running);
      case 'encode':
        return this.#encode(request, running);
      case 'segment':
        return this.#segment(request, running);
      case 'classify':
        return this.#classify(request, running);
      case 'region':
        return this.#region(request);
      case 'relabel':
        return this.#relabel(request);
      case 'pixels':
        return found(this.#pictures, request.picture).rgba();
      case 'scores':
        return found(this.#segmentations, request.segmentation).scores(request.index);
      case 'png':
        return png(found(this.#segmentations, request.segmentation), request.form);
      case 'matte':
        return found(this.#segmentations, request.segmentation).matte(
          Uint32Array.from(request.classes),
          request.feather,
        );
      case 'cutout':
        return this.#cutout(request);
      case 'text':
        return text(found(this.#segmentations, request.segmentation), request.form);
      case 'dataset':
        return this.#dataset(request, running);
    }
  }

  free(handle: number): void {
    for (const map of [this.#pictures, this.#segmentations]) {
      map.get(handle)?.free();
      map.delete(handle);
    }
  }

  /**
   * Loads the bundle into the engine for WebGPU where there is an adapter for it, else into that for
   * the CPU. Should WebGPU fail, the page starts a new worker for the CPU, unless it insists.
   */
  async #load(request: CallRequest<'load'>, running: Running): Promise<CallAnswer<'load'>> {
    if (request.device === 'cpu') return this.#loadInto('cpu', request, running);
    const adapter = await this.#surroundings.adapter();
    const why = unusable(adapter, request.device);
    if (why === undefined) return this.#loadIntoWebGpu(request, running);
    if (request.device === 'webgpu') {
      throw new WordmaskError('unsupported', `${why} Choose the device "cpu" or "auto".`);
    }
    const answer = await this.#loadInto('cpu', request, running);
    return { ...answer, device: { ...answer.device, note: `The CPU is used: ${why}` } };
  }

  /** What goes wrong is the device's fault, unless it is the bundle's, which is wrong on every device. */
  async #loadIntoWebGpu(
    request: CallRequest<'load'>,
    running: Running,
  ): Promise<CallAnswer<'load'>> {
    try {
      return await this.#loadInto('webgpu', request, running);
    } catch (cause) {
      running.signal.throwIfAborted();
      const code = codeOf(cause);
      if (faultsOfBundle.has(code)) throw cause;
      if (request.device === 'webgpu' && isErrorCode(code)) throw cause;
      throw new WordmaskError('device', messageOf(cause), { cause });
    }
  }

  async #loadInto(
    kind: DeviceKind,
    request: CallRequest<'load'>,
    running: Running,
  ): Promise<CallAnswer<'load'>> {
    const { model } = request;
    const engineUrl = request.engines[kind];
    const source =
      'url' in model
        ? served(new BundleStore(this.#surroundings, request.cache), model.url)
        : stored(new ModelStore(this.#surroundings), model.id);
    const [manifest, { BundleLoader }] = await Promise.all([
      request.manifest ?? source.manifest(running.signal),
      this.#start(kind, engineUrl, running.signal).catch((cause: unknown) => {
        running.signal.throwIfAborted();
        // Without WebGPU's engine there is that of the CPU, which may be had.
        if (kind === 'cpu' || request.device === 'webgpu') throw cause;
        throw new WordmaskError('device', messageOf(cause), { cause });
      }),
    ]);
    // The page ends this worker when loading fails, so nothing is freed on the way out.
    const loader = new BundleLoader(manifest);
    const files = loader.files();
    const later = ({ part }: BundleFile) => ['tokenizer', 'text', 'guide'].includes(part);
    const first = files.filter((file) => !later(file));
    const warm = loader.warm(kind);
    await takeFiles(first, source, (...file) => loader.add(...file), running);
    await prepare(running);
    await warm;
    this.#engine = await loader.finish(kind);
    this.#device = this.#engine.device();
    this.#rest = { source, files: files.filter(later), taken: new Set() };
    return {
      device: this.#device,
      engineUrl,
      info: this.#engine.info(),
      methods: this.#engine.methods(),
      largestPicture: this.#engine.largestPicture(),
      manifest,
      cached: source.kept,
    };
  }

  /**
   * Gets what these words and options need and what has not come yet. Should that fail or be
   * stopped, the engine goes on without, and the next call that needs it gets what is still missing.
   */
  async #complete(words: string[], options: EngineSegmentOptions, running: Running): Promise<void> {
    const engine = this.#loaded();
    const lacking = engine.missingParts(words, options);
    if (!this.#rest || lacking.length === 0) return;
    const { source, files, taken } = this.#rest;
    const missing = files.filter(({ name, part }) => lacking.includes(part) && !taken.has(name));
    const take: Take = (name, bytes, sha256) => {
      engine.add(name, bytes, sha256);
      taken.add(name);
    };
    await takeFiles(missing, source, take, running);
    await prepare(running);
    try {
      engine.extend();
    } catch (error) {
      taken.clear();
      throw error;
    }
  }

  async #import(request: CallRequest<'import'>, running: Running): Promise<CallAnswer<'import'>> {
    const { files, scheme, about, engineUrl } = request;
    running.report({ phase: 'prepare' });
    const { BundleLoader, ModelImport } = await this.#start('cpu', engineUrl, running.signal);
    const slices = new Slices(files, (...slice) => this.#surroundings.readSlice(...slice));
    try {
      // The page ends this worker after the import, so nothing is freed here.
      const work = new ModelImport(
        files.map((file) => file.name),
        files.map(({ blob }) => blob.size),
        (file, offset, length) => slices.read(file, offset, length),
        { scheme, ...about },
      );
      const models = new ModelStore(this.#surroundings);
      for (let done = 0; ; done++) {
        running.report({ phase: 'import', done, total: work.total });
        await turn();
        running.signal.throwIfAborted();
        const file = work.next();
        if (!file) break;
        await models.keep(file);
      }
      const manifest = work.manifest();
      const loader = new BundleLoader(manifest);
      return { manifest, info: loader.info(), files: loader.files() };
    } catch (error) {
      throw slices.failure ?? importFailure(error, running.signal);
    }
  }

  /** The files of all pictures. Between two of them an abort is heard. */
  async #dataset(
    { format, pictures, options }: CallRequest<'dataset'>,
    running: Running,
  ): Promise<CallAnswer<'dataset'>> {
    const { Dataset } = this.#engines[this.#loaded().device().kind];
    const answers = pictures.map(({ segmentation }) => found(this.#segmentations, segmentation));
    const [like] = answers;
    if (!like) return [];
    const dataset = new Dataset(format, like, options);
    try {
      const files = [];
      for (const [index, answer] of answers.entries()) {
        await turn();
        running.signal.throwIfAborted();
        files.push(...dataset.add(answer, pictures[index]?.fileName ?? ''));
      }
      return [...files, ...dataset.finish()];
    } finally {
      dataset.free();
    }
  }

  async #start(kind: DeviceKind, engineUrl: string, signal: AbortSignal): Promise<EngineModule> {
    const module = this.#engines[kind];
    const response = await engineFile(this.#surroundings, engineUrl, signal);
    try {
      await module.default({ module_or_path: response });
      return module;
    } catch (cause) {
      throw new WordmaskError(
        'unsupported',
        `The engine cannot run here (${messageOf(cause)}). It needs WebAssembly with SIMD, and in a page a Content-Security-Policy that allows 'wasm-unsafe-eval'.`,
        { cause },
      );
    }
  }

  async #encode(
    { picture, data, options }: CallRequest<'encode'>,
    running: Running,
  ): Promise<CallAnswer<'encode'>> {
    const engine = this.#loaded();
    const bytes = await read(data.blob);
    const checkpoint = checkpoints('encode', running);
    const begin = performance.now();
    const encoded = data.size
      ? await engine.encodePixels(data.size.width, data.size.height, bytes, options, checkpoint)
      : await engine.encode(bytes, options, checkpoint);
    const milliseconds = performance.now() - begin;
    this.#pictures.set(picture, encoded);
    return { width: encoded.width, height: encoded.height, milliseconds };
  }

  async #segment(
    { picture, segmentation, words, options, partials }: CallRequest<'segment'>,
    running: Running,
  ): Promise<CallAnswer<'segment'>> {
    const engine = this.#loaded();
    const encoded = found(this.#pictures, picture);
    await this.#complete(words, options, running);
    const checkpoint = checkpoints('segment', running);
    const begin = performance.now();
    // A coarse answer gives way to the next one; zero is no handle, and freeing it does nothing.
    // Should the call be stopped, the last one is the page's to free.
    let coarse = 0;
    const onPartial = (made: EngineSegmentation) => {
      this.free(coarse);
      coarse = this.#nextCoarse--;
      this.#segmentations.set(coarse, made);
      running.show(coarse, summary(made, performance.now() - begin));
    };
    const wanted = partials ? onPartial : undefined;
    const made = await engine.segment(encoded, words, options, checkpoint, wanted);
    const milliseconds = performance.now() - begin;
    this.free(coarse);
    this.#segmentations.set(segmentation, made);
    return summary(made, milliseconds);
  }

  async #classify(
    { picture, masks, words }: CallRequest<'classify'>,
    running: Running,
  ): Promise<CallAnswer<'classify'>> {
    const engine = this.#loaded();
    const encoded = found(this.#pictures, picture);
    // What is not named has no class here.
    await this.#complete(words, { background: 'none' }, running);
    const checkpoint = checkpoints('classify', running);
    return { names: await engine.classify(encoded, masks, words, checkpoint) };
  }

  #region({ picture, x, y }: CallRequest<'region'>): CallAnswer<'region'> {
    const { size, counts, area, bbox } = this.#loaded().regionAt(
      found(this.#pictures, picture),
      x,
      y,
    );
    const [height, width] = size;
    const runs = decompress(counts);
    if (!runs) throw new WordmaskError('internal', 'The engine gave a region that cannot be read.');
    return { width, height, mask: pixelsOfRuns(runs, width, height), area, bbox };
  }

  #relabel({ segmentation, made, labels }: CallRequest<'relabel'>): CallAnswer<'relabel'> {
    const relabelled = found(this.#segmentations, segmentation).withLabels(labels);
    this.#segmentations.set(made, relabelled);
    return { classes: relabelled.classes() };
  }

  async #cutout(request: CallRequest<'cutout'>): Promise<CallAnswer<'cutout'>> {
    const { backdrop, options, format, quality } = request;
    const bytes = backdrop && (await read(backdrop.blob));
    const size: [number, number] | undefined = backdrop?.size && [
      backdrop.size.width,
      backdrop.size.height,
    ];
    const cutout = found(this.#segmentations, request.segmentation).cutout(
      Uint32Array.from(request.classes),
      { ...options, ...(size && { size }) },
      bytes,
    );
    try {
      const [x = 0, y = 0, width = 0, height = 0] = cutout.bbox();
      const file =
        format === 'png' ? cutout.toPng() : await webp(cutout.rgba(), width, height, quality);
      return { file, bbox: [x, y, width, height] };
    } finally {
      cutout.free();
    }
  }

  #loaded(): Engine {
    if (!this.#engine)
      throw new WordmaskError('internal', 'The worker was asked before it was loaded.');
    return this.#engine;
  }
}

/** What is wrong with a bundle or on the way to it, and so on every device. */
const faultsOfBundle: ReadonlySet<unknown> = new Set(['integrity', 'model', 'input', 'network']);

/** Why an adapter is of no use, as a sentence; `undefined` if it is. */
function unusable(adapter: FoundAdapter, device: DeviceChoice): string | undefined {
  switch (adapter.kind) {
    case 'none':
      return adapter.why;
    case 'software':
      return device === 'webgpu'
        ? undefined
        : `the only WebGPU adapter here (${adapter.name}) is a software one, which is slower than the CPU path.`;
    case 'hardware':
      return undefined;
  }
}

/** The engine's file. Dev servers answer with a page where they have no file. */
async function engineFile(net: Net, url: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await download(net, url, signal);
  } catch (error) {
    if (!(error instanceof WordmaskError)) throw error;
    throw new WordmaskError(error.code, `${error.message} ${missingAdvice(url)}`, { cause: error });
  }
  if (response.headers.get('Content-Type')?.startsWith('text/html')) {
    await response.body?.cancel();
    throw new WordmaskError(
      'network',
      `The server has a page in place of the engine at ${url}. ${missingAdvice(url)}`,
    );
  }
  return response;
}

/** Says that the files are there and the engine is at work, which takes a while without a step. */
async function prepare(running: Running): Promise<void> {
  running.report({ phase: 'prepare' });
  await turn();
  running.signal.throwIfAborted();
}

/** What ends an import: something the engine or the storage foresaw, a stop, or a trap. */
function importFailure(error: unknown, signal: AbortSignal): unknown {
  if (isErrorCode(codeOf(error)) || codeOf(error) === 'cancelled') return error;
  if (signal.aborted && error === signal.reason) return error;
  return new WordmaskError(
    'internal',
    `The import failed (${messageOf(error)}). Close other tabs to make room, then try again.`,
    { cause: error },
  );
}

async function read(blob: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw new WordmaskError(
      'input',
      'The picture file can no longer be read; it was probably changed or moved. Choose it again.',
      { cause },
    );
  }
}

function found<T>(map: ReadonlyMap<number, T>, handle: number): T {
  const value = map.get(handle);
  if (value === undefined)
    throw new WordmaskError('input', 'This was freed and cannot be used any more.');
  return value;
}

function summary(made: EngineSegmentation, milliseconds: number): CallAnswer<'segment'> {
  const { width, height } = made;
  return { width, height, labels: made.labels(), classes: made.classes(), milliseconds };
}

function png(segmentation: EngineSegmentation, form: PngForm): Uint8Array {
  switch (form.kind) {
    case 'labels':
      return segmentation.toPng();
    case 'overlay':
      return segmentation.overlayPng(form.opacity);
  }
}

function text(segmentation: EngineSegmentation, form: TextForm): string {
  switch (form.kind) {
    case 'coco':
      return segmentation.toCoco(form.fileName, form.options);
    case 'geojson':
      return segmentation.toGeoJson(form.options);
    case 'svg':
      return segmentation.toSvg(form.options);
  }
}

/** Reports a step, lets waiting messages in, and says whether one of them was the abort. */
function checkpoints(
  phase: 'encode' | 'segment' | 'classify',
  { signal, report }: Running,
): Checkpoint {
  return async (done, total) => {
    report({ phase, done, total });
    await turn();
    return signal.aborted;
  };
}
