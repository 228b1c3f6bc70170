/**
 * Imports a model into the place where the page finds it:
 * `npm run model -- b16 [--quant f32|f16|q8|q4] [--name FOLDER] [--revision REVISION]`.
 *
 * The model is a name of `weights/catalogue.json`, a repository of the hub, or a path. Without
 * `--quant` it is stored as the catalogue recommends. The bundle goes to `weights/local/FOLDER`.
 */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure, isMain, main, root, run } from './lib.mjs';
import { builtInDir, localDir, pageDir, publishModels, readBundle } from './models.mjs';

const schemes = ['f32', 'f16', 'q8', 'q4'];

const usage =
  'Name one model: "npm run model -- b16", or with a scheme, "npm run model -- b16 --quant q4". ' +
  'The names are in weights/catalogue.json; a repository of the hub or a path will do too.';

/** Reads the command line. */
export function readArguments(args) {
  const options = {
    quant: { type: 'string' },
    name: { type: 'string' },
    revision: { type: 'string' },
  };
  let parsed;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new Failure(`${error.message}\n${usage}`);
  }
  const { values, positionals } = parsed;
  const [source] = positionals;
  if (positionals.length !== 1 || !source) throw new Failure(usage);
  const { quant, revision } = values;
  if (quant !== undefined && !schemes.includes(quant)) {
    throw new Failure(`There is no scheme ${quant}; the schemes are ${schemes.join(', ')}.`);
  }
  const name = values.name ?? folderName(source, quant);
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(name)) {
    throw new Failure(`"${name}" cannot be a folder of the page. Choose one with --name.`);
  }
  if (name === basename(builtInDir)) {
    throw new Failure(`"${name}" is the built-in model. Choose another folder with --name.`);
  }
  return { source: located(source), name, quant, revision };
}

/**
 * A path as it is meant where npm was started, since the program itself runs in the root of the project; a name as it is.
 * What can be neither is refused before anything is compiled.
 */
function located(source) {
  const names = catalogueNames();
  if (names.includes(source.toLowerCase())) return source;
  const path = resolve(process.env.INIT_CWD ?? process.cwd(), source);
  const isPath = /^(\.{0,2}[/\\]|\.{1,2}$|[a-z]:)/i.test(source);
  if (isPath || existsSync(path)) return path;
  if (source.includes('/')) return source;
  throw new Failure(
    `${source} is neither a path, nor a repository such as openai/clip-vit-base-patch16, nor in the catalogue, which has ${names.join(', ')}.`,
  );
}

function catalogueNames() {
  const { models } = JSON.parse(readFileSync(join(root, 'weights', 'catalogue.json'), 'utf8'));
  return models.map(({ name }) => name);
}

/** `b16`, or `b16-q4`, so that the same model can be there in several schemes. */
function folderName(source, quant) {
  const last = basename(source.replaceAll('\\', '/')).replace(/\.(safetensors|pt)$/, '');
  const plain = last.toLowerCase().replace(/[^a-z0-9._-]+/g, '-');
  return quant === undefined ? plain : `${plain}-${quant}`;
}

/** What the native program is started with, so that it writes the bundle into this folder. */
export function importArguments({ source, quant, revision }, out) {
  const optional = { '--quant': quant, '--revision': revision };
  const options = Object.entries(optional).flatMap(([option, value]) =>
    value === undefined ? [] : [option, value],
  );
  return ['import', source, ...options, '--out', out];
}

export function importModel(wanted, { local = localDir, page = pageDir } = {}) {
  // Beside the place where it belongs, so that a model that is there stays until the new one is whole.
  const fresh = join(local, `.${wanted.name}.new`);
  const place = join(local, wanted.name);
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(local, { recursive: true });
  try {
    const build = ['run', '--release', '--locked', '--quiet', '--bin', 'wordmask', '--'];
    run('cargo', [...build, ...importArguments(wanted, fresh)], {
      failure: `${wanted.source} was not imported; see above. What has been downloaded by then is kept, and the same command goes on from there.`,
    });
    readBundle(fresh);
    rmSync(place, { recursive: true, force: true });
    renameSync(fresh, place);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  if (existsSync(page)) publishModels(page, { local });
  return place;
}

if (isMain(import.meta.url)) {
  main(async () => {
    const wanted = readArguments(process.argv.slice(2));
    const place = importModel(wanted);
    console.log(`\n${wanted.source} is in ${place}.`);
    console.log(`"npm start" serves the page; add ?model=models/${wanted.name} to its address.`);
  });
}
