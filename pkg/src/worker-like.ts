import type { WordmaskError } from './errors.js';
import type { FromWorker, ToWorker } from './protocol.js';

/** The part of a `Worker` that is used here. */
export interface WorkerLike {
  postMessage(message: ToWorker): void;
  terminate(): void;
  /** Keeps the process alive; only where a worker would not do so by itself, or would always. */
  ref?(): void;
  /** Lets the process end. */
  unref?(): void;
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

/** A worker that is on its way, and why it may not arrive. */
export interface StartedWorker {
  worker: WorkerLike;
  /** The failure that a worker has met which never said a word. */
  failure(reason: string | undefined): WordmaskError;
}
