import { findAdapter, type Gpu } from './adapter.js';
import * as cpu from './engine/cpu.js';
import * as webgpu from './engine/webgpu.js';
import { openFile } from './file.js';
import { builtin } from './runtime.js';
import { type Port, serve } from './serve.js';
import { ownStorage } from './storage.js';

declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };

// The page hears of errors, but not of rejections that nobody caught. Threads of Node make errors of
// them by themselves, and have no listeners.
globalThis.addEventListener?.('unhandledrejection', (event) => {
  throw event.reason;
});

const page = 'postMessage' in globalThis ? globalThis : builtin('node:worker_threads')?.parentPort;

serve({ cpu, webgpu }, page as Port, {
  adapter: () => findAdapter((globalThis.navigator as { gpu?: Gpu } | undefined)?.gpu),
  fetch: (url, init) => (url.startsWith('file:') ? openFile(url, init) : fetch(url, init)),
  ...ownStorage(),
  readSlice: ({ blob }, offset, length) =>
    new Uint8Array(new FileReaderSync().readAsArrayBuffer(blob.slice(offset, offset + length))),
});
