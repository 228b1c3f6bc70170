import type { Engines } from './engine.js';
import { codeOf, isErrorCode, messageOf } from './errors.js';
import { Host, type Surroundings } from './host.js';
import type { Progress } from './options.js';
import {
  type CallAnswer,
  type CallKind,
  type CallRequest,
  type FromWorker,
  protocolVersion,
  type ToWorker,
} from './protocol.js';

/** The page, as the worker sees it. */
export interface Port {
  postMessage(message: FromWorker, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

/** Calls that need nothing but what is finished, and so need not wait for what the engine is doing. */
const reads: ReadonlySet<CallKind> = new Set<CallKind>([
  'pixels',
  'region',
  'relabel',
  'scores',
  'png',
  'matte',
  'cutout',
  'text',
]);

/**
 * Answers the calls that come through the port with one of these engines: one after the other, but for those
 * that need only what is finished, which are answered at the running call's next step.
 */
export function serve(engines: Engines, port: Port, surroundings: Surroundings): void {
  const desk = new Desk(port, new Host(engines, surroundings));
  port.onmessage = ({ data }) => desk.take(data);
  port.postMessage({ type: 'hello', protocol: protocolVersion }, []);
}

/** Takes messages and queues calls, because the engine does one thing at a time. */
class Desk {
  readonly #port: Port;
  readonly #host: Host;
  readonly #controllers = new Map<number, AbortController>();
  #queue: Promise<void> = Promise.resolve();

  constructor(port: Port, host: Host) {
    this.#port = port;
    this.#host = host;
  }

  take(message: ToWorker): void {
    switch (message.type) {
      case 'call':
        this.#controllers.set(message.id, new AbortController());
        if (reads.has(message.request.kind)) void this.#answer(message.id, message.request);
        else this.#enqueue(() => this.#answer(message.id, message.request));
        break;
      case 'abort':
        this.#controllers.get(message.id)?.abort();
        break;
      case 'free':
        // Queued as well, so that what a running call still uses is not freed under it.
        this.#enqueue(() => this.#host.free(message.handle));
        break;
    }
  }

  #enqueue(job: () => void | Promise<void>): void {
    // Jobs answer for their own failures; should one fail all the same, the page hears of an
    // uncaught rejection and replaces this worker.
    this.#queue = this.#queue.then(job);
  }

  async #answer(id: number, request: CallRequest): Promise<void> {
    const signal = this.#controllers.get(id)?.signal ?? AbortSignal.abort();
    const report = (progress: Progress) =>
      this.#port.postMessage({ type: 'progress', id, progress }, []);
    const show = (segmentation: number, answer: CallAnswer<'segment'>) => {
      const message: FromWorker = { type: 'partial', id, segmentation, answer };
      this.#port.postMessage(message, transferable(answer));
    };
    try {
      signal.throwIfAborted();
      const answer = await this.#host.run(request, { signal, report, show });
      this.#port.postMessage({ type: 'done', id, answer }, transferable(answer));
    } catch (error) {
      this.#port.postMessage(this.#failure(id, request.kind, error, signal), []);
    } finally {
      this.#controllers.delete(id);
    }
  }

  #failure(id: number, kind: CallKind, error: unknown, signal: AbortSignal): FromWorker {
    const code = codeOf(error);
    if (code === 'cancelled' || (signal.aborted && error === signal.reason)) {
      return { type: 'cancelled', id };
    }
    // The engine gives a code to every failure it foresaw. Anything else, such as a trap, leaves it
    // broken, and a device that has failed cannot be opened again in the same instance.
    const message = messageOf(error);
    if (isErrorCode(code)) {
      return { type: 'failed', id, code, message, fatal: code === 'device' && kind !== 'load' };
    }
    return { type: 'failed', id, code: this.#host.blame, message, fatal: true };
  }
}

/** The buffers of an answer that may move to the page instead of being copied. */
function transferable(answer: CallAnswer): Transferable[] {
  if (typeof answer === 'string') return [];
  if (ArrayBuffer.isView(answer)) return [answer.buffer as ArrayBuffer];
  if ('file' in answer) return [answer.file.buffer as ArrayBuffer];
  if ('labels' in answer) return [answer.labels.buffer as ArrayBuffer];
  return 'mask' in answer ? [answer.mask.buffer as ArrayBuffer] : [];
}
