import { bundlesCache } from './fetch.js';
import { ModelStore } from './models.js';
import { downloadsCache, keptBytes } from './pieces.js';
import { ownStorage } from './storage.js';

/** What this site keeps in the browser, in bytes. */
export interface StorageUse {
  /** Imported models. */
  models: number;
  /** Bundles that `Segmenter.load` has downloaded. */
  bundles: number;
  /** What unfinished imports have downloaded so far. */
  downloads: number;
}

/** What is kept in the browser: `deleteModel` frees the first part, `clearCache` the others. */
export async function storageUse(): Promise<StorageUse> {
  const storage = ownStorage();
  const models = await new ModelStore(storage).list();
  const open = (name: string) => storage.caches?.open(name).catch(() => undefined);
  const [bundles, downloads] = await Promise.all([open(bundlesCache), open(downloadsCache)]);
  return {
    models: models.reduce((sum, { bytes }) => sum + bytes, 0),
    bundles: bundles ? await bodyBytes(bundles) : 0,
    downloads: downloads ? await keptBytes(downloads) : 0,
  };
}

/**
 * Removes every downloaded bundle that has been kept for the next visit, and what unfinished imports
 * have downloaded. Imported models stay.
 */
export async function clearCache(): Promise<void> {
  const { caches } = ownStorage();
  await Promise.all([bundlesCache, downloadsCache].map((name) => caches?.delete(name)));
}

async function bodyBytes(cache: Cache): Promise<number> {
  let sum = 0;
  for (const { url } of await cache.keys()) {
    const response = await cache.match(url);
    sum += response ? (await response.blob()).size : 0;
  }
  return sum;
}
