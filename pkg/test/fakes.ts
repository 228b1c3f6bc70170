/** Stand-ins for what only a browser has: the engine, the worker around it, the network, the cache. */

import { createHash } from 'node:crypto';
import type {
  Checkpoint,
  ClassSummary,
  Engine,
  EngineMask,
  EngineModule,
  EnginePicture,
  EngineRegion,
  EngineSegmentation,
  Methods,
  NamedScore,
} from '../src/engine.js';
import type { FromWorker, ToWorker } from '../src/protocol.js';
import { type Port, type Surroundings, serve } from '../src/serve.js';

export const bundleUrl = 'https://example.org/models/small/';
export const engineUrl = 'https://example.org/engine/wordmask_bg.wasm';

export const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** A network of fixed answers that counts what is asked of it. */
export class FakeNet {
  readonly answers = new Map<string, () => Response>();
  readonly asked: string[] = [];
  caches: CacheStorage | undefined;

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    this.asked.push(url);
    init.signal?.throwIfAborted();
    const answer = this.answers.get(url);
    if (!answer) throw new TypeError('Failed to fetch');
    return answer();
  };

  file(url: string, body: string | Uint8Array<ArrayBuffer>): this {
    this.answers.set(url, () => new Response(body));
    return this;
  }
}

/** Cache Storage in memory. Like the real one it ignores the fragment of an address. */
export class FakeCache {
  readonly entries = new Map<string, Response>();
  full = false;

  async match(url: string): Promise<Response | undefined> {
    return this.entries.get(withoutFragment(url))?.clone();
  }

  async put(url: string, response: Response): Promise<void> {
    if (this.full) throw new DOMException('Quota exceeded.', 'QuotaExceededError');
    this.entries.set(withoutFragment(url), response);
  }

  async delete(url: string): Promise<boolean> {
    return this.entries.delete(withoutFragment(url));
  }

  get storage(): CacheStorage {
    const open = async () => this as unknown as Cache;
    return { open } as unknown as CacheStorage;
  }
}

function withoutFragment(url: string): string {
  return url.replace(/#.*/, '');
}

/** A network with a bundle of two files and the engine, and a cache. */
export function bundleNet(): { net: FakeNet; cache: FakeCache } {
  const files = [
    { name: 'vision-00.safetensors', body: Uint8Array.of(1, 2, 3, 4), part: 'vision' },
    { name: 'tokenizer.json', body: Uint8Array.of(5, 6), part: 'tokenizer' },
  ];
  const list = files.map(({ name, body, part }) => ({
    name,
    part,
    bytes: body.length,
    sha256: hash(body),
  }));
  const cache = new FakeCache();
  const net = new FakeNet().file(engineUrl, 'wasm');
  net.file(`${bundleUrl}wordmask.json`, JSON.stringify({ files: list }));
  for (const { name, body } of files) net.file(bundleUrl + name, body);
  net.caches = cache.storage;
  return { net, cache };
}

/** What a test changes about the engine. */
export interface Script {
  device: 'webgpu' | 'cpu';
  /** Stands in for compiling the engine. */
  compile: () => void;
  /** Stands in for the work of a call, told by its name and its argument. */
  work: (call: string, argument: string, checkpoint: Checkpoint) => Promise<void>;
  /** How many coarse answers come before the final one, if they are wanted. */
  partials: number;
  /** What the engines did, in order. */
  log: string[];
  /** Engines that have been finished. */
  started: number;
}

export function script(): Script {
  return {
    device: 'cpu',
    compile: () => undefined,
    work: async () => undefined,
    partials: 0,
    log: [],
    started: 0,
  };
}

/** Runs a number of steps as the real engine does, and fails with `cancelled` when told to stop. */
export async function steps(count: number, checkpoint: Checkpoint): Promise<void> {
  for (let done = 1; done <= count; done++) {
    if (await checkpoint(done, count)) throw coded('cancelled', 'cancelled');
  }
}

export const trap = () => new WebAssembly.RuntimeError('unreachable');

export function fakeEngine(script: Script): EngineModule {
  class Loader {
    readonly #files: { name: string; bytes: number; sha256: string; part: 'vision' }[];

    constructor(manifest: string) {
      this.#files = JSON.parse(manifest).files;
    }

    files() {
      return this.#files;
    }

    info() {
      return info;
    }

    add(name: string, bytes: Uint8Array) {
      const file = this.#files.find((candidate) => candidate.name === name);
      if (file?.sha256 !== hash(bytes)) throw coded('integrity', `${name} has another hash.`);
    }

    async finish(choice: string): Promise<Engine> {
      script.started++;
      script.log.push(`finish ${choice}`);
      return new FakeEngine(script, choice === 'auto' ? script.device : 'cpu');
    }

    free() {}
  }
  return { default: async () => script.compile(), BundleLoader: Loader };
}

const info = { name: 'small', license: 'MIT', source: 'here', knows: 'Nothing.', scheme: 'q8' };

class FakeEngine implements Engine {
  readonly #script: Script;
  readonly #kind: 'webgpu' | 'cpu';

  constructor(script: Script, kind: 'webgpu' | 'cpu') {
    this.#script = script;
    this.#kind = kind;
  }

  device() {
    return { kind: this.#kind, name: 'fake' };
  }

  info() {
    return info;
  }

  methods(): Methods {
    const method = this.#kind === 'cpu' ? 'clip-diy' : 'pearl';
    return { default: method, refine: ['tlp'] };
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

class FakeSegmentation implements EngineSegmentation {
  readonly width = 2;
  readonly height = 1;
  readonly #script: Script;
  readonly #words: string[];
  readonly #name: string;

  constructor(script: Script, words: string[], name: string) {
    this.#script = script;
    this.#words = words;
    this.#name = name;
  }

  labels() {
    return Uint8Array.of(0, 255);
  }

  classes(): ClassSummary[] {
    return this.#words.map((word) => ({
      name: word.split('/')[0] ?? '',
      color: [10, 20, 30],
      pixels: 1,
      fraction: 0.5,
      score: 0.9,
    }));
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

  cutoutPng(index: number) {
    return Uint8Array.of(3, index);
  }

  toCoco() {
    return '{"coco":1}';
  }

  toGeoJson() {
    return '{"geojson":1}';
  }

  toSvg() {
    return '<svg/>';
  }

  free() {
    this.#script.log.push(`free ${this.#name}`);
  }
}

/** A `Worker` in the same thread; messages are cloned and travel through the event loop. */
export class FakeWorker {
  static readonly all: FakeWorker[] = [];
  static script: Script = script();
  static surroundings: Surroundings;

  /** Installs itself as the global `Worker`, with an engine that follows this script. */
  static install(script: Script, net: FakeNet): void {
    FakeWorker.all.length = 0;
    FakeWorker.script = script;
    FakeWorker.surroundings = Object.assign(net, { engineUrl });
    Object.assign(globalThis, { Worker: FakeWorker });
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
    serve(fakeEngine(FakeWorker.script), port as Port, FakeWorker.surroundings);
  }
}
