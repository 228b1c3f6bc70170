import type { Device, LargestPicture } from './engine.js';
import { codeOf, messageOf, WordmaskError } from './errors.js';
import type { CallOptions, ProgressListener } from './options.js';
import {
  type CallAnswer,
  type CallKind,
  type CallRequest,
  type FromWorker,
  protocolVersion,
  type ToWorker,
} from './protocol.js';
import type { StartedWorker, WorkerLike } from './worker-like.js';

interface Pending {
  resolve(answer: CallAnswer): void;
  reject(error: unknown): void;
  onProgress: ProgressListener | undefined;
  onPartial: PartialListener | undefined;
}

/** Hears of coarse answers by the handle under which each lives. */
export type PartialListener = (segmentation: number, answer: CallAnswer<'segment'>) => void;

interface Listeners extends CallOptions {
  onPartial?: PartialListener | undefined;
}

/** One worker from its start to its end. Once it has ended, every call is refused. */
export class Connection {
  readonly #worker: WorkerLike;
  readonly #onEnd: (why: string) => void;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #greeted = false;
  #end: WordmaskError | undefined;
  /** Known after loading. */
  device: Device | undefined;
  /** Why the worker died, if it could not say so itself. */
  death: string | undefined;

  /** @param onEnd Called once, before the pending calls are rejected. */
  constructor({ worker, failure }: StartedWorker, onEnd: (why: string) => void) {
    this.#worker = worker;
    this.#onEnd = onEnd;
    worker.onmessage = ({ data }) => this.#take(data);
    worker.onmessageerror = () => this.#die('a message could not be read');
    worker.onerror = (event) => {
      // The calls under way tell it; otherwise Deno would end the whole program.
      event.preventDefault?.();
      if (!this.#greeted) return this.close(failure(event.message));
      this.death = event.message;
      this.#die(event.message);
    };
  }

  /** Rejects with what the engine says, with the signal's reason, or because the worker has died. */
  call<K extends CallKind>(
    request: CallRequest<K>,
    { signal, onProgress, onPartial }: Listeners = {},
  ): Promise<CallAnswer<K>> {
    if (this.#end) return Promise.reject(this.#end);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    const answer = new Promise<CallAnswer>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onProgress, onPartial });
    });
    this.#worker.ref?.();
    this.#worker.postMessage({ type: 'call', id, request: request as CallRequest });
    const abort = () => {
      this.#settle(id)?.reject(signal?.reason);
      this.#post({ type: 'abort', id });
    };
    signal?.addEventListener('abort', abort, { once: true });
    // The worker answers each kind of request with the answer of that kind.
    return answer.finally(() => signal?.removeEventListener('abort', abort)) as Promise<
      CallAnswer<K>
    >;
  }

  /** Lets go of a picture or a segmentation once the calls before this one are done. */
  free(handle: number): void {
    this.#post({ type: 'free', handle });
  }

  /** Ends the worker at once; pending and later calls are rejected with this error. */
  close(error: WordmaskError, why = error.message): void {
    if (this.#end) return;
    this.#end = error;
    this.#worker.terminate();
    this.#onEnd(why);
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
  }

  #post(message: ToWorker): void {
    if (!this.#end) this.#worker.postMessage(message);
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    // A segmenter that nobody asks anything must not keep a script from ending.
    if (this.#pending.size === 0) this.#worker.unref?.();
    return pending;
  }

  #take(message: FromWorker): void {
    switch (message.type) {
      case 'hello':
        this.#greeted = true;
        if (message.protocol !== protocolVersion) this.close(otherRelease());
        break;
      case 'progress':
        this.#pending.get(message.id)?.onProgress?.(message.progress);
        break;
      case 'partial': {
        const { onPartial } = this.#pending.get(message.id) ?? {};
        if (onPartial) onPartial(message.segmentation, message.answer);
        else this.free(message.segmentation); // The call was aborted meanwhile.
        break;
      }
      case 'done':
        this.#settle(message.id)?.resolve(message.answer);
        break;
      case 'failed':
        if (message.fatal) this.#die(message.message, message.code);
        else this.#settle(message.id)?.reject(new WordmaskError(message.code, message.message));
        break;
      case 'cancelled':
        // The call was rejected with the signal's reason when the abort was sent.
        break;
    }
  }

  #die(
    reason: string,
    code: WordmaskError['code'] = this.device?.kind === 'webgpu' ? 'device' : 'internal',
  ): void {
    const where = code === 'device' ? 'The GPU failed' : 'The engine failed';
    this.close(
      new WordmaskError(
        code,
        `${where} (${reason}). Try again: the engine starts anew with the next call, and no picture is lost.`,
      ),
      reason,
    );
  }
}

function otherRelease(): WordmaskError {
  return new WordmaskError(
    'internal',
    'worker.js is of another release than the module that started it. Serve the files of one release together, and reload the page.',
  );
}

/** What is asked of every worker before it can be used. */
export type LoadRequest = Omit<CallRequest<'load'>, 'kind' | 'manifest'>;

/**
 * Keeps one loaded worker at hand, and starts the next one when it has died. Where the choice of the
 * device is free, WebGPU is given up for the CPU as soon as it fails.
 */
export class Bridge {
  readonly #startWorker: () => StartedWorker;
  readonly #request: LoadRequest;
  readonly #onProgress: ProgressListener | undefined;
  #current: { connection: Connection; ready: Promise<Connection> } | undefined;
  #loaded: CallAnswer<'load'> | undefined;
  /** Why WebGPU was given up. */
  #gpuFailure: string | undefined;
  #closed = false;
  #nextHandle = 1;

  /** @param onProgress Hears of the first load, and of loading again after a worker has died. */
  constructor(
    startWorker: () => StartedWorker,
    request: LoadRequest,
    onProgress: ProgressListener | undefined,
  ) {
    this.#startWorker = startWorker;
    this.#request = request;
    this.#onProgress = onProgress;
  }

  /** What the latest worker said of itself. */
  get loaded(): CallAnswer<'load'> {
    if (!this.#loaded) throw new WordmaskError('internal', 'The engine has not been loaded.');
    return this.#loaded;
  }

  /** The engines that may be needed: that which runs, and that which takes over from it. */
  get engineUrls(): string[] {
    const { device, engines } = this.#request;
    const { engineUrl } = this.loaded;
    return device === 'auto' ? [...new Set([engineUrl, engines.cpu])] : [engineUrl];
  }

  /** A number for something new that is to live in the engine. */
  newHandle(): number {
    return this.#nextHandle++;
  }

  /** The worker at hand, loaded; a new one if the last one has died. */
  async connect(): Promise<Connection> {
    if (this.#closed) throw closedError();
    this.#current ??= this.#start();
    return this.#current.ready;
  }

  /**
   * Does something in the worker at hand. If WebGPU fails meanwhile and may be given up, does it once
   * more, on the CPU.
   */
  async outlasting<T>(attempt: () => Promise<T>): Promise<T> {
    const before = this.#gpuFailure;
    try {
      return await attempt();
    } catch (error) {
      const givenUp = before === undefined && this.#gpuFailure !== undefined;
      if (!givenUp || codeOf(error) !== 'device') throw error;
      return attempt();
    }
  }

  /** Ends the worker. Everything made with it is of no use any more. */
  close(): void {
    this.#closed = true;
    this.#current?.connection.close(closedError());
  }

  #start(): { connection: Connection; ready: Promise<Connection> } {
    const connection = new Connection(this.#startWorker(), (why) => {
      this.#current = undefined;
      if (connection.device?.kind === 'webgpu') this.#giveUp(why);
    });
    return { connection, ready: this.#load(connection) };
  }

  async #load(connection: Connection): Promise<Connection> {
    const device = this.#gpuFailure === undefined ? this.#request.device : 'cpu';
    const manifest = this.#loaded && { manifest: this.#loaded.manifest };
    try {
      const answer = await connection.call<'load'>(
        { ...this.#request, ...manifest, kind: 'load', device },
        { onProgress: this.#onProgress },
      );
      connection.device = answer.device;
      this.#loaded = this.#gpuFailure === undefined ? answer : withNote(answer, this.#gpuFailure);
      return connection;
    } catch (error) {
      connection.close(closedError());
      // A worker that dies cannot say that it was at WebGPU.
      const isOfDevice = codeOf(error) === 'device' || connection.death !== undefined;
      if (!isOfDevice || device !== 'auto' || this.#closed) throw error;
      this.#giveUp(connection.death ?? messageOf(error));
      return this.connect();
    }
  }

  #giveUp(why: string): void {
    if (this.#request.device === 'auto' && !this.#closed) this.#gpuFailure ??= why;
  }
}

function withNote(answer: CallAnswer<'load'>, why: string): CallAnswer<'load'> {
  const note = `The CPU is used, since WebGPU failed: ${why}`;
  return { ...answer, device: { ...answer.device, note } };
}

function closedError(): WordmaskError {
  return new WordmaskError('input', 'The segmenter was closed. Load it again to go on.');
}

/** Something that lives in the engine under a handle, and is made again after the engine has died. */
export class Resident {
  readonly handle: number;
  readonly #bridge: Bridge;
  readonly #make: (connection: Connection) => Promise<void>;
  #home: Connection | undefined;
  #move: { to: Connection; done: Promise<void> } | undefined;
  #freed = false;

  /** @param make Makes it in an engine that does not hold it yet. */
  constructor(bridge: Bridge, handle: number, make: (connection: Connection) => Promise<void>) {
    this.#bridge = bridge;
    this.handle = handle;
    this.#make = make;
  }

  get freed(): boolean {
    return this.#freed;
  }

  /** The largest picture that its engine takes. */
  get largestPicture(): LargestPicture {
    return this.#bridge.loaded.largestPicture;
  }

  /**
   * A place for what is made from this one; should the engine die, this one is made anew before it.
   *
   * @param make Makes it under this handle.
   */
  derive(make: (connection: Connection, handle: number) => Promise<unknown>): Resident {
    const handle = this.#bridge.newHandle();
    return new Resident(this.#bridge, handle, async (connection) => {
      await this.home();
      await make(connection, handle);
      if (this.#freed) this.free();
    });
  }

  /** Says that it has just been made there. */
  settle(home: Connection): void {
    this.#home = home;
  }

  /** Does something where it lives, and once more on the CPU if WebGPU has to be given up meanwhile. */
  use<T>(work: (home: Connection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#bridge.outlasting(async () => work(await this.home(signal)));
  }

  /** The worker in which it lives, after making it anew if need be. */
  async home(signal?: AbortSignal): Promise<Connection> {
    const connection = await abortable(this.#bridge.connect(), signal);
    if (this.#home !== connection) await abortable(this.#moveTo(connection), signal);
    return connection;
  }

  /** Frees its memory. What depends on it can still be made anew. */
  free(): void {
    this.#freed = true;
    this.#home?.free(this.handle);
    this.#home = undefined;
  }

  #moveTo(connection: Connection): Promise<void> {
    if (this.#move?.to !== connection) {
      const done = this.#make(connection)
        .then(() => {
          this.settle(connection);
          // Once the calls that waited for it have gone out.
          if (this.#freed) setTimeout(() => this.free());
        })
        .finally(() => {
          if (this.#move === move) this.#move = undefined;
        });
      const move = { to: connection, done };
      this.#move = move;
    }
    return this.#move.done;
  }
}

/** The promise, or a rejection with the signal's reason if that comes first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
