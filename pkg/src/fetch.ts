import { WordmaskError } from './errors.js';
import { chunks, download, type Fetcher, Unreachable } from './http.js';

/** The part of the browser that downloads and keeps files. `caches` is missing outside secure contexts. */
export interface Net extends Fetcher {
  caches: CacheStorage | undefined;
}

/** What the manifest promises of a file. */
export interface Promised {
  bytes: number;
  sha256: string;
}

export const bundlesCache = 'wordmask-bundles-1';
const hashHeader = 'x-wordmask-sha256';
const manifestLimit = 4 * 1024 * 1024;

/**
 * Downloads the files of bundles and keeps them in Cache Storage.
 *
 * There is one entry for each address, with the hash of its content in a header: Cache Storage
 * ignores the fragment of an address, so that `url#sha256` would not tell two versions apart, and
 * this way a new version takes the place of the old one.
 */
export class BundleStore {
  readonly #net: Net;
  readonly #cache: Promise<Cache | undefined>;
  #keptAll = true;

  constructor(net: Net, mode: 'default' | 'none') {
    this.#net = net;
    this.#cache = mode === 'none' ? Promise.resolve(undefined) : openCache(net.caches);
  }

  /** Whether everything handed to `keep` so far has been kept. */
  get keptAll(): boolean {
    return this.#keptAll;
  }

  /**
   * The text of a manifest: from the network, so that a new version is seen, and the kept copy
   * where the network cannot be reached.
   */
  async manifest(url: string, signal: AbortSignal): Promise<string> {
    const cache = await this.#cache;
    let response: Response;
    try {
      response = await this.#request(url, signal);
    } catch (error) {
      const kept = error instanceof Unreachable ? await cache?.match(url) : undefined;
      if (!kept) throw error;
      return kept.text();
    }
    const bytes = await readAtMost(response, manifestLimit, url, signal);
    const text = new TextDecoder().decode(bytes);
    await this.#put(url, new Response(text));
    return text;
  }

  /**
   * The bytes of a file, from the cache or the network; `onBytes` hears how many have come so far.
   * The length is checked here, the hash by the engine.
   */
  async file(
    url: string,
    promised: Promised,
    onBytes: (loaded: number) => void,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const kept = await this.#kept(url, promised.sha256);
    if (!kept) {
      const response = await this.#request(url, signal);
      return readExactly(response, promised.bytes, url, onBytes, signal);
    }
    try {
      return await readExactly(kept, promised.bytes, url, onBytes, signal);
    } catch (error) {
      if (!signal.aborted) await this.forget(url);
      throw error;
    }
  }

  /** Keeps bytes that have passed all checks. A full or forbidden store is no failure. */
  async keep(url: string, sha256: string, bytes: Uint8Array): Promise<void> {
    if (await this.#kept(url, sha256)) return;
    const body = new Blob([bytes as Uint8Array<ArrayBuffer>]);
    await this.#put(url, new Response(body, { headers: { [hashHeader]: sha256 } }));
  }

  /** Drops what is kept for this address. */
  async forget(url: string): Promise<void> {
    await (await this.#cache)?.delete(url);
  }

  async #kept(url: string, sha256: string): Promise<Response | undefined> {
    const response = await (await this.#cache)?.match(url);
    return response?.headers.get(hashHeader) === sha256 ? response : undefined;
  }

  async #put(url: string, response: Response): Promise<void> {
    const cache = await this.#cache;
    try {
      if (cache) await cache.put(url, response);
      else this.#keptAll = false;
    } catch {
      // The quota is exceeded or storage is forbidden: the bundle works, and `keptAll` says so.
      this.#keptAll = false;
    }
  }

  #request(url: string, signal: AbortSignal): Promise<Response> {
    return download(this.#net, url, signal);
  }
}

async function openCache(caches: CacheStorage | undefined): Promise<Cache | undefined> {
  try {
    return await caches?.open(bundlesCache);
  } catch {
    // Private windows and blocked cookies forbid storage; the bundle then lasts as long as the page.
    return undefined;
  }
}

/** The bytes of a body, which must be as many as were promised. */
export async function readExactly(
  response: Response,
  bytes: number,
  url: string,
  onBytes: (loaded: number) => void,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const target = allocate(bytes, url);
  let loaded = 0;
  for await (const chunk of chunks(response, url, signal)) {
    if (chunk.byteLength > bytes - loaded) {
      throw new WordmaskError(
        'integrity',
        `${url} is longer than the ${bytes} bytes that the manifest promises. Check that all files of the bundle are of the same version.`,
      );
    }
    target.set(chunk, loaded);
    loaded += chunk.byteLength;
    onBytes(loaded);
  }
  if (loaded < bytes) {
    throw new WordmaskError(
      'network',
      `${url} ended after ${loaded} of ${bytes} bytes. The download was cut off or the address holds another file; try again.`,
    );
  }
  return target;
}

function allocate(bytes: number, url: string): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new WordmaskError(
      'out-of-memory',
      `There is no room for the ${bytes} bytes of ${url}. Close other tabs or take a smaller model.`,
      { cause },
    );
  }
}

async function readAtMost(
  response: Response,
  limit: number,
  url: string,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Blob[] = [];
  let length = 0;
  for await (const chunk of chunks(response, url, signal)) {
    length += chunk.byteLength;
    if (length > limit) {
      throw new WordmaskError('model', `${url} is too long for a manifest. Check the address.`);
    }
    parts.push(new Blob([chunk]));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
