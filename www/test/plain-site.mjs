/** The built page on a host that is plain in every way: in a folder, without headers, with few types. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSite } from '../../tests/consumers/site.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

/** The first of the page's samples. */
export const [scene] = JSON.parse(readFileSync(join(dist, 'samples/samples.json'), 'utf8')).scenes;

/** A copy of the page, which may be changed, and the paths that the host was asked for. */
export async function plainSite() {
  const root = mkdtempSync(join(tmpdir(), 'wordmask-offline-'));
  const folder = join(root, 'a', 'b');
  cpSync(dist, folder, { recursive: true });
  const asked = [];
  const site = await openSite(root, { onRequest: (path) => asked.push(path) });
  return {
    folder,
    asked,
    url: `${site.url}a/b/?device=cpu`,
    close: () => site.close(),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
