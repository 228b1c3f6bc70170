/** What came in by drop, paste or choice: pictures, the files of a model, or something to explain. Pure. */
import { form, list, number } from './formats.js';
import { t } from './texts.js';

/** The part of a `File` that tells what it is. */
export interface Named {
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

export type Arrival<F> =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'pictures'; readonly files: readonly F[] }
  | { readonly kind: 'model'; readonly files: readonly F[] }
  | { readonly kind: 'refused'; readonly text: string };

/** Files that belong to a published CLIP, besides its weights. */
const papers: ReadonlySet<string> = new Set([
  'config.json',
  'open_clip_config.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'vocab.json',
  'merges.txt',
]);

const isWeights = ({ name }: Named): boolean => /\.safetensors$/iu.test(name);
const isIndex = ({ name }: Named): boolean => /\.safetensors\.index\.json$/iu.test(name);
/** Weights of other programs. */
const isForeign = ({ name }: Named): boolean =>
  /\.(bin|pth?|ckpt|h5|msgpack|onnx|gguf)$/iu.test(name);
const isBundle = ({ name }: Named): boolean => name === 'wordmask.json';
const isUseful = (file: Named): boolean =>
  isWeights(file) || isIndex(file) || papers.has(file.name);

/** Whether a file is there for the sake of a model. */
export function isModelFile(file: Named): boolean {
  return isUseful(file) || isForeign(file) || isBundle(file);
}

/** A pointer that stands for a large file in a repository is a hundred bytes or so. */
const POINTER_BYTES = 1024;

export function sortArrival<F extends Named>(files: readonly F[]): Arrival<F> {
  const [first] = files;
  if (first === undefined) return { kind: 'nothing' };
  const pictures = files.filter(({ type }) => type.startsWith('image/'));
  const [picture] = pictures;
  if (!files.some(isModelFile)) {
    return { kind: 'pictures', files: picture === undefined ? [first] : pictures };
  }
  if (picture !== undefined) {
    return refused(t.arrivals.mixed(cut(picture.name)));
  }
  if (files.some(isBundle)) {
    return refused(t.arrivals.bundle);
  }
  const lack = lacking(files);
  return lack === null ? { kind: 'model', files: files.filter(isUseful) } : refused(lack);
}

function refused<F>(text: string): Arrival<F> {
  return { kind: 'refused', text };
}

/** What is missing for an import, and where it comes from; `null` if nothing is. */
function lacking(files: readonly Named[]): string | null {
  const weights = files.filter(isWeights);
  const foreign = files.find(isForeign);
  if (weights.length === 0 && foreign !== undefined) {
    return t.arrivals.foreign(cut(foreign.name));
  }
  const pointer = weights.find(({ size }) => size < POINTER_BYTES);
  if (pointer !== undefined) {
    return t.arrivals.pointer(cut(pointer.name), form(pointer.size), number(pointer.size));
  }
  const missing = missingFiles(new Set(files.map(({ name }) => name)), weights);
  if (missing.length === 0) return null;
  const main = weights[0] === undefined ? t.arrivals.someFiles : cut(weights[0].name);
  return t.arrivals.missing(form(missing.length), list(missing.map(cut)), main);
}

function missingFiles(names: ReadonlySet<string>, weights: readonly Named[]): string[] {
  const openClip = weights.length > 0 && weights.every(({ name }) => name.startsWith('open_clip'));
  const missing = weights.length === 0 ? ['model.safetensors'] : missingShards(names, weights);
  if (!names.has('config.json') && !names.has('open_clip_config.json')) {
    missing.push(openClip ? 'open_clip_config.json' : 'config.json');
  }
  if (!names.has('tokenizer.json')) {
    const [one, other] = [names.has('vocab.json'), names.has('merges.txt')];
    if (!one && !other) missing.push(t.arrivals.tokenizer);
    else if (!one) missing.push('vocab.json');
    else if (!other) missing.push('merges.txt');
  }
  return missing;
}

/** How many missing shards are told one by one. */
const TOLD = 3;
/** More shards than any CLIP has. */
const MOST_SHARDS = 1000;

/** Of weights in several files, those that are not there. */
function missingShards(names: ReadonlySet<string>, weights: readonly Named[]): string[] {
  const missing: string[] = [];
  const shard = weights.map(({ name }) => /^(.+)-\d{5}-of-(\d{5})\.safetensors$/iu.exec(name));
  const [, stem = '', count = ''] = shard.find((match) => match !== null) ?? [];
  if (count === '') return missing;
  for (let at = 1; at <= Math.min(Number(count), MOST_SHARDS); at++) {
    const name = `${stem}-${String(at).padStart(5, '0')}-of-${count}.safetensors`;
    if (!names.has(name)) missing.push(name);
  }
  const more = missing.length - TOLD;
  if (more > 0) missing.splice(TOLD, more, t.arrivals.moreParts(form(more), number(more)));
  const index = `${stem}.safetensors.index.json`;
  if (!names.has(index)) missing.push(index);
  return missing;
}

function cut(name: string): string {
  const letters = [...name];
  return letters.length <= 60 ? name : `${letters.slice(0, 59).join('')}…`;
}
