/** Keeps the page for visits without the network, and gives it the headers that threads need. */
import { KeptPage, type PageBuild } from './kept-page.js';

declare const self: ServiceWorkerGlobalScope;
/** Written in by the build. */
declare const BUILD: PageBuild;

const page = new KeptPage(BUILD, self.registration.scope, {
  caches: self.caches,
  locks: self.navigator.locks,
  fetch: (request, init) => self.fetch(request, init),
});

self.addEventListener('install', (event) => {
  // A version that keeps nothing takes over from one that does, which would hide what it builds.
  if (page.empty) event.waitUntil(self.skipWaiting());
  else event.waitUntil(page.install());
});

self.addEventListener('activate', (event) => {
  event.waitUntil(page.removeOlder());
});

self.addEventListener('fetch', (event) => {
  const answer = page.answer(event.request);
  if (answer) event.respondWith(answer);
  if (event.request.mode === 'navigate') event.waitUntil(page.removeOlder());
});

self.addEventListener('message', (event) => {
  const { type, address } = event.data;
  if (type === 'activate') void self.skipWaiting();
  // Where there is no room for it the network has to serve.
  if (type === 'keep') event.waitUntil(page.keep(address).catch(() => undefined));
});
