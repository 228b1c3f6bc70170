import { type LoadOptions, type ProgressListener, Segmenter } from './index.js';

/** How an element's model is loaded. */
export type SharedLoadOptions = Omit<LoadOptions, 'signal' | 'onProgress'>;

/** A use of a segmenter that others may use as well. */
export interface Lease {
  readonly segmenter: Promise<Segmenter>;
  /** Ends this use. The last one closes the segmenter, or stops loading it. */
  release(): void;
}

interface Shared {
  segmenter: Promise<Segmenter>;
  listeners: Set<ProgressListener>;
  stop: AbortController;
}

const all = new Map<string, Shared>();

/**
 * The segmenter of this model, loaded once for all that use it in this way at a time.
 *
 * @param model An absolute address.
 */
export function lease(
  model: string,
  options: SharedLoadOptions,
  onProgress: ProgressListener,
): Lease {
  const key = keyOf(model, options);
  const shared = all.get(key) ?? load(key, model, options);
  // A listener of its own, so that one function may use a segmenter twice.
  const listener: ProgressListener = (progress) => onProgress(progress);
  shared.listeners.add(listener);
  return {
    segmenter: shared.segmenter,
    release() {
      if (!shared.listeners.delete(listener) || shared.listeners.size > 0) return;
      forget(key, shared);
      shared.stop.abort();
      shared.segmenter.then(
        (segmenter) => segmenter.close(),
        () => undefined,
      );
    },
  };
}

function load(key: string, model: string, options: SharedLoadOptions): Shared {
  const listeners = new Set<ProgressListener>();
  const stop = new AbortController();
  const segmenter = Segmenter.load(model, {
    ...options,
    signal: stop.signal,
    onProgress: (progress) => {
      for (const listener of listeners) listener(progress);
    },
  });
  const shared = { segmenter, listeners, stop };
  all.set(key, shared);
  // What has failed is tried anew by the next one who asks.
  segmenter.catch(() => forget(key, shared));
  return shared;
}

function forget(key: string, shared: Shared): void {
  if (all.get(key) === shared) all.delete(key);
}

/** Equal for what would load the same. */
export function keyOf(model: string, options: SharedLoadOptions): string {
  const { device, cache, workerUrl, engineUrl } = options;
  return JSON.stringify([model, device, cache, workerUrl, engineUrl]);
}
