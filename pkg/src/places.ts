/** Where files lie: those that a caller names, and those of the package itself. */

import type { DeviceKind } from './engine.js';
import { WordmaskError } from './errors.js';
import type { CheckedPlaces } from './options.js';
import { builtin } from './runtime.js';
import { hasRelaxedSimd } from './simd.js';

/** The address of each engine's file. */
export type EnginePlaces = Readonly<Record<DeviceKind, string>>;

/**
 * Vite's dev server moves the module of a dependency, but not the files beside it, into this folder.
 * Where they came from is known as long as the folder has its usual place in `node_modules`.
 */
const movedByVite = /\/\.vite\/deps[^/]*\//;

/**
 * An absolute address. A relative one is meant as the page means it; where there is no page it is a
 * path on the disk.
 *
 * @param parameter What a caller knows it as.
 * @throws WordmaskError with the code `input`.
 */
export function absolute(place: string | URL, parameter: string): string {
  const text = String(place);
  try {
    // A scheme of one letter is a drive of Windows.
    if (/^[a-z][a-z\d+.-]+:/i.test(text)) return new URL(text).href;
    const paths = globalThis.document ? undefined : builtin('node:url');
    return paths ? paths.pathToFileURL(text).href : new URL(text, base()).href;
  } catch (cause) {
    throw new WordmaskError(
      'input',
      `"${parameter}" is no address that can be read: ${text}. Give one such as "models/clip/" or "https://example.org/models/clip/".`,
      { cause },
    );
  }
}

function base(): string | undefined {
  const { document, location } = globalThis as Partial<typeof globalThis>;
  if (document) return document.baseURI;
  // Nothing is relative to the blob that a worker was started from.
  return location?.protocol === 'blob:' ? location.origin : location?.href;
}

/** The address of `worker.js`. */
export function workerPlace({ workerUrl }: Pick<CheckedPlaces, 'workerUrl'>): string {
  if (workerUrl !== undefined) return absolute(workerUrl, 'workerUrl');
  // Bundlers find the files by exactly these expressions.
  return shipped(() => new URL('./worker.js', import.meta.url));
}

/**
 * The addresses of the engines that fit this browser: that of the CPU is the faster one where relaxed
 * SIMD is known.
 */
export function enginePlaces({ engineUrl, workerUrl }: Partial<CheckedPlaces>): EnginePlaces {
  const place = (kind: DeviceKind) => {
    const address = engineUrl?.[kind];
    if (address !== undefined) return absolute(address, 'engineUrl');
    // Nothing lies beside a blob.
    if (workerUrl !== undefined && !String(workerUrl).startsWith('blob:')) {
      return new URL(engineFile(kind), absolute(workerUrl, 'workerUrl')).href;
    }
    return shipped(locate[kind]);
  };
  return { cpu: place('cpu'), webgpu: place('webgpu') };
}

function engineFile(kind: DeviceKind): string {
  if (kind === 'webgpu') return 'engine/wordmask-webgpu.wasm';
  return hasRelaxedSimd() ? 'engine/wordmask-cpu-relaxed.wasm' : 'engine/wordmask-cpu.wasm';
}

/** The same beside this module. Bundlers find the files by exactly these expressions. */
const locate: Record<DeviceKind, () => URL> = {
  webgpu: () => new URL('./engine/wordmask-webgpu.wasm', import.meta.url),
  cpu: () =>
    hasRelaxedSimd()
      ? new URL('./engine/wordmask-cpu-relaxed.wasm', import.meta.url)
      : new URL('./engine/wordmask-cpu.wasm', import.meta.url),
};

/** The address of a file of the package, made absolute, since not every bundler writes it so. */
function shipped(locate: () => URL): string {
  let place: string;
  try {
    place = String(locate());
  } catch (cause) {
    throw new WordmaskError(
      'unsupported',
      'The bundler has removed import.meta.url, by which wordmask finds its files. Build ES modules, or copy worker.js and engine/ from the package and say with workerUrl where worker.js lies.',
      { cause },
    );
  }
  return absolute(place.replace(movedByVite, '/wordmask/dist/'), 'import.meta.url');
}
