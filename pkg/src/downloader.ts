import { sha256 } from '@noble/hashes/sha2.js';
import { WordmaskError } from './errors.js';
import { chunks, type Fetcher, intoOneBuffer, Refused, request, Unreachable } from './http.js';
import { attentively, patiently, type Waiting } from './patience.js';
import type { KeptPieces, PieceStore, Validator } from './pieces.js';

/** A file of a server. */
export interface RemoteFile {
  name: string;
  url: string;
  /** Where the server has promised it. */
  size?: number;
  /** Where it is known beforehand, in hexadecimal digits. */
  sha256?: string;
}

/** A file that has come whole, and lies on the disk. */
export interface FetchedFile {
  name: string;
  blob: Blob;
  sha256: string;
}

/** What a download needs around it. */
export interface DownloadMeans extends Waiting {
  net: Fetcher;
  store: PieceStore;
}

/** Hears how many bytes of a file are there, and how many there are in all, where that is known. */
export type OnBytes = (loaded: number, total: number | undefined) => void;

/** As much is lost with a closed page, and is in memory at a time. */
const pieceBytes = 4 << 20;

/** How often a file may turn out to be another one than before. */
const mostChanges = 3;

/**
 * Gets a file piece by piece, and goes on from what was kept of it. Whatever ends this early, what
 * has come stays for the next time, unless it is not what was promised.
 *
 * One request streams all that is missing; after a cut the rest is asked for by its range. So
 * servers without ranges work as well, if from the beginning.
 */
export async function fetchFile(
  file: RemoteFile,
  means: DownloadMeans,
  onBytes: OnBytes,
): Promise<FetchedFile> {
  // What is promised to be another file is another file.
  const identity = file.sha256 ?? String(file.size ?? '');
  const kept = await means.store.open(file.url, identity);
  return new Download(file, kept, means, onBytes).run();
}

class Download {
  readonly #file: RemoteFile;
  readonly #kept: KeptPieces;
  readonly #means: DownloadMeans;
  readonly #onBytes: OnBytes;
  #hash = sha256.create();
  /** What has come and is not kept yet. */
  readonly #piece = new Uint8Array(pieceBytes);
  #filled = 0;
  #changes = 0;

  constructor(file: RemoteFile, kept: KeptPieces, means: DownloadMeans, onBytes: OnBytes) {
    this.#file = file;
    this.#kept = kept;
    this.#means = means;
    this.#onBytes = onBytes;
  }

  async run(): Promise<FetchedFile> {
    const { name, sha256: promised } = this.#file;
    try {
      await this.#recall();
      let done = this.#complete;
      while (!done) {
        done = await patiently(
          this.#means,
          () => this.#attempt(),
          () => this.#position,
        );
      }
    } finally {
      await this.#keep();
    }
    const found = hex(this.#hash.digest());
    if (promised !== undefined && promised.toLowerCase() !== found) {
      throw await this.#dropped('did not come as it was promised: its SHA-256 is another one');
    }
    return { name, blob: await this.#kept.blob(), sha256: found };
  }

  /** How many bytes have come. */
  get #position(): number {
    return this.#kept.bytes + this.#filled;
  }

  get #size(): number | undefined {
    return this.#file.size ?? this.#kept.validator.size;
  }

  get #complete(): boolean {
    return this.#size !== undefined && this.#position >= this.#size;
  }

  /** Reads again what an earlier download has kept, for the hash. */
  async #recall(): Promise<void> {
    let read = 0;
    try {
      for await (const piece of this.#kept.pieces()) {
        this.#means.signal.throwIfAborted();
        const bytes = new Uint8Array(await piece.arrayBuffer());
        this.#hash.update(bytes);
        read += bytes.byteLength;
        this.#onBytes(read, this.#size);
      }
    } catch (error) {
      this.#means.signal.throwIfAborted();
      // The browser has lost a piece; anything else is no matter of pieces.
      if (!(error instanceof DOMException)) throw error;
    }
    if (read !== this.#kept.bytes) await this.#restart();
  }

  /** One request and what comes of it. Returns whether that was all. */
  async #attempt(): Promise<boolean> {
    // Ranges are of what is sent, and servers send text compressed.
    if (this.#position > 0 && isText(this.#file.name)) await this.#restart();
    const { url } = this.#file;
    return attentively(url, this.#means, async (signal, heard) => {
      const from = this.#position;
      const headers: HeadersInit = from > 0 ? { Range: `bytes=${from}-` } : {};
      const response = await request(this.#means.net, url, { signal, headers });
      const skip = await this.#accept(response, from);
      if (skip !== undefined) return this.#take(response, skip, signal, heard);
      await response.body?.cancel();
      return this.#complete;
    });
  }

  /**
   * Looks at the head of a response.
   *
   * @returns How many bytes of its body are there already; `undefined` if the body is of no use.
   */
  async #accept(response: Response, from: number): Promise<number | undefined> {
    const { status, headers } = response;
    if (![200, 206].includes(status) && !(status === 416 && from > 0)) {
      await response.body?.cancel();
      throw new Refused(this.#file.url, response);
    }
    const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers.get('Content-Range') ?? '');
    const validator = { ...sizeOf(response, range?.[2]), ...etagOf(headers) };
    if (status === 416) {
      // There is nothing beyond what is there: it is whole, or another file by now.
      if (validator.size !== from) return this.#change();
      if (this.#file.size !== undefined) throw await this.#dropped(`is shorter than promised`);
      await this.#kept.note(validator);
      return undefined;
    }
    const elsewhere = range?.[1] !== undefined && Number(range[1]) !== from;
    if (elsewhere || (from > 0 && differs(this.#kept.validator, validator))) return this.#change();
    if (from === 0) await this.#kept.note(validator);
    return status === 200 ? from : 0;
  }

  /** Takes a body, after the bytes that are there already. */
  async #take(
    response: Response,
    skip: number,
    signal: AbortSignal,
    heard: () => void,
  ): Promise<boolean> {
    let left = skip;
    for await (const chunk of chunks(response, this.#file.url, signal, intoOneBuffer)) {
      heard();
      const skipped = Math.min(left, chunk.byteLength);
      left -= skipped;
      await this.#append(chunk.subarray(skipped));
      const { size } = this.#file;
      if (size !== undefined && this.#position > size) {
        throw await this.#dropped(`is longer than the ${size} bytes that were promised`);
      }
      this.#onBytes(this.#position, this.#size);
    }
    if (this.#size === undefined || this.#complete) return true;
    const cut = `it ended after ${this.#position} of ${this.#size} bytes`;
    throw new Unreachable(this.#file.url, cut);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    for (let at = 0; at < bytes.byteLength; ) {
      const part = bytes.subarray(at, at + pieceBytes - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.byteLength;
      at += part.byteLength;
      if (this.#filled === pieceBytes) await this.#keep();
    }
  }

  async #keep(): Promise<void> {
    if (this.#filled === 0) return;
    const bytes = this.#piece.subarray(0, this.#filled);
    this.#filled = 0;
    await this.#kept.add(bytes);
  }

  /** Begins anew, since the server has another file now. */
  async #change(): Promise<undefined> {
    this.#changes++;
    await this.#restart();
    if (this.#changes <= mostChanges) return undefined;
    throw new WordmaskError(
      'network',
      `${this.#file.url} changes while it is downloaded. Try again later.`,
    );
  }

  async #restart(): Promise<void> {
    this.#filled = 0;
    this.#hash = sha256.create();
    await this.#kept.clear();
    this.#onBytes(0, this.#size);
  }

  /** What has come is of no use. */
  async #dropped(why: string): Promise<WordmaskError> {
    await this.#restart();
    return new WordmaskError(
      'integrity',
      `${this.#file.name} ${why}. It was dropped; try again. If that does not help, the server or something on the way to it is at fault.`,
    );
  }
}

/**
 * The size of the whole file. What is compressed on the way has another length, which tells nothing.
 */
function sizeOf({ status, headers }: Response, total: string | undefined): Validator {
  if (total !== undefined && total !== '*') return { size: Number(total) };
  const length = headers.get('Content-Length');
  if (status !== 200 || length === null || headers.get('Content-Encoding') !== null) return {};
  return { size: Number(length) };
}

function etagOf(headers: Headers): Validator {
  const etag = headers.get('ETag');
  return etag === null ? {} : { etag };
}

function differs(before: Validator, now: Validator): boolean {
  const known = (a: unknown, b: unknown) => a !== undefined && b !== undefined && a !== b;
  return known(before.size, now.size) || known(before.etag, now.etag);
}

function isText(name: string): boolean {
  return /\.(json|txt)$/.test(name);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
