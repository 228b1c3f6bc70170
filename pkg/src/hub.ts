import type { RemoteFile } from './downloader.js';
import { WordmaskError } from './errors.js';
import { download, type Fetcher } from './http.js';
import { attentively, patiently, type Waiting } from './patience.js';

export const hubAddress = 'https://huggingface.co';

/** A repository of a hub. */
export interface HubPlace {
  /** The address of the hub, without a slash at its end. */
  hub: string;
  id: string;
  /** A branch, a tag or a commit. */
  revision: string | undefined;
}

/** What an import needs of a repository, all of one commit. */
export interface HubModel {
  revision: string;
  files: RemoteFile[];
}

/** What asks a hub. */
export interface HubMeans extends Waiting {
  net: Fetcher;
}

/**
 * Whose pull requests with this title add weights that are safe to read to a repository that has
 * only pickled ones: the hub's own converter.
 */
const converter = 'SFconvertbot';
const conversionTitle = 'Adding `safetensors` variant of this model';

/** Where the tokenizer comes from that OpenCLIP carries in its code and not in its repositories. */
const tokenizerSource = 'openai/clip-vit-base-patch32';

/** The layouts that can be read, the preferred one first. Pickled weights do not count. */
const layouts = [
  { config: 'config.json', weights: ['model.safetensors', 'model.safetensors.index.json'] },
  { config: 'open_clip_config.json', weights: ['open_clip_model.safetensors'] },
] as const;

type Layout = (typeof layouts)[number];

const tokenizers = [['tokenizer.json'], ['vocab.json', 'merges.txt']] as const;

interface Listing {
  sha: string;
  siblings: Sibling[];
}

interface Sibling {
  rfilename: string;
  size?: number;
  lfs?: { sha256?: string };
}

/** Reads "owner/name", "hf:owner/name" or "hf:owner/name@revision"; `undefined` if it is none of them. */
export function hubName(text: string): { id: string; revision: string | undefined } | undefined {
  const found = /^(?:hf:)?([\w-][\w.-]*\/[\w-][\w.-]*)(?:@([\w.-][\w./-]*))?$/.exec(text);
  return found?.[1] === undefined ? undefined : { id: found[1], revision: found[2] };
}

/** The address of a file at a revision. */
export function hubFile({ hub, id }: HubPlace, revision: string, name: string): string {
  return `${hub}/${id}/resolve/${encodeURIComponent(revision)}/${name}`;
}

/**
 * Asks the hub which files an import needs of a model. Without a revision it is the main branch, or,
 * where that has only pickled weights, the pull request in which the hub's own converter offers them
 * as safetensors.
 */
export async function hubModel(place: HubPlace, means: HubMeans): Promise<HubModel> {
  const repository = new Repository(place, means);
  const listing = await repository.listing(place.revision ?? 'main');
  if (readable(listing).length > 0) return repository.choose(listing);
  const converted = place.revision === undefined ? await repository.conversion(listing) : undefined;
  if (converted === undefined) throw unreadable(place.id, listing);
  return repository.choose(converted);
}

class Repository {
  readonly #place: HubPlace;
  readonly #means: HubMeans;

  constructor(place: HubPlace, means: HubMeans) {
    this.#place = place;
    this.#means = means;
  }

  async listing(revision: string): Promise<Listing> {
    const path = `models/${this.#place.id}/revision/${encodeURIComponent(revision)}?blobs=true`;
    const listing = await this.#ask(`${this.#place.hub}/api/${path}`);
    if (isListing(listing)) return listing;
    throw this.#strange('a list of files that cannot be read');
  }

  /** What the hub's converter offers, if it is of the same weights. */
  async conversion(of: Listing): Promise<Listing | undefined> {
    const path = `models/${this.#place.id}/discussions?type=pull_request&status=open&author=${converter}`;
    const answer = await this.#ask(`${this.#place.hub}/api/${path}`);
    const numbers = openConversions(answer);
    if (numbers.length === 0) return undefined;
    const listing = await this.listing(`refs/pr/${Math.max(...numbers)}`);
    const before = pickledHash(of);
    const same = before !== undefined && before === pickledHash(listing);
    return same && readable(listing).length > 0 ? listing : undefined;
  }

  async choose(listing: Listing): Promise<HubModel> {
    const layout = await this.#layout(listing);
    const weights = layout.weights.find((name) => has(listing, name));
    if (weights === undefined) throw unreadable(this.#place.id, listing);
    const small = [layout.config, 'preprocessor_config.json'].filter((name) => has(listing, name));
    const tokenizer = tokenizers.find((form) => form.every((name) => has(listing, name)));
    const names = [...small, ...(tokenizer ?? []), weights];
    if (weights.endsWith('.index.json')) names.push(...(await this.#shards(listing, weights)));
    const files = names.map((name) => this.#file(listing, name));
    if (tokenizer === undefined) files.unshift(await this.#borrowedTokenizer(listing, layout));
    return { revision: listing.sha, files };
  }

  /** Where both are there, that of Hugging Face, unless its configuration is of a vision tower alone. */
  async #layout(listing: Listing): Promise<Layout> {
    const [first, second] = readable(listing);
    if (first === undefined) throw unreadable(this.#place.id, listing);
    if (second === undefined) return first;
    const config = await this.#json(listing, first.config);
    const both = isObject(field(config, 'vision_config')) && isObject(field(config, 'text_config'));
    return both ? first : second;
  }

  async #shards(listing: Listing, index: string): Promise<string[]> {
    const map = field(await this.#json(listing, index), 'weight_map');
    const shards = new Set(Object.values(isObject(map) ? map : {}));
    const names = Array.from(shards).filter(
      (name) => typeof name === 'string' && name.endsWith('.safetensors') && has(listing, name),
    );
    if (names.length === shards.size && names.length > 0) return names.map(String).sort();
    throw new WordmaskError(
      'model',
      `${index} of ${this.#place.id} lists files that the repository does not have. Choose another model.`,
    );
  }

  /** CLIP's own, for a model of OpenCLIP that names no other. */
  async #borrowedTokenizer(listing: Listing, layout: Layout): Promise<RemoteFile> {
    const config = layout === layouts[1] ? await this.#json(listing, layout.config) : undefined;
    const text = field(field(config, 'model_cfg'), 'text_cfg');
    const own = ['hf_tokenizer_name', 'hf_model_name', 'tokenizer_kwargs'];
    if (!isObject(text) || own.some((key) => (field(text, key) ?? null) !== null)) {
      throw new WordmaskError(
        'model',
        `${this.#place.id} has no tokenizer (tokenizer.json, or vocab.json and merges.txt). Download the files, add a tokenizer, and import them as files.`,
      );
    }
    const place = { ...this.#place, id: tokenizerSource };
    const source = new Repository(place, this.#means);
    return source.#file(await source.listing('main'), 'tokenizer.json');
  }

  #file(listing: Listing, name: string): RemoteFile {
    const sibling = listing.siblings.find(({ rfilename }) => rfilename === name);
    if (!sibling) throw this.#strange(`no ${name}`);
    const { size, lfs } = sibling;
    return {
      name,
      url: hubFile(this.#place, listing.sha, name),
      ...(size !== undefined && { size }),
      ...(lfs?.sha256 !== undefined && { sha256: lfs.sha256 }),
    };
  }

  #json(listing: Listing, name: string): Promise<unknown> {
    return this.#ask(hubFile(this.#place, listing.sha, name));
  }

  async #ask(url: string): Promise<unknown> {
    const text = await patiently(this.#means, () =>
      attentively(url, this.#means, async (signal) =>
        (await download(this.#means.net, url, signal)).text(),
      ),
    );
    try {
      return JSON.parse(text);
    } catch {
      throw this.#strange(`at ${url} something that is no JSON`);
    }
  }

  #strange(what: string): WordmaskError {
    return new WordmaskError(
      'network',
      `${this.#place.hub} has for ${this.#place.id} ${what}. Check the name and the address of the hub.`,
    );
  }
}

function readable(listing: Listing): Layout[] {
  return layouts.filter(
    ({ config, weights }) =>
      has(listing, config) && weights.some((name: string) => has(listing, name)),
  );
}

function has({ siblings }: Listing, name: string): boolean {
  return siblings.some(({ rfilename }) => rfilename === name);
}

/** By what two commits are known to hold the same model. */
function pickledHash({ siblings }: Listing): string | undefined {
  return siblings.find(({ rfilename }) => rfilename === 'pytorch_model.bin')?.lfs?.sha256;
}

function openConversions(answer: unknown): number[] {
  const list = field(answer, 'discussions');
  const ours = (Array.isArray(list) ? list : []).filter(
    (one) =>
      field(one, 'isPullRequest') === true &&
      field(one, 'status') === 'open' &&
      field(one, 'title') === conversionTitle &&
      field(field(one, 'author'), 'name') === converter,
  );
  return ours.map((one) => Number(field(one, 'num'))).filter(Number.isSafeInteger);
}

/** Names and hashes become parts of addresses. */
function isListing(value: unknown): value is Listing {
  const hex = (text: unknown, digits: number) =>
    typeof text === 'string' && text.length === digits && /^[0-9a-f]+$/i.test(text);
  const siblings = field(value, 'siblings');
  if (!hex(field(value, 'sha'), 40) || !Array.isArray(siblings)) return false;
  return siblings.every((one) => {
    const [size, hash] = [field(one, 'size'), field(field(one, 'lfs'), 'sha256')];
    return (
      typeof field(one, 'rfilename') === 'string' &&
      (size === undefined || Number.isSafeInteger(size)) &&
      (hash === undefined || hex(hash, 64))
    );
  });
}

function unreadable(id: string, { siblings }: Listing): WordmaskError {
  const pickled = siblings.find(({ rfilename }) => /\.(bin|pt|pth|ckpt)$/.test(rfilename));
  const what = pickled
    ? `has its weights only as ${pickled.rfilename}, a pickle, which can run any program when it is read`
    : 'has no CLIP that can be read: it lacks config.json with model.safetensors, or open_clip_config.json with open_clip_model.safetensors';
  return new WordmaskError('model', `${id} ${what}. Check the name, or choose another model.`);
}

function field(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
