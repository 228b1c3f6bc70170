/** Stand-ins for what only a browser has: the engine, the worker around it, the network, the cache. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { FoundAdapter } from '../src/adapter.js';
import type {
  BundleFile,
  Checkpoint,
  ClassSummary,
  DeviceKind,
  Engine,
  EngineCutout,
  EngineCutoutOptions,
  EngineDataset,
  EngineExportOptions,
  EngineFile,
  EngineMask,
  EngineModule,
  EnginePicture,
  EngineRegion,
  EngineSegmentation,
  EngineSegmentOptions,
  Engines,
  ExportFormat,
  Methods,
  ModelImport,
  NamedScore,
  Part,
  ReadAt,
} from '../src/engine.js';
import type { Surroundings } from '../src/host.js';
import { enginePlaces } from '../src/places.js';
import type { FromWorker, PublishedFile, ToWorker } from '../src/protocol.js';
import { type Port, serve } from '../src/serve.js';
import type { BrowserStorage } from '../src/storage.js';

export const bundleUrl = 'https://example.org/models/small/';
/** Where the engines are looked for unless a call says otherwise. */
export const { cpu: engineUrl, webgpu: webGpuUrl } = enginePlaces({});

export const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** A network of fixed answers that counts what is asked of it, and storage that may be missing. */
export class FakeNet {
  readonly answers = new Map<string, () => Response | Promise<Response>>();
  readonly asked: string[] = [];
  caches: CacheStorage | undefined;
  adapter: Surroundings['adapter'] = async () => ({ kind: 'none', why: 'nobody asked.' });
  locks: BrowserStorage['locks'];
  storage: BrowserStorage['storage'];
  /** What the disk holds now, by name. */
  readonly disk = new Map<string, Uint8Array>();

  /** Reads the disk and not the file, because Node has no way to read a file's bytes at once. */
  readSlice({ name }: PublishedFile, offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = this.disk.get(name);
    if (!bytes) throw new DOMException('The file could not be read.', 'NotReadableError');
    return bytes.slice(offset, offset + length);
  }

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    this.asked.push(url);
    init.signal?.throwIfAborted();
    const answer = this.answers.get(url);
    if (!answer) throw new TypeError('Failed to fetch');
    const stopped = new Promise<never>((_, reject) => {
      init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
    });
    return Promise.race([answer(), stopped]);
  };

  file(url: string, body: string | Uint8Array<ArrayBuffer>): this {
    this.answers.set(url, () => new Response(body));
    return this;
  }
}

/** Cache Storage in memory. Like the real one it ignores the fragment of an address, and reads bodies to their end. */
export class FakeCache {
  readonly entries = new Map<string, Response>();
  full = false;

  async match(url: string): Promise<Response | undefined> {
    return this.entries.get(withoutFragment(url))?.clone();
  }

  async put(url: string, response: Response): Promise<void> {
    if (this.full) throw new DOMException('Quota exceeded.', 'QuotaExceededError');
    // It is done once the body is read: whose it was may write over it then.
    const { status, headers } = response;
    const kept = new Response(await response.arrayBuffer(), { status, headers });
    this.entries.set(withoutFragment(url), kept);
  }

  async delete(url: string): Promise<boolean> {
    return this.entries.delete(withoutFragment(url));
  }

  async keys(): Promise<{ url: string }[]> {
    return Array.from(this.entries.keys(), (url) => ({ url }));
  }

  get storage(): CacheStorage {
    const open = async () => this as unknown as Cache;
    return { open } as unknown as CacheStorage;
  }
}

/** Cache Storage with three caches: bundles, imported models, and files on their way. */
export class FakeCaches {
  readonly bundles = new FakeCache();
  readonly models = new FakeCache();
  readonly downloads = new FakeCache();

  get storage(): CacheStorage {
    const find = (name: string) => {
      if (name.startsWith('wordmask-models')) return this.models;
      return name.startsWith('wordmask-downloads') ? this.downloads : this.bundles;
    };
    const open = async (name: string) => find(name) as unknown as Cache;
    const remove = async (name: string) => {
      find(name).entries.clear();
      return true;
    };
    return { open, delete: remove } as unknown as CacheStorage;
  }
}

/** Locks of one page. Nobody waits here: what cannot be had at once fails the test. */
export class FakeLocks {
  #shared = 0;

  readonly request = async (
    _name: string,
    { mode = 'exclusive', ifAvailable = false }: LockOptions,
    body: (lock: Lock | null) => unknown,
  ): Promise<unknown> => {
    if (mode === 'exclusive') {
      if (this.#shared > 0 && !ifAvailable) throw new Error('This would wait.');
      return body(this.#shared > 0 ? null : ({} as Lock));
    }
    this.#shared++;
    try {
      return await body({} as Lock);
    } finally {
      this.#shared--;
    }
  };
}

function withoutFragment(url: string): string {
  return url.replace(/#.*/, '');
}

const part = (name: string, ...body: number[]) => ({ name, body: Uint8Array.from(body) });
/** The files of the bundle, in the order of its manifest. */
export const bundleFiles = [
  { part: 'tokenizer', ...part('tokenizer.json', 5, 6) },
  { part: 'words', ...part('words-00.safetensors', 7, 8) },
  { part: 'vision', ...part('vision-00.safetensors', 1, 2, 3, 4) },
  { part: 'text', ...part('text-00.safetensors', 9, 10, 11) },
] as const;

/** The manifest of these files. */
export function manifestOf(files: readonly { name: string; body: Uint8Array; part: string }[]) {
  const list = files.map(({ name, body, part }) => ({
    name,
    part,
    bytes: body.length,
    sha256: hash(body),
  }));
  return JSON.stringify({ files: list });
}

/** A network with a bundle and the engine, and a cache. */
export function bundleNet(): {
  net: FakeNet;
  cache: FakeCache;
  models: FakeCache;
  downloads: FakeCache;
} {
  const caches = new FakeCaches();
  const net = new FakeNet().file(engineUrl, 'wasm').file(webGpuUrl, 'wasm');
  net.file(`${bundleUrl}wordmask.json`, manifestOf(bundleFiles));
  for (const { name, body } of bundleFiles) net.file(bundleUrl + name, body);
  net.caches = caches.storage;
  net.locks = new FakeLocks() as unknown as BrowserStorage['locks'];
  return { net, cache: caches.bundles, models: caches.models, downloads: caches.downloads };
}

/** What a test changes about the engine. */
export interface Script {
  /** What WebGPU has to offer. */
  adapter: FoundAdapter;
  /** Stands in for compiling the engine. */
  compile: () => void;
  /** Stands in for opening the device and testing it. */
  finish: (kind: DeviceKind) => void;
  /** Stands in for the work of a call, told by its name and its argument. */
  work: (call: string, argument: string, checkpoint: Checkpoint) => Promise<void>;
  /** How many coarse answers come before the final one, if they are wanted. */
  partials: number;
  /** Stands in for making a file of an imported model. */
  make: (name: string) => void;
  /** What the engines did, in order. */
  log: string[];
  /** Engines that have been finished. */
  started: number;
}

export function script(): Script {
  return {
    adapter: { kind: 'none', why: 'there is no WebGPU here.' },
    compile: () => undefined,
    finish: () => undefined,
    work: async () => undefined,
    partials: 0,
    make: () => undefined,
    log: [],
    started: 0,
  };
}

/** What a test waits for, or makes its engine wait for; no timer says when something happens. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

/** Runs a number of steps as the real engine does, and fails with `cancelled` when told to stop. */
export async function steps(count: number, checkpoint: Checkpoint): Promise<void> {
  for (let done = 1; done <= count; done++) {
    if (await checkpoint(done, count)) throw coded('cancelled', 'cancelled');
  }
}

export const trap = () => new WebAssembly.RuntimeError('unreachable');

export function fakeEngines(script: Script): Engines {
  return { cpu: fakeEngine(script, 'cpu'), webgpu: fakeEngine(script, 'webgpu') };
}

function fakeEngine(script: Script, kind: DeviceKind): EngineModule {
  class Loader {
    readonly #files: BundleFile[];
    readonly #missing: Set<string>;
    #warm = false;

    constructor(manifest: string) {
      this.#files = JSON.parse(manifest).files;
      this.#missing = new Set(this.#files.filter(({ part }) => !ofText(part)).map(nameOf));
    }

    files() {
      return this.#files;
    }

    info() {
      return info;
    }

    add(name: string, bytes: Uint8Array) {
      check(this.#files, name, bytes);
      assert.ok(this.#missing.delete(name), `${name} is not to be added`);
      script.log.push(`add ${name}`);
    }

    async warm() {
      await new Promise((resolve) => setTimeout(resolve));
      this.#warm = true;
    }

    async finish(choice: string): Promise<Engine> {
      assert.ok(this.#warm, 'the device is not open yet');
      assert.equal(this.#missing.size, 0, 'files are missing');
      script.started++;
      assert.equal(choice, kind, 'an engine has one device');
      script.log.push(`finish ${choice}`);
      script.finish(kind);
      const text = this.#files.filter(({ part }) => ofText(part));
      return new FakeEngine(script, kind, text);
    }

    free() {}
  }

  /** Makes one file of the weights, ten bytes at a time, and the tokenizer. */
  class Import implements ModelImport {
    readonly total = 2;
    readonly #made: { name: string; body: Uint8Array<ArrayBuffer>; part: string }[] = [];
    readonly #sizes: Map<string, number>;
    readonly #read: ReadAt;
    readonly #options: object;

    constructor(names: string[], sizes: number[], read: ReadAt, options: object) {
      this.#sizes = new Map(names.map((name, index) => [name, sizes[index] ?? 0]));
      this.#read = read;
      this.#options = options;
      script.log.push(`import ${names.join('+')} ${JSON.stringify(options)}`);
      if (!names.includes('config.json')) throw coded('model', 'There is no config.json.');
    }

    next() {
      const step = this.#made.length;
      if (step === this.total) return undefined;
      const source = ['model.safetensors', 'tokenizer.json'][step] ?? '';
      const name = ['vision-00.safetensors', 'tokenizer.json'][step] ?? '';
      script.make(name);
      const size = this.#sizes.get(source) ?? 0;
      const body = new Uint8Array(size);
      for (let at = 0; at < size; at += 10) {
        body.set(this.#read(source, at, Math.min(10, size - at)), at);
      }
      this.#made.push({ name, body, part: ['vision', 'tokenizer'][step] ?? '' });
      // Whoever keeps it takes the bytes.
      return { sha256: hash(body), bytes: body.slice() };
    }

    manifest() {
      const { files } = JSON.parse(manifestOf(this.#made));
      return JSON.stringify({ files, ...this.#options });
    }

    free() {}
  }
  return {
    default: async () => script.compile(),
    BundleLoader: Loader,
    ModelImport: Import,
    Dataset: FakeDataset,
  };
}

const nameOf = ({ name }: BundleFile) => name;
const ofText = (part: string) => part === 'tokenizer' || part === 'text';

function check(files: readonly BundleFile[], name: string, bytes: Uint8Array): void {
  const file = files.find((candidate) => candidate.name === name);
  if (file?.sha256 !== hash(bytes)) throw coded('integrity', `${name} has another hash.`);
}

const info = {
  name: 'small',
  license: 'MIT',
  source: 'here',
  description: 'Nothing.',
  scheme: 'q8',
  pictures: 'drawings' as const,
  vocabulary: ['cat', 'red'],
};

class FakeEngine implements Engine {
  readonly #script: Script;
  readonly #kind: DeviceKind;
  readonly #textFiles: readonly BundleFile[];
  readonly #missing: Set<string>;
  #hasText = false;

  constructor(script: Script, kind: DeviceKind, textFiles: readonly BundleFile[]) {
    this.#script = script;
    this.#kind = kind;
    this.#textFiles = textFiles;
    this.#missing = new Set(textFiles.map(nameOf));
  }

  /** Words that begin with "rare" are not ready. */
  missingParts(words: string[], { background }: EngineSegmentOptions): Part[] {
    const all = [...words, ...(Array.isArray(background) ? background : [])];
    const rare = !this.#hasText && all.some((word) => word.startsWith('rare'));
    return rare ? ['tokenizer', 'text'] : [];
  }

  add(name: string, bytes: Uint8Array) {
    check(this.#textFiles, name, bytes);
    assert.ok(this.#missing.delete(name), `${name} is not to be added`);
    this.#script.log.push(`add ${name}`);
  }

  extend() {
    assert.equal(this.#missing.size, 0, 'text files are missing');
    this.#hasText = true;
    this.#script.log.push('finish text');
  }

  device() {
    return { kind: this.#kind, name: 'fake' };
  }

  info() {
    return info;
  }

  largestPicture() {
    return { pixels: 6400, side: 160 };
  }

  methods(): Methods {
    const method = this.#kind === 'cpu' ? 'clip-diy' : 'pearl';
    return { default: method, multiScale: false, refine: ['tlp'] };
  }

  async encode(bytes: Uint8Array, _options: object, checkpoint: Checkpoint) {
    return this.#picture(new TextDecoder().decode(bytes), checkpoint);
  }

  async encodePixels(
    width: number,
    height: number,
    _rgba: Uint8Array,
    _options: object,
    checkpoint: Checkpoint,
  ) {
    return this.#picture(`${width}x${height}`, checkpoint);
  }

  async segment(
    _picture: EnginePicture,
    words: string[],
    _options: object,
    checkpoint: Checkpoint,
    onPartial?: (partial: EngineSegmentation) => void,
  ): Promise<EngineSegmentation> {
    const name = words.join('+');
    await this.#work('segment', name, async (done, total) => {
      if (done <= this.#script.partials) {
        onPartial?.(new FakeSegmentation(this.#script, words, `${name} ${done}`));
      }
      return checkpoint(done, total);
    });
    return new FakeSegmentation(this.#script, words, name);
  }

  /** Takes the first word for the mask's best, and logs the masks as they came. */
  async classify(
    _picture: EnginePicture,
    masks: EngineMask[],
    words: string[],
    checkpoint: Checkpoint,
  ): Promise<NamedScore[][]> {
    const given = masks.map(({ size, counts }) => `${size.join('x')}:${counts}`);
    await this.#work('classify', `${given.join(' ')} as ${words.join('+')}`, checkpoint);
    return masks.map((_, mask) => words.map((name, word) => ({ name, score: mask - word })));
  }

  /** The pixel alone. */
  regionAt(_picture: EnginePicture, x: number, y: number): EngineRegion {
    this.#script.log.push(`region ${x},${y}`);
    const counts = x === 0 ? '011' : '11';
    return { size: [1, 2], counts, area: 1, bbox: [x, y, 1, 1] };
  }

  free() {}

  async #picture(name: string, checkpoint: Checkpoint): Promise<EnginePicture> {
    await this.#work('encode', name, checkpoint);
    const free = () => this.#script.log.push(`free ${name}`);
    return { width: 2, height: 1, rgba: () => new Uint8Array(8), free };
  }

  async #work(call: string, argument: string, checkpoint: Checkpoint): Promise<void> {
    this.#script.log.push(`${call} ${argument}`);
    await this.#script.work(call, argument, checkpoint);
    this.#script.log.push(`${call} ${argument} done`);
  }
}

/** Files that tell what was asked for. */
class FakeDataset implements EngineDataset {
  readonly #about: string;
  readonly #names: string[] = [];

  constructor(format: ExportFormat, like: EngineSegmentation, options: EngineExportOptions) {
    const classes = like.classes().map(({ name }) => name);
    this.#about = JSON.stringify({ format, classes, ...options });
  }

  add(_segmentation: EngineSegmentation, fileName: string): EngineFile[] {
    this.#names.push(fileName);
    return [{ path: `labels/${fileName}.txt`, contents: Uint8Array.of(this.#names.length) }];
  }

  finish(): EngineFile[] {
    const contents = new TextEncoder().encode(this.#about);
    return [{ path: `${this.#names.join('+')}.json`, contents }];
  }

  free() {}
}

class FakeSegmentation implements EngineSegmentation {
  readonly width = 2;
  readonly height = 1;
  readonly #script: Script;
  readonly #words: string[];
  readonly #name: string;
  readonly #labels: Uint8Array;

  constructor(
    script: Script,
    words: string[],
    name: string,
    labels: Uint8Array = Uint8Array.of(0, 255),
  ) {
    this.#script = script;
    this.#words = words;
    this.#name = name;
    this.#labels = labels;
  }

  /** A copy, as from an engine: the one that is sent away is of no use here any more. */
  labels() {
    return this.#labels.slice();
  }

  withLabels(labels: Uint8Array) {
    const name = `${this.#name} as ${labels}`;
    this.#script.log.push(`relabel ${name}`);
    return new FakeSegmentation(this.#script, this.#words, name, labels);
  }

  classes(): ClassSummary[] {
    return this.#words.map((word, index) => {
      const pixels = this.#labels.filter((label) => label === index).length;
      const name = word.split('/')[0] ?? '';
      return { name, color: [10, 20, 30], pixels, fraction: pixels / 2, score: 0.9 };
    });
  }

  scores(index: number) {
    return Float32Array.of(index, 1);
  }

  toPng() {
    return Uint8Array.of(1);
  }

  overlayPng(opacity: number) {
    return Uint8Array.of(2, opacity * 100);
  }

  matte(classes: Uint32Array, feather = 99) {
    return Uint8Array.of(...classes, feather);
  }

  /** A file that tells what it was asked for, two pixels wide. */
  cutout(classes: Uint32Array, options: EngineCutoutOptions, backdrop?: Uint8Array): EngineCutout {
    const behind = backdrop && new TextDecoder().decode(backdrop);
    if (behind === 'odd') throw coded('unsupported', 'This is no picture that the engine reads.');
    const asked = JSON.stringify({ classes: [...classes], ...options, behind });
    this.#script.log.push(`cutout ${this.#name}`);
    return {
      bbox: () => Uint32Array.of(1, 0, 2, 1),
      rgba: () => Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      toPng: () => new TextEncoder().encode(asked),
      free: () => this.#script.log.push('free cutout'),
    };
  }

  toCoco(fileName: string, options: EngineExportOptions) {
    return JSON.stringify({ coco: fileName, ...options });
  }

  toGeoJson(options: EngineExportOptions) {
    return JSON.stringify({ geojson: 1, ...options });
  }

  toSvg(options: EngineExportOptions) {
    const attributes = Object.entries(options).map(([name, value]) => ` ${name}="${value}"`);
    return `<svg${attributes.join('')}/>`;
  }

  free() {
    this.#script.log.push(`free ${this.#name}`);
  }
}

/** A `Worker` in the same thread; messages are cloned and travel through the event loop. */
export class FakeWorker {
  static readonly all: FakeWorker[] = [];
  static script: Script = script();
  static net: FakeNet;

  /** Installs itself as the global `Worker`, with an engine that follows this script. */
  static install(script: Script, net: FakeNet): void {
    FakeWorker.all.length = 0;
    FakeWorker.script = script;
    FakeWorker.net = net;
    const { caches, locks, storage } = net;
    Object.assign(globalThis, { Worker: FakeWorker, caches });
    Object.defineProperty(globalThis, 'navigator', {
      value: { locks, storage },
      configurable: true,
    });
  }

  readonly url: string;
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null = null;
  onmessageerror: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  readonly #channel = new MessageChannel();
  terminated = false;

  constructor(url: string | URL) {
    this.url = String(url);
    FakeWorker.all.push(this);
    this.#channel.port1.onmessage = (event) => this.onmessage?.(event);
    this.start(this.#channel.port2);
  }

  postMessage(message: ToWorker): void {
    this.#channel.port1.postMessage(message);
  }

  terminate(): void {
    this.terminated = true;
    this.#channel.port1.close();
    this.#channel.port2.close();
  }

  /** What the browser does on an error that nobody caught. */
  crash(message: string | undefined): void {
    this.onerror?.({ message } as ErrorEvent);
  }

  protected start(port: MessagePort): void {
    const { script, net } = FakeWorker;
    net.adapter = async () => script.adapter;
    serve(fakeEngines(script), port as Port, net);
  }
}
