import type { BundleFile, BundleInfo } from './engine.js';
import { WordmaskError } from './errors.js';
import { bodyOf, release } from './release.js';
import { type BrowserStorage, openStorage, putEntry } from './storage.js';

/** A model in the browser's storage. */
export interface StoredModel extends BundleInfo {
  /** The SHA-256 of its manifest, in 64 hexadecimal digits. */
  readonly id: string;
  /** What its files take up. */
  readonly bytes: number;
  readonly imported: Date;
}

/** A model whose files are all kept. */
export interface MadeModel {
  manifest: string;
  info: BundleInfo;
  files: BundleFile[];
}

interface StoredRecord extends MadeModel {
  /** Milliseconds since 1970. */
  imported: number;
  /** What was asked for when it was fetched, so that the same is not fetched twice. */
  request?: string;
}

/** A record of an earlier version: the first calls the description `knows`, and some say less. */
type EarlierRecord = Omit<StoredRecord, 'info'> & {
  info: Omit<BundleInfo, 'description' | 'pictures' | 'vocabulary'> &
    Partial<BundleInfo> & { knows?: string };
};

const cacheName = 'wordmask-models-1';
const lockName = 'wordmask-models';
// Cache Storage wants addresses. Nothing is ever fetched from these.
const models = 'https://wordmask.invalid/models/';
const files = 'https://wordmask.invalid/files/';

/**
 * Models that were imported in this browser.
 *
 * Cache Storage rather than the file system that belongs to a site (OPFS): downloads are kept there
 * already, an entry is either whole or not there, and it is no slower. A file lies under the hash of
 * its content, a model under the hash of its manifest. The model's entry is written last, so that
 * half an import is never a model; what belongs to no model is swept away.
 */
export class ModelStore {
  readonly #storage: BrowserStorage;
  #opened: Promise<Cache> | undefined;

  constructor(storage: BrowserStorage) {
    this.#storage = storage;
  }

  /** Models whose files are all there, oldest first. None where nothing can be kept. */
  async list(): Promise<StoredModel[]> {
    if (!(await this.#readable())) return [];
    await this.sweep();
    const { whole } = await this.#inventory();
    const list = Array.from(whole, ([id, record]) => described(id, record));
    return list.sort((a, b) => a.imported.getTime() - b.imported.getTime());
  }

  /** Fails if nothing can be kept here, before any work is done. */
  async require(): Promise<void> {
    await this.#cache();
  }

  /** Runs while nothing is swept away. */
  async whileWriting<T>(write: () => Promise<T>): Promise<T> {
    const { locks } = this.#storage;
    return locks ? await locks.request(lockName, { mode: 'shared' }, write) : await write();
  }

  /** Keeps a file of a model that is being made, and takes its bytes. */
  async keep({ bytes, sha256 }: { bytes: Uint8Array<ArrayBuffer>; sha256: string }): Promise<void> {
    await this.#put(files + sha256, new Response(bodyOf(bytes)));
    release(bytes);
  }

  /**
   * Makes a model of files that have been kept. The same model twice is one.
   *
   * @param request By what `requested` finds it.
   */
  async add(made: MadeModel, request?: string): Promise<StoredModel> {
    const kept = await this.#addresses();
    const lost = made.files.find((file) => !kept.has(files + file.sha256));
    if (lost) {
      throw new WordmaskError('internal', `${lost.name} was not kept. Import the model again.`);
    }
    const manifest = new TextEncoder().encode(made.manifest);
    const id = hex(await crypto.subtle.digest('SHA-256', manifest));
    const before = await this.#record(id);
    const record: StoredRecord = {
      ...(before ?? { ...made, imported: Date.now() }),
      ...(request !== undefined && { request }),
    };
    await this.#put(models + id, new Response(JSON.stringify(record)));
    return described(id, record);
  }

  /** The model that was made for this request, if it is there. */
  async requested(request: string): Promise<StoredModel | undefined> {
    const { whole } = await this.#inventory();
    const found = Array.from(whole).find(([, record]) => record.request === request);
    return found && described(...found);
  }

  async manifest(id: string): Promise<string> {
    const record = (await this.#readable()) ? await this.#record(id) : undefined;
    if (!record) throw gone();
    return record.manifest;
  }

  async file({ sha256 }: BundleFile): Promise<Response> {
    const response = await (await this.#cache()).match(files + sha256);
    if (!response) throw gone();
    return response;
  }

  /** Drops a file that is damaged. Its model is not listed any more. */
  async drop({ sha256 }: BundleFile): Promise<void> {
    await (await this.#cache()).delete(files + sha256);
  }

  async delete(id: string): Promise<void> {
    if (!(await this.#readable())) return;
    await (await this.#cache()).delete(models + id);
    await this.sweep();
  }

  /** Removes what belongs to no model, unless something is being written just now. */
  async sweep(): Promise<void> {
    const { locks } = this.#storage;
    if (!locks) return this.#sweep();
    await locks.request(lockName, { ifAvailable: true }, async (lock) => {
      if (lock) await this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    const cache = await this.#cache();
    const { whole, kept } = await this.#inventory();
    const wanted = new Set<string>();
    for (const [id, record] of whole) {
      wanted.add(models + id);
      for (const file of record.files) wanted.add(files + file.sha256);
    }
    for (const address of kept) if (!wanted.has(address)) await cache.delete(address);
  }

  async #inventory(): Promise<{ whole: Map<string, StoredRecord>; kept: Set<string> }> {
    const kept = await this.#addresses();
    const whole = new Map<string, StoredRecord>();
    for (const address of kept) {
      if (!address.startsWith(models)) continue;
      const id = address.slice(models.length);
      const record = await this.#record(id);
      if (record?.files.every((file) => kept.has(files + file.sha256))) whole.set(id, record);
    }
    return { whole, kept };
  }

  async #addresses(): Promise<Set<string>> {
    const requests = await (await this.#cache()).keys();
    return new Set(requests.map(({ url }) => url));
  }

  async #record(id: string): Promise<StoredRecord | undefined> {
    const response = await (await this.#cache()).match(models + id);
    // Written whole and by this module alone, so it is what it was.
    return response && current((await response.json()) as StoredRecord | EarlierRecord);
  }

  async #readable(): Promise<boolean> {
    return this.#cache().then(
      () => true,
      () => false,
    );
  }

  #cache(): Promise<Cache> {
    this.#opened ??= openStorage(this.#storage, cacheName);
    return this.#opened;
  }

  async #put(address: string, body: Response): Promise<void> {
    await putEntry(this.#storage, await this.#cache(), address, body);
  }
}

/** The id of a model, given as such or with the model. */
export function modelId(model: unknown): string {
  const id = typeof model === 'object' && model !== null && 'id' in model ? model.id : model;
  if (typeof id !== 'string' || !/^[0-9a-f]{64}$/.test(id)) {
    throw new WordmaskError(
      'input',
      '"model" must be one that listModels or importModel has given, or its id.',
    );
  }
  return id;
}

function described(id: string, { info, files, imported }: StoredRecord): StoredModel {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { id, ...info, bytes, imported: new Date(imported) };
}

function current(record: EarlierRecord): StoredRecord {
  const { knows = '', ...info } = record.info;
  const unsaid = {
    description: knows,
    pictures: 'photographs' as const,
    vocabulary: [] as string[],
  };
  return { ...record, info: { ...unsaid, ...info } };
}

function hex(digest: ArrayBuffer): string {
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function gone(): WordmaskError {
  return new WordmaskError(
    'input',
    'The model is no longer in this browser’s storage. Import it again.',
  );
}
