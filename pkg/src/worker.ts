import * as engine from './engine/wordmask.js';
import { type Port, serve } from './serve.js';

// The page hears of errors, but not of rejections that nobody caught.
globalThis.addEventListener('unhandledrejection', (event) => {
  throw event.reason;
});

serve(engine, globalThis as unknown as Port, {
  fetch: (url, init) => fetch(url, init),
  caches: globalThis.caches,
  engineUrl: new URL('./engine/wordmask_bg.wasm', import.meta.url).href,
});
