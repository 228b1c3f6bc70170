/**
 * The models that the page can choose from: the built-in one, and what `npm run model` has imported
 * into `weights/local`. The build puts both into the page's folder `models`, with a list of them.
 */

import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { Failure, root } from './lib.mjs';

/** The bundle that belongs to the repository. */
export const builtInDir = join(root, 'weights', 'doodle');

/** Where imported bundles lie, each in a folder of its own. Builds do not touch it, git ignores it. */
export const localDir = join(root, 'weights', 'local');

/** The page as it was built, if it was. */
export const pageDir = join(root, 'www', 'dist');

const manifestName = 'wordmask.json';

/**
 * What the page has to know of a bundle before it loads it, and the files that belong to it.
 *
 * @throws {Failure} if the folder holds no whole bundle
 */
export function readBundle(folder) {
  const manifest = readManifest(join(folder, manifestName));
  const entries = [manifest.tokenizer, manifest.words, ...(manifest.shards ?? [])].filter(Boolean);
  let bytes = 0;
  for (const { file, bytes: expected } of entries) {
    // A name with a folder in it would lead out of this one.
    const path = join(folder, basename(String(file)));
    if (basename(String(file)) !== file || !existsSync(path) || statSync(path).size !== expected) {
      throw new Failure(`${folder} lacks ${file} or has another one. Import the model again.`);
    }
    bytes += expected;
  }
  const { name, description, scheme } = manifest;
  const files = [manifestName, ...entries.map(({ file }) => file)];
  return { name, description, scheme, bytes, files };
}

function readManifest(path) {
  try {
    // Bundles of the first versions call the description `knows`.
    const { knows, ...manifest } = JSON.parse(readFileSync(path, 'utf8'));
    manifest.description ??= knows;
    const texts = ['name', 'description', 'scheme'].every(
      (key) => typeof manifest[key] === 'string',
    );
    if (texts && Array.isArray(manifest.shards)) return manifest;
  } catch {
    // Missing, or not JSON.
  }
  throw new Failure(`${path} is no bundle's manifest. Import the model again.`);
}

/**
 * Puts the built-in bundle and the local ones into the folder `models` of a built page and writes
 * `models/index.json`, the built-in one first. A local folder that holds no whole bundle is left
 * out with a warning, since it must not keep the page from being built.
 */
export function publishModels(page, { builtIn = builtInDir, local = localDir } = {}) {
  const models = join(page, 'models');
  rmSync(models, { recursive: true, force: true });
  const index = [publish(builtIn, models, copyFileSync)];
  for (const folder of localFolders(local)) {
    try {
      if (basename(folder) === basename(builtIn)) {
        throw new Failure(`${folder} has the name of the built-in model. Rename the folder.`);
      }
      index.push(publish(folder, models, share));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      console.warn(`Left out: ${error.message}`);
    }
  }
  writeFileSync(join(models, 'index.json'), `${JSON.stringify(index, null, 2)}\n`);
  return index;
}

function publish(folder, models, put) {
  const { files, name, description, bytes, scheme } = readBundle(folder);
  const to = join(models, basename(folder));
  mkdirSync(to, { recursive: true });
  for (const file of files) put(join(folder, file), join(to, file));
  return { path: `models/${basename(folder)}/`, name, description, bytes, scheme };
}

/**
 * A second name for the file where the file system has such a thing, otherwise a copy: a model can be
 * larger than a gigabyte. An import never writes into a file that is there.
 */
function share(from, to) {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function localFolders(local) {
  if (!existsSync(local)) return [];
  const entries = readdirSync(local, { withFileTypes: true });
  const names = entries.filter((e) => e.isDirectory() && !e.name.startsWith('.'));
  return names.map(({ name }) => join(local, name)).sort();
}
