import * as engine from './engine/wordmask.js';
import { ownStorage } from './models.js';
import { type Port, serve } from './serve.js';
import { hasRelaxedSimd } from './simd.js';

declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };

// The page hears of errors, but not of rejections that nobody caught.
globalThis.addEventListener('unhandledrejection', (event) => {
  throw event.reason;
});

serve(engine, globalThis as unknown as Port, {
  fetch: (url, init) => fetch(url, init),
  ...ownStorage(),
  readSlice: ({ blob }, offset, length) =>
    new Uint8Array(new FileReaderSync().readAsArrayBuffer(blob.slice(offset, offset + length))),
  // Bundlers find the engines by exactly these expressions.
  engineUrl: hasRelaxedSimd()
    ? new URL('./engine/wordmask_relaxed_bg.wasm', import.meta.url).href
    : new URL('./engine/wordmask_bg.wasm', import.meta.url).href,
});
