import type { FromWorker, ToWorker } from './protocol.js';
import { builtin, type Thread } from './runtime.js';
import type { WorkerLike } from './worker-like.js';

/** A thread of Node with the face of a `Worker`. */
export class ThreadWorker implements WorkerLike {
  readonly #thread: Thread;
  onmessage: WorkerLike['onmessage'] = null;
  onmessageerror: WorkerLike['onmessageerror'] = null;
  onerror: WorkerLike['onerror'] = null;

  /** @throws TypeError where there are no threads, as in old browsers. */
  constructor(url: string) {
    const threads = builtin('node:worker_threads');
    if (!threads) throw new TypeError('there are no workers here');
    // The flags of this process, such as `--eval`, are not meant for the worker's file.
    this.#thread = new threads.Worker(new URL(url), { execArgv: [] });
    this.#thread.on('message', (data) => this.onmessage?.({ data } as MessageEvent<FromWorker>));
    this.#thread.on('messageerror', (data) => this.onmessageerror?.({ data } as MessageEvent));
    this.#thread.on('error', ({ message }) => this.onerror?.({ message } as ErrorEvent));
  }

  postMessage(message: ToWorker): void {
    this.#thread.postMessage(message);
  }

  terminate(): void {
    void this.#thread.terminate();
  }

  ref(): void {
    this.#thread.ref();
  }

  unref(): void {
    this.#thread.unref();
  }
}
