import { messageOf, WordmaskError } from './errors.js';

/** What a browser gives to keep things in. All of it is missing outside secure contexts. */
export interface BrowserStorage {
  caches: CacheStorage | undefined;
  locks: Pick<LockManager, 'request'> | undefined;
  storage: Pick<StorageManager, 'estimate'> | undefined;
}

/** The storage of a page. */
export function ownStorage(): BrowserStorage {
  // Old browsers and other runtimes lack some of it, whatever the types say.
  const { caches, navigator } = globalThis as Partial<typeof globalThis>;
  return { caches, locks: navigator?.locks, storage: navigator?.storage };
}

/**
 * Opens a cache for what must be kept.
 *
 * @throws WordmaskError with the code `unsupported` where nothing can be kept.
 */
export async function openStorage({ caches }: BrowserStorage, name: string): Promise<Cache> {
  try {
    if (caches) return await caches.open(name);
  } catch (cause) {
    throw unkept(messageOf(cause), cause);
  }
  // Runtimes that are no browsers do not say whether they are a secure context.
  if (globalThis.isSecureContext === undefined) {
    throw new WordmaskError(
      'unsupported',
      'Only browsers keep models. Elsewhere the command "wordmask import" makes a directory of a published model, which Segmenter.load takes.',
    );
  }
  throw unkept('the page is not on https or localhost');
}

/** Puts an entry into a cache, and says what is full if it finds no room. */
export async function putEntry(
  storage: BrowserStorage,
  cache: Cache,
  address: string,
  response: Response,
): Promise<void> {
  try {
    await cache.put(address, response);
  } catch (cause) {
    throw await full(storage, cause);
  }
}

/**
 * Fails if the browser says that so many bytes more find no room, before they are fetched. What it
 * says is rough: it may prove too small all the same.
 */
export async function requireRoom(storage: BrowserStorage, bytes: number): Promise<void> {
  const { quota, usage } = await estimate(storage);
  if (quota === undefined || usage === undefined || bytes <= quota - usage) return;
  throw await full(storage, `it takes about ${megabytes(bytes)} MB more`);
}

async function estimate({ storage }: BrowserStorage): Promise<StorageEstimate> {
  const nothing: StorageEstimate = {};
  return (await storage?.estimate().catch(() => nothing)) ?? nothing;
}

async function full(storage: BrowserStorage, why: unknown): Promise<WordmaskError> {
  const { quota, usage } = await estimate(storage);
  const figures =
    quota === undefined || usage === undefined
      ? ''
      : `: ${megabytes(usage)} of the ${megabytes(quota)} MB that this site may fill are taken`;
  return new WordmaskError(
    'out-of-memory',
    `The browser has no room for the model${figures} (${messageOf(why)}). Delete models that are not needed or free space on the disk, then import it again.`,
    { cause: why },
  );
}

function megabytes(bytes: number): string {
  return Math.round(bytes / 1e6).toLocaleString('en');
}

function unkept(why: string, cause?: unknown): WordmaskError {
  return new WordmaskError(
    'unsupported',
    `This browser keeps no models here (${why}). Open the page over https in a window that is not private, then import the model.`,
    cause === undefined ? undefined : { cause },
  );
}
