import { Connection } from './bridge.js';
import { WordmaskError } from './errors.js';
import { ModelStore, modelId, ownStorage, type StoredModel } from './models.js';
import { checkImport, type ImportOptions } from './options.js';
import { enginePlace } from './places.js';
import type { PublishedFile } from './protocol.js';
import { startWorker } from './start.js';

/**
 * Turns a published model into a bundle in the browser's storage. It works on slices of the files,
 * in a worker of its own: the page and loaded segmenters stay of use, and no file is ever in memory
 * as a whole.
 *
 * @param files The weights (`model.safetensors`, or its parts and their index), the configuration
 * and the tokenizer, as they were published by Hugging Face or OpenCLIP.
 * @returns The model. `Segmenter.load` takes it. The same model twice is one.
 */
export async function importModel(
  files: Iterable<File>,
  options?: ImportOptions,
): Promise<StoredModel> {
  const { scheme, name, workerUrl, engineUrl, signal, onProgress } = checkImport(options);
  const published = checkFiles(files);
  signal?.throwIfAborted();
  const models = new ModelStore(ownStorage());
  await models.require();
  // What an import has left that was cut off by the end of its page would only take up room.
  await models.sweep();
  try {
    return await models.whileWriting(async () => {
      signal?.throwIfAborted();
      const connection = new Connection(startWorker({ workerUrl }), () => undefined);
      try {
        const made = await connection.call<'import'>(
          {
            kind: 'import',
            files: published,
            scheme,
            ...(name !== undefined && { name }),
            engineUrl: enginePlace({ engineUrl, workerUrl }),
          },
          { signal, onProgress },
        );
        return await models.add(made);
      } finally {
        connection.close(new WordmaskError('internal', 'The import is over.'));
      }
    });
  } catch (error) {
    await models.sweep();
    throw error;
  }
}

/** The models that were imported in this browser for this site, oldest first. */
export async function listModels(): Promise<StoredModel[]> {
  return new ModelStore(ownStorage()).list();
}

/** Deletes an imported model. A segmenter that has loaded it goes on with what it has got. */
export async function deleteModel(model: string | Pick<StoredModel, 'id'>): Promise<void> {
  await new ModelStore(ownStorage()).delete(modelId(model));
}

function checkFiles(files: unknown): PublishedFile[] {
  if (typeof files !== 'object' || files === null || !(Symbol.iterator in files)) {
    throw new WordmaskError('input', '"files" must be a list of File objects.');
  }
  const published = new Map<string, Blob>();
  for (const file of files as Iterable<unknown>) {
    if (!(file instanceof Blob) || !('name' in file) || typeof file.name !== 'string') {
      throw new WordmaskError('input', '"files" must be a list of File objects.');
    }
    if (published.has(file.name)) {
      throw new WordmaskError(
        'input',
        `There are two files with the name ${file.name}. Give the files of one model.`,
      );
    }
    published.set(file.name, file);
  }
  if (published.size === 0) {
    throw new WordmaskError('input', 'There are no files. Give those of a published model.');
  }
  return Array.from(published, ([name, blob]) => ({ name, blob }));
}
