import type { BundleFile } from './engine.js';
import { WordmaskError } from './errors.js';
import { type BundleStore, readExactly } from './fetch.js';
import type { ModelStore } from './models.js';
import type { Progress } from './options.js';

/** Where the manifest and the files of one bundle come from. */
export interface BundleSource {
  /** Whether all that has come so far is there for the next visit. */
  readonly kept: boolean;
  manifest(signal: AbortSignal): Promise<string>;
  /** The bytes of a file, their number checked; `onBytes` hears how many have come so far. */
  file(
    file: BundleFile,
    onBytes: (loaded: number) => void,
    signal: AbortSignal,
  ): Promise<Uint8Array>;
  /** Keeps bytes that have passed all checks. */
  keep(file: BundleFile, bytes: Uint8Array): Promise<void>;
  /** Drops bytes that have not. */
  forget(file: BundleFile): Promise<void>;
}

/** A bundle that is served: its files lie beside the manifest. */
export function served(store: BundleStore, manifestUrl: string): BundleSource {
  const url = ({ name }: BundleFile) => besides(manifestUrl, name);
  return {
    get kept() {
      return store.keptAll;
    },
    manifest: (signal) => store.manifest(manifestUrl, signal),
    file: async (file, onBytes, signal) => store.file(url(file), file, onBytes, signal),
    keep: async (file, bytes) => store.keep(url(file), file.sha256, bytes),
    forget: async (file) => store.forget(url(file)),
  };
}

/** A bundle in the browser's storage. */
export function stored(models: ModelStore, id: string): BundleSource {
  return {
    kept: true,
    manifest: () => models.manifest(id),
    file: async (file, onBytes, signal) =>
      readExactly(await models.file(file), file.bytes, file.name, onBytes, signal),
    keep: async () => undefined,
    forget: (file) => models.drop(file),
  };
}

/** The address of a file beside the manifest. A name never leads elsewhere. */
function besides(manifestUrl: string, name: string): string {
  if (!/^[\w-][\w.-]*$/.test(name)) {
    throw new WordmaskError('model', `The manifest lists a file with the unusable name "${name}".`);
  }
  return new URL(name, manifestUrl).href;
}

/** Checks a file and takes what it needs of it. What it refuses is not kept. */
export type Take = (name: string, bytes: Uint8Array, sha256?: string) => void;

/** How many files are on their way at once, and so the most that are in memory. */
const inFlight = 3;

/**
 * Gets files, a few at a time, and hands each to the engine as soon as it is whole. A file is kept
 * and let go of before the next one is asked for in its place.
 */
export async function takeFiles(
  files: readonly BundleFile[],
  source: BundleSource,
  take: Take,
  running: { signal: AbortSignal; report(progress: Progress): void },
): Promise<void> {
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  let loaded = 0;
  const stop = new AbortController();
  const { signal } = stop;
  const abort = () => stop.abort(running.signal.reason);
  running.signal.addEventListener('abort', abort, { once: true });
  if (running.signal.aborted) abort();

  const queue = files.values();
  const lane = async () => {
    for (const file of queue) {
      signal.throwIfAborted();
      let before = 0;
      const onBytes = (bytes: number) => {
        loaded += bytes - before;
        before = bytes;
        running.report({ phase: 'download', file: file.name, loaded, total });
      };
      const bytes = await source.file(file, onBytes, signal);
      signal.throwIfAborted();
      // What has come whole is taken, whatever happens meanwhile.
      const sha256 = await hash(bytes);
      await accept(file, () => take(file.name, bytes, sha256), source);
      await source.keep(file, bytes);
    }
  };
  const lanes = Array.from({ length: Math.min(inFlight, files.length) }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    // One that fails stops the others; only then may the caller let go of what they write to.
    stop.abort(error);
    await Promise.allSettled(lanes);
    throw error;
  } finally {
    running.signal.removeEventListener('abort', abort);
  }
}

/** Bytes that the engine refuses must not stay where they are found again. */
async function accept(file: BundleFile, take: () => void, source: BundleSource): Promise<void> {
  try {
    take();
  } catch (error) {
    await source.forget(file);
    throw error;
  }
}

/** The SHA-256 in hexadecimal digits. Pages without a secure context have no way to compute it. */
async function hash(bytes: Uint8Array): Promise<string | undefined> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (!subtle) return undefined;
  const digest = await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
