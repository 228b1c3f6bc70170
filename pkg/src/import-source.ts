import type { RemoteFile } from './downloader.js';
import { WordmaskError } from './errors.js';
import { type HubPlace, hubAddress, hubName } from './hub.js';
import type { CheckedImport } from './options.js';
import { absolute } from './places.js';
import type { PublishedFile } from './protocol.js';

/**
 * A published model: its files; the addresses of its files, as a list or by their names; or the name
 * of its repository on the hub, such as `openai/clip-vit-base-patch16`, with `@` and a revision if it
 * is not to be the main branch.
 */
export type ImportSource =
  | Iterable<File>
  | Iterable<string | URL>
  | Readonly<Record<string, string | URL>>
  | string;

/** A published model, as it was given. */
export type CheckedSource =
  | { kind: 'files'; files: PublishedFile[] }
  | { kind: 'urls'; files: RemoteFile[] }
  | { kind: 'hub'; place: HubPlace };

/** Reads what `importModel` was given. */
export function checkSource(
  source: unknown,
  { hubUrl, revision, sha256 }: Pick<CheckedImport, 'hubUrl' | 'revision' | 'sha256'>,
): CheckedSource {
  if (typeof source === 'string') {
    const name = hubName(source);
    if (!name) throw wrong(`"${source}" is no name of a repository`);
    const hub = absolute(hubUrl ?? hubAddress, 'hubUrl').replace(/\/+$/, '');
    return { kind: 'hub', place: { hub, id: name.id, revision: revision ?? name.revision } };
  }
  if (typeof source !== 'object' || source === null) throw wrong('"source" is none of these');
  const items: unknown[] | undefined = Symbol.iterator in source ? [...(source as [])] : undefined;
  if (items?.every(isFile)) return { kind: 'files', files: publishedFiles(items) };
  const entries = items
    ? items.map((url): [string, unknown] => [isAddress(url) ? nameOf(url) : '', url])
    : Object.entries(source);
  return { kind: 'urls', files: remoteFiles(entries, sha256) };
}

function publishedFiles(files: readonly File[]): PublishedFile[] {
  const published = new Map<string, Blob>();
  for (const file of files) {
    if (published.has(file.name)) throw twice(file.name);
    published.set(file.name, file);
  }
  if (published.size === 0) {
    throw new WordmaskError('input', 'There are no files. Give those of a published model.');
  }
  return Array.from(published, ([name, blob]) => ({ name, blob }));
}

/** The small files first: what is wrong with them is told before the weights are there. */
function remoteFiles(
  entries: readonly [string, unknown][],
  sha256: Readonly<Record<string, string>>,
): RemoteFile[] {
  const files = new Map<string, RemoteFile>();
  for (const [name, url] of entries) {
    if (!isAddress(url)) throw wrong('Not all of it is an address, or not all of it is a File');
    if (!/^[\w-][\w.-]*$/.test(name)) throw wrong(`"${name}" is no name of a file`);
    if (files.has(name)) throw twice(name);
    const hash = sha256[name];
    files.set(name, {
      name,
      url: absolute(url, name),
      ...(hash !== undefined && { sha256: hash }),
    });
  }
  const weight = ({ name }: RemoteFile) => Number(!/\.(json|txt)$/.test(name));
  return [...files.values()].sort((a, b) => weight(a) - weight(b));
}

function nameOf(url: string | URL): string {
  const path = absolute(url, 'source').replace(/[?#].*$/, '');
  return decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
}

function isFile(value: unknown): value is File {
  return value instanceof Blob && 'name' in value && typeof value.name === 'string';
}

function isAddress(value: unknown): value is string | URL {
  return value instanceof URL || (typeof value === 'string' && value !== '');
}

function twice(name: string): WordmaskError {
  return new WordmaskError(
    'input',
    `There are two files with the name ${name}. Give the files of one model.`,
  );
}

function wrong(why: string): WordmaskError {
  return new WordmaskError(
    'input',
    `${why}. Give a list of File objects, the addresses of files, or the name of a repository such as "openai/clip-vit-base-patch16".`,
  );
}
