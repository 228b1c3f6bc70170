/**
 * The last picture with its words and corrections, kept on this device for a reload or the next visit. Where nothing can
 * be kept, as in some private windows, nothing is, and the page works on.
 */
import type { Corrections } from './corrections.js';

/** A picture that is or was kept. */
export interface KeptPicture {
  /** Tells it from every other one, those of other pages of this site included. */
  readonly id: string;
  readonly file: File;
  /** Whether it is one of the scenes that the page brings along. */
  readonly scene: boolean;
}

export interface KeptWords {
  readonly words: readonly string[];
  readonly wordsFromSample: boolean;
}

/** Of all that is kept of pictures, so that it is forgotten together. */
export const cacheName = 'wordmask-picture-1';
// Cache Storage wants addresses. Nothing is ever fetched from these.
const pictureUrl = 'https://wordmask.invalid/picture';
const wordsUrl = 'https://wordmask.invalid/words';
const correctionsUrl = 'https://wordmask.invalid/corrections';
const nameHeader = 'x-wordmask-name';
const sceneHeader = 'x-wordmask-scene';
/** Of both, since each is written by itself, and several pages may write: words are never those of another picture. */
const idHeader = 'x-wordmask-id';

/** An id for a picture that is about to be kept. */
export function newId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}

/** Keeps a picture with its words in the place of the one before. Resolves to whether it is kept. */
export async function keepPicture(picture: KeptPicture, words: KeptWords): Promise<boolean> {
  const { id, file, scene } = picture;
  try {
    const cache = await caches.open(cacheName);
    const headers = {
      'Content-Type': file.type,
      [nameHeader]: encodeURIComponent(file.name),
      [sceneHeader]: String(scene),
      [idHeader]: id,
    };
    await cache.put(pictureUrl, new Response(file, { headers }));
    await putWords(cache, id, words);
    return true;
  } catch {
    // No storage, or no room in it: then rather nothing than the picture before.
    await forgetPicture();
    return false;
  }
}

/**
 * Keeps the words of a picture that has been kept. Where another page has kept its own since, this one takes
 * its place, as the one that is worked on; where all was forgotten, it stays so.
 */
export async function keepWords(picture: KeptPicture, words: KeptWords): Promise<void> {
  try {
    const cache = await caches.open(cacheName);
    const kept = await cache.match(pictureUrl);
    if (!kept) return;
    if (kept.headers.get(idHeader) === picture.id) await putWords(cache, picture.id, words);
    else await keepPicture(picture, words);
  } catch {
    // As in `keepPicture`.
  }
}

/** Keeps the corrections of a picture, if it is the one that is kept. */
export async function keepCorrections(
  { id }: KeptPicture,
  corrections: Corrections | null,
): Promise<void> {
  try {
    // Opened, it would be there: where there was no room for the picture, nothing is to be left.
    if (!(await caches.has(cacheName))) return;
    const cache = await caches.open(cacheName);
    const kept = await cache.match(pictureUrl);
    if (kept?.headers.get(idHeader) !== id) return;
    if (corrections === null) {
      await cache.delete(correctionsUrl);
      return;
    }
    const body = (await packing()).packed(corrections);
    await cache.put(correctionsUrl, new Response(body, { headers: { [idHeader]: id } }));
  } catch {
    // No room: the picture and the words stay.
  }
}

/** Fetched with the first correction. */
const packing = () => import('./packed-corrections.js');

async function keptCorrections(cache: Cache, id: string): Promise<Corrections | null> {
  try {
    const kept = await cache.match(correctionsUrl);
    if (kept?.headers.get(idHeader) !== id) return null;
    return (await packing()).unpacked(new Uint8Array(await kept.arrayBuffer()));
  } catch {
    return null;
  }
}

/** A picture with what is kept of it. */
export interface Kept {
  readonly picture: KeptPicture;
  readonly words: KeptWords;
  readonly corrections: Corrections | null;
}

/** The picture that is kept; without words and corrections where those of another one are. */
export async function keptPicture(): Promise<Kept | null> {
  try {
    if (!(await caches.has(cacheName))) return null;
    const cache = await caches.open(cacheName);
    const [picture, words] = await Promise.all([cache.match(pictureUrl), cache.match(wordsUrl)]);
    if (!picture) return null;
    const { headers } = picture;
    const id = headers.get(idHeader) ?? '';
    const blob = await picture.blob();
    const name = decodeURIComponent(headers.get(nameHeader) ?? '');
    return {
      picture: {
        id,
        file: new File([blob], name, { type: blob.type }),
        scene: headers.get(sceneHeader) === 'true',
      },
      words:
        words?.headers.get(idHeader) === id
          ? await words.json()
          : { words: [], wordsFromSample: false },
      corrections: await keptCorrections(cache, id),
    };
  } catch {
    return null;
  }
}

async function putWords(cache: Cache, id: string, words: KeptWords): Promise<void> {
  await cache.put(wordsUrl, Response.json(words, { headers: { [idHeader]: id } }));
}

export async function forgetPicture(): Promise<void> {
  try {
    await caches.delete(cacheName);
  } catch {
    // Then there is nothing.
  }
}
