import { bodyOf } from './release.js';
import { type BrowserStorage, openStorage, putEntry } from './storage.js';

/** By what a server's file is known to be the same one as before. */
export interface Validator {
  size?: number;
  etag?: string;
}

/** What is kept of a file that is being downloaded. */
interface Note extends Validator {
  url: string;
}

export const downloadsCache = 'wordmask-downloads-1';
// Cache Storage wants addresses. Nothing is ever fetched from these.
const root = 'https://wordmask.invalid/downloads/';
const sizeHeader = 'x-wordmask-bytes';

/**
 * Files on their way, in pieces, so that a download goes on where it was after its page was closed.
 *
 * Cache Storage, as for models: each piece is an entry that lies on the disk, is whole or not there,
 * and is called after the place where it begins.
 */
export class PieceStore {
  readonly #storage: BrowserStorage;
  readonly #scope: string;
  #opened: Promise<Cache> | undefined;

  /** @param scope What the files belong to: others of the same address are apart from them. */
  constructor(storage: BrowserStorage, scope: string) {
    this.#storage = storage;
    this.#scope = scope;
  }

  /** What is kept of a file. `identity` tells one version of it from another. */
  async open(url: string, identity: string): Promise<KeptPieces> {
    const base = `${await this.#base()}${await hash(`${url}\n${identity}`)}/`;
    return KeptPieces.open(this.#storage, await this.#cache(), url, base);
  }

  /** How many bytes are kept. */
  async bytes(): Promise<number> {
    return keptBytes(await this.#cache(), await this.#base());
  }

  /** Lets go of everything, versions of which nobody asks any more with it. */
  async clear(): Promise<void> {
    const base = await this.#base();
    const cache = await this.#cache();
    for (const { url } of await cache.keys()) if (url.startsWith(base)) await cache.delete(url);
  }

  async #base(): Promise<string> {
    return `${root}${await hash(this.#scope)}/`;
  }

  #cache(): Promise<Cache> {
    this.#opened ??= openStorage(this.#storage, downloadsCache);
    return this.#opened;
  }
}

/** How many bytes lie in pieces: all of them, or those whose address begins like this. */
export async function keptBytes(cache: Cache, base = root): Promise<number> {
  let sum = 0;
  for (const { url } of await cache.keys()) {
    if (url.startsWith(base)) sum += sizeOf(await cache.match(url));
  }
  return sum;
}

function sizeOf(piece: Response | undefined): number {
  return Number(piece?.headers.get(sizeHeader) ?? 0);
}

async function hash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The pieces of one file: without gaps, from its start on. */
export class KeptPieces {
  readonly #storage: BrowserStorage;
  readonly #cache: Cache;
  readonly #url: string;
  readonly #base: string;
  #note: Note;
  /** Where each piece begins. */
  #places: number[] = [];
  #bytes = 0;

  private constructor(storage: BrowserStorage, cache: Cache, url: string, base: string) {
    this.#storage = storage;
    this.#cache = cache;
    this.#url = url;
    this.#base = base;
    this.#note = { url };
  }

  static async open(
    storage: BrowserStorage,
    cache: Cache,
    url: string,
    base: string,
  ): Promise<KeptPieces> {
    const kept = new KeptPieces(storage, cache, url, base);
    const note = await cache.match(`${base}note`);
    if (note) await kept.#find((await note.json()) as Note);
    return kept;
  }

  /** How many bytes are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What the server has said of the file. */
  get validator(): Validator {
    return this.#note;
  }

  /** Keeps what the server says of the file. Goes before the first piece. */
  async note(validator: Validator): Promise<void> {
    this.#note = { ...validator, url: this.#url };
    await this.#put('note', new Response(JSON.stringify(this.#note)));
  }

  /** Keeps the next piece. */
  async add(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const headers = { [sizeHeader]: String(bytes.byteLength) };
    await this.#put(String(this.#bytes), new Response(bodyOf(bytes), { headers }));
    this.#places.push(this.#bytes);
    this.#bytes += bytes.byteLength;
  }

  /** The pieces, in their order. Each is read from the disk when it is looked into. */
  async *pieces(): AsyncGenerator<Blob> {
    for (const place of this.#places) {
      const response = await this.#cache.match(this.#base + place);
      if (!response) throw new DOMException('A piece is gone.', 'NotFoundError');
      yield await response.blob();
    }
  }

  /** The whole file, on the disk. */
  async blob(): Promise<Blob> {
    const pieces: Blob[] = [];
    for await (const piece of this.pieces()) pieces.push(piece);
    return new Blob(pieces);
  }

  /** Lets go of all of it. */
  async clear(): Promise<void> {
    this.#note = { url: this.#url };
    this.#places = [];
    this.#bytes = 0;
    for (const { url } of await this.#cache.keys()) {
      if (url.startsWith(this.#base)) await this.#cache.delete(url);
    }
  }

  async #find(note: Note): Promise<void> {
    this.#note = note;
    for (;;) {
      const size = sizeOf(await this.#cache.match(this.#base + this.#bytes));
      if (!(size > 0)) return;
      this.#places.push(this.#bytes);
      this.#bytes += size;
    }
  }

  #put(name: string, response: Response): Promise<void> {
    return putEntry(this.#storage, this.#cache, this.#base + name, response);
  }
}
