import { messageOf, WordmaskError } from './errors.js';

/** Starts `worker.js`, which lies beside this module unless it is said where. */
export function startWorker(workerUrl: string | URL | undefined): Worker {
  try {
    // Bundlers find the worker by exactly this expression.
    return workerUrl === undefined
      ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
      : new Worker(absolute(workerUrl, 'workerUrl'), { type: 'module' });
  } catch (cause) {
    throw new WordmaskError(
      'unsupported',
      `The worker cannot be started (${messageOf(cause)}). It needs a browser with module workers, and worker.js on the page's own origin; say with workerUrl where it lies.`,
      { cause },
    );
  }
}

/** An address as the page means it. */
export function absolute(url: string | URL, name: string): string {
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  } catch (cause) {
    throw new WordmaskError('input', `"${name}" is not a URL: ${String(url)}.`, { cause });
  }
}
