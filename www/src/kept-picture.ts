/**
 * The last picture with its words, kept on this device for a reload or the next visit. Where nothing can
 * be kept, as in some private windows, nothing is, and the page works on.
 */

export interface Kept {
  readonly file: File;
  readonly about: About;
}

/** What goes with a picture. */
export interface About {
  /** Whether it is one of the scenes that the page brings along. */
  readonly scene: boolean;
  readonly words: readonly string[];
  readonly wordsFromSample: boolean;
}

const cacheName = 'wordmask-picture-1';
// Cache Storage wants addresses. Nothing is ever fetched from these.
const pictureUrl = 'https://wordmask.invalid/picture';
const aboutUrl = 'https://wordmask.invalid/about-picture';
const nameHeader = 'x-wordmask-name';

/** Keeps a picture in the place of the one before. Resolves to whether it is kept. */
export async function keepPicture(file: File, about: About): Promise<boolean> {
  try {
    const cache = await caches.open(cacheName);
    const headers = { 'Content-Type': file.type, [nameHeader]: encodeURIComponent(file.name) };
    await cache.put(pictureUrl, new Response(file, { headers }));
    await cache.put(aboutUrl, Response.json(about));
    return true;
  } catch {
    // No storage, or no room in it: then rather nothing than the picture before.
    await forgetPicture();
    return false;
  }
}

/** Keeps what goes with the picture that is kept, if one is. */
export async function keepAbout(about: About): Promise<void> {
  try {
    const cache = await caches.open(cacheName);
    if (await cache.match(pictureUrl)) await cache.put(aboutUrl, Response.json(about));
  } catch {
    // As in `keepPicture`.
  }
}

export async function keptPicture(): Promise<Kept | null> {
  try {
    if (!(await caches.has(cacheName))) return null;
    const cache = await caches.open(cacheName);
    const [picture, about] = await Promise.all([cache.match(pictureUrl), cache.match(aboutUrl)]);
    if (!picture || !about) return null;
    const blob = await picture.blob();
    const name = decodeURIComponent(picture.headers.get(nameHeader) ?? '');
    return { file: new File([blob], name, { type: blob.type }), about: await about.json() };
  } catch {
    return null;
  }
}

export async function forgetPicture(): Promise<void> {
  try {
    await caches.delete(cacheName);
  } catch {
    // Then there is nothing.
  }
}
