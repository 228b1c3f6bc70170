/** The pictures of the strip for the next visit, as far as there is room. They are forgotten with the one on the stage. */
import type { Corrections } from './corrections.js';
import { cacheName, newId } from './kept-picture.js';
import { packed, unpacked } from './packed-corrections.js';
import type { Arrived } from './strip.js';

/** All pictures together, in bytes; those behind are left out. */
const ROOM = 256 << 20;

const listUrl = 'https://wordmask.invalid/strip';
const urlOf = (name: string, part = ''): string => `${listUrl}/${encodeURIComponent(name)}${part}`;
const CORRECTIONS = '/corrections';
const sceneHeader = 'x-wordmask-scene';
/** Of the page that wrote it: pictures of two pages never mix. */
const idHeader = 'x-wordmask-id';

export interface KeptMember extends Arrived {
  readonly corrections: Corrections | null;
}

const id = newId();
let written = new WeakSet<File>();
/** One thing after the other, so that what is newest stays. */
let queue: Promise<unknown> = Promise.resolve();

function next(step: (cache: Cache) => Promise<void>): void {
  const run = async (): Promise<void> => step(await caches.open(cacheName));
  // No storage, or no room in it: the page works on.
  queue = queue.then(run).catch(() => {});
}

/** Keeps these pictures in this order, in the place of those before. */
export function keepStrip(pictures: readonly Arrived[]): void {
  next(async (cache) => {
    if ((await listOf(cache)).id !== id) written = new WeakSet();
    let bytes = 0;
    const kept = pictures.filter(({ file }) => {
      bytes += file.size;
      return bytes <= ROOM;
    });
    const names = kept.map(({ file }) => file.name);
    const urls = new Set(names.flatMap((name) => [urlOf(name), urlOf(name, CORRECTIONS)]));
    for (const { url } of await cache.keys()) {
      if (url.startsWith(`${listUrl}/`) && !urls.has(url)) await cache.delete(url);
    }
    await cache.put(listUrl, Response.json(names, { headers: { [idHeader]: id } }));
    for (const { file, scene } of kept) {
      if (written.has(file)) continue;
      const headers = { 'Content-Type': file.type, [sceneHeader]: String(scene), [idHeader]: id };
      await cache.put(urlOf(file.name), new Response(file, { headers }));
      written.add(file);
    }
  });
}

/** Keeps the corrections of a picture that is left. */
export function keepOfStrip({ name }: File, corrections: Corrections | null): void {
  next(async (cache) => {
    const url = urlOf(name, CORRECTIONS);
    if (corrections === null) await cache.delete(url);
    else await cache.put(url, new Response(packed(corrections), { headers: { [idHeader]: id } }));
  });
}

/** The pictures that are kept, in their order. */
export async function keptStrip(): Promise<KeptMember[]> {
  try {
    if (!(await caches.has(cacheName))) return [];
    const cache = await caches.open(cacheName);
    const list = await listOf(cache);
    const members = await Promise.all(list.names.map((name) => memberOf(cache, name, list.id)));
    return members.filter((member) => member !== null);
  } catch {
    return [];
  }
}

async function listOf(cache: Cache): Promise<{ id: string | null; names: string[] }> {
  const list = await cache.match(listUrl);
  return { id: list?.headers.get(idHeader) ?? null, names: (await list?.json()) ?? [] };
}

async function memberOf(cache: Cache, name: string, of: string | null): Promise<KeptMember | null> {
  const own = async (url: string): Promise<Response | undefined> => {
    const found = await cache.match(url);
    return found?.headers.get(idHeader) === of ? found : undefined;
  };
  const kept = await own(urlOf(name));
  if (kept === undefined) return null;
  const blob = await kept.blob();
  const file = new File([blob], name, { type: blob.type });
  const corrections = await correctionsIn(await own(urlOf(name, CORRECTIONS)));
  return { file, scene: kept.headers.get(sceneHeader) === 'true', corrections };
}

/** None, where they cannot be read: the picture comes back without them, and so do those around it. */
async function correctionsIn(kept: Response | undefined): Promise<Corrections | null> {
  try {
    return kept === undefined ? null : unpacked(new Uint8Array(await kept.arrayBuffer()));
  } catch {
    return null;
  }
}
