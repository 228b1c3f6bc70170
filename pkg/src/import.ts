import { Connection } from './bridge.js';
import { type FetchedFile, fetchFile, type RemoteFile } from './downloader.js';
import { WordmaskError } from './errors.js';
import { hubModel } from './hub.js';
import { type CheckedSource, checkSource, type ImportSource } from './import-source.js';
import { ModelStore, modelId, type StoredModel } from './models.js';
import { type CheckedImport, checkImport, type ImportOptions } from './options.js';
import { patience } from './patience.js';
import { PieceStore } from './pieces.js';
import { enginePlaces } from './places.js';
import type { PublishedFile } from './protocol.js';
import { startWorker } from './start.js';
import { type BrowserStorage, ownStorage, requireRoom } from './storage.js';

/** What a bundle takes of the weights in f32 that it is made of; a little more than it is. */
const shares = { f32: 1.02, f16: 0.52, q8: 0.27, q4: 0.16 } as const;

/**
 * Turns a published model into a bundle in the browser's storage. It works on slices of the files,
 * in a worker of its own: the page and loaded segmenters stay of use, and no file is ever in memory
 * as a whole.
 *
 * Files of a server are downloaded first, onto the disk. What has come stays when that is stopped or
 * cut off, and the same call goes on from there, after the page was closed, too. A model that was
 * fetched before is given at once. Two pages that ask for the same wait for each other.
 *
 * @param source The weights (`model.safetensors`, or its parts and their index), the configuration
 * and the tokenizer, as they were published by Hugging Face or OpenCLIP: files, addresses or the name
 * of a repository.
 * @returns The model. `Segmenter.load` takes it. The same model twice is one.
 */
export async function importModel(
  source: ImportSource,
  options?: ImportOptions,
): Promise<StoredModel> {
  const checked = checkImport(options);
  const given = checkSource(source, checked);
  checked.signal?.throwIfAborted();
  const storage = ownStorage();
  const models = new ModelStore(storage);
  await models.require();
  // What an import has left that was cut off by the end of its page would only take up room.
  await models.sweep();
  return given.kind === 'files'
    ? makeModel(given.files, checked, models)
    : fetchModel(given, checked, storage, models);
}

/** The models that were imported in this browser for this site, oldest first. */
export async function listModels(): Promise<StoredModel[]> {
  return new ModelStore(ownStorage()).list();
}

/** Deletes an imported model. A segmenter that has loaded it goes on with what it has got. */
export async function deleteModel(model: string | Pick<StoredModel, 'id'>): Promise<void> {
  await new ModelStore(ownStorage()).delete(modelId(model));
}

type RemoteSource = Exclude<CheckedSource, { kind: 'files' }>;

/** Fetches the files of a model and makes it, unless it is there. */
async function fetchModel(
  source: RemoteSource,
  options: CheckedImport,
  storage: BrowserStorage,
  models: ModelStore,
): Promise<StoredModel> {
  const scope = JSON.stringify(source);
  const request = JSON.stringify([source, options.scheme, options.about]);
  return alone(`wordmask-import ${scope}`, storage, options, async () => {
    const before = await models.requested(request);
    if (before) return before;
    const store = new PieceStore(storage, scope);
    const { files, ...origin } = await fetchFiles(source, options, storage, store);
    const about = {
      ...options.about,
      source: { ...origin, files: files.map(({ name, sha256 }) => ({ file: name, sha256 })) },
    };
    const model = await makeModel(files, { ...options, about }, models, request);
    await store.clear();
    return model;
  });
}

async function fetchFiles(
  source: RemoteSource,
  { signal = new AbortController().signal, onProgress, scheme }: CheckedImport,
  storage: BrowserStorage,
  store: PieceStore,
): Promise<{ origin: string; revision?: string; files: FetchedFile[] }> {
  const means = {
    net: { fetch: (url: string, init: RequestInit) => fetch(url, init) },
    store,
    patience,
    signal,
    onWait: () => onProgress?.({ phase: 'wait', reason: 'connection' }),
  };
  const { files, ...origin } = await located(source, means);
  const promised = files.reduce((sum, { size = 0 }) => sum + size, 0);
  await requireRoom(storage, promised * (1 + shares[scheme]) - (await store.bytes()));
  const sizes = new Map(files.map(({ name, size = 0 }) => [name, size]));
  const fetched: FetchedFile[] = [];
  let before = 0;
  for (const file of files) {
    const one = await fetchFile(file, means, (loaded, size) => {
      sizes.set(file.name, Math.max(size ?? 0, loaded));
      const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
      onProgress?.({ phase: 'download', file: file.name, loaded: before + loaded, total });
    });
    fetched.push(one);
    before += one.blob.size;
  }
  return { ...origin, files: fetched };
}

async function located(
  source: RemoteSource,
  means: Parameters<typeof hubModel>[1],
): Promise<{ origin: string; revision?: string; files: RemoteFile[] }> {
  if (source.kind === 'hub') {
    return { origin: source.place.id, ...(await hubModel(source.place, means)) };
  }
  const weights = source.files.at(-1)?.url ?? '';
  return { origin: new URL('.', weights).href, files: source.files };
}

/** Makes a bundle of files that are here. */
async function makeModel(
  files: readonly PublishedFile[],
  { scheme, about, workerUrl, engineUrl, signal, onProgress }: CheckedImport,
  models: ModelStore,
  request?: string,
): Promise<StoredModel> {
  try {
    return await models.whileWriting(async () => {
      signal?.throwIfAborted();
      const connection = new Connection(startWorker({ workerUrl }), () => undefined);
      try {
        const made = await connection.call<'import'>(
          {
            kind: 'import',
            files: files.map(({ name, blob }) => ({ name, blob })),
            scheme,
            about,
            engineUrl: enginePlaces({ engineUrl, workerUrl }).cpu,
          },
          { signal, onProgress },
        );
        return await models.add(made, request);
      } finally {
        connection.close(new WordmaskError('internal', 'The import is over.'));
      }
    });
  } catch (error) {
    await models.sweep();
    throw error;
  }
}

/** Runs while no other page of this site does the same, and says so while it waits for one. */
async function alone<T>(
  name: string,
  { locks }: BrowserStorage,
  { signal, onProgress }: Pick<CheckedImport, 'signal' | 'onProgress'>,
  run: () => Promise<T>,
): Promise<T> {
  if (!locks) return run();
  const free = await locks.request(name, { ifAvailable: true }, async (lock) =>
    lock ? { answer: await run() } : undefined,
  );
  if (free) return free.answer;
  onProgress?.({ phase: 'wait', reason: 'other-page' });
  return locks.request(name, signal ? { signal } : {}, run);
}
