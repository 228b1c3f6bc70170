/** Which models there are: the built-in one, those served beside the page, those imported here. Pure. */
import type { ModelSource, StoredModel } from 'wordmask';
import { megabytes } from './formats.js';
import { t } from './texts.js';

/** A model to choose. */
export interface Offer {
  /** The address of its folder, or its id in the browser's storage. */
  readonly key: string;
  readonly kind: 'built-in' | 'served' | 'imported';
  readonly name: string;
  /** What it was trained on, in a sentence. */
  readonly description: string;
  readonly license: string;
  readonly scheme: string;
  /** `null` where it is not known. */
  readonly bytes: number | null;
}

/** What the package loads, by the key of an offer. */
export function sourceOf(key: string): ModelSource {
  return isStored(key) ? { id: key } : key;
}

export function isStored(key: string): boolean {
  return /^[0-9a-f]{64}$/u.test(key);
}

/** A key that was remembered, if it can be one: an id, or a folder of this same site. */
export function checkedKey(key: string | null, origin: string): string | null {
  if (key === null || isStored(key)) return key;
  return URL.canParse(key) && new URL(key).origin === origin ? key : null;
}

/** The built-in model as far as it is known before it is loaded. */
export function builtInOffer(key: string): Offer {
  const description = t.models.doodle;
  return {
    key,
    kind: 'built-in',
    name: 'doodle',
    description,
    license: '',
    scheme: '',
    bytes: null,
  };
}

/** A model in a folder of this site of which nothing is known yet but the address. */
export function servedOffer(key: string): Offer {
  const name = decoded(new URL(key).pathname.split('/').filter(Boolean).at(-1) ?? '');
  return { key, kind: 'served', name, description: '', license: '', scheme: '', bytes: null };
}

export function importedOffer({
  id,
  name,
  description,
  license,
  scheme,
  bytes,
}: StoredModel): Offer {
  return { key: id, kind: 'imported', name, description, license, scheme, bytes };
}

/**
 * Reads `models/index.json`, which the build writes: `[{ path, name, description, bytes, scheme }]`. What
 * does not look as it should is left out.
 *
 * @param base The address of the folder `models/`, to which the paths belong.
 */
export function readIndex(list: unknown, base: string): Offer[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item): Offer[] => {
    const path = text(item, 'path').replace(/^models\//u, '');
    // A bare folder name: a list must not be able to point anywhere else.
    if (!/^[\w-][\w.-]*\/?$/u.test(path)) return [];
    const key = new URL(path.endsWith('/') ? path : `${path}/`, base).href;
    const bytes = field(item, 'bytes');
    return [
      {
        key,
        kind: 'served',
        name: text(item, 'name') || servedOffer(key).name,
        description: text(item, 'description'),
        license: text(item, 'license'),
        scheme: text(item, 'scheme'),
        bytes: typeof bytes === 'number' && bytes > 0 ? bytes : null,
      },
    ];
  });
}

/** What the files of a manifest take up, or `null` if it cannot be read. */
export function manifestBytes(manifest: unknown): number | null {
  const shards = field(manifest, 'shards');
  if (!Array.isArray(shards)) return null;
  const files = [field(manifest, 'tokenizer'), field(manifest, 'words'), ...shards];
  const sizes = files.map((file) => field(file, 'bytes'));
  return sizes.reduce<number>((sum, size) => sum + (typeof size === 'number' ? size : 0), 0);
}

/** "45 MB · q4 · licence MIT" */
export function facts({ bytes, scheme, license }: Offer): string {
  const size = bytes === null ? '' : megabytes(bytes);
  return [size, scheme, license && t.models.license(license)].filter(Boolean).join(' · ');
}

function field(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return Reflect.get(value, key);
}

function text(value: unknown, key: string): string {
  const found = field(value, key);
  return typeof found === 'string' ? found : '';
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
