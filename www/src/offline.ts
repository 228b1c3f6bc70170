/** Keeps the page for visits without the network, and offers its new versions. */
import { make } from './dom.js';
import { appFolder, versionName } from './kept-page.js';
import { applyTexts } from './labels.js';

export interface Offline {
  /** Starts to keep the page. Called once it works, since that comes first. */
  start(): void;
  /** Keeps a file that this browser needs and others may not. */
  keep(address: string): void;
}

/** Without service workers, as in private windows of some browsers, the page needs the network. */
export function createOffline(): Offline {
  const workers = 'serviceWorker' in navigator ? navigator.serviceWorker : undefined;
  let isStarted = false;
  return {
    start() {
      if (isStarted || !workers) return;
      isStarted = true;
      // It fails where storage is forbidden or full, and the network goes on serving.
      register(workers).catch(() => undefined);
    },
    keep(address) {
      void workers?.ready.then(({ active }) => active?.postMessage({ type: 'keep', address }));
    },
  };
}

async function register(workers: ServiceWorkerContainer): Promise<void> {
  const registration = await workers.register('service-worker.js', { updateViaCache: 'none' });
  const offer = (): void => {
    // A page that came from the network is as new as can be.
    if (registration.waiting && workers.controller) showOffer(registration, workers);
  };
  // The browser may have found one by itself before, when the page was opened.
  const watch = (): void => {
    registration.installing?.addEventListener('statechange', offer);
  };
  offer();
  watch();
  registration.addEventListener('updatefound', watch);
}

function showOffer(registration: ServiceWorkerRegistration, workers: ServiceWorkerContainer): void {
  if (document.querySelector('.update')) return;
  const box = make('div', 'update');
  box.setAttribute('role', 'status');
  document.body.append(box);
  const reload = make('button', 'button small');
  const later = make('button', 'button small');
  for (const button of [reload, later]) button.type = 'button';
  reload.addEventListener('click', () => {
    const { waiting } = registration;
    // Another tab may have started it already.
    if (!waiting) return location.reload();
    workers.addEventListener('controllerchange', () => location.reload(), { once: true });
    waiting.postMessage({ type: 'activate' });
  });
  later.addEventListener('click', () => box.remove());
  const text = make('p');
  text.dataset.text = 'update.ready';
  reload.dataset.text = 'update.reload';
  later.dataset.text = 'update.later';
  box.append(text, reload, later);
  applyTexts();
}

/** The files of this version stay as long as the page is open, whatever other tabs do. */
export function holdVersion(): void {
  const name = versionName(appFolder(import.meta.url));
  let release: (() => void) | undefined;
  const hold = (): void => {
    const closed = new Promise<void>((done) => {
      release = done;
    });
    // Where storage is forbidden nothing is kept, and nothing can go.
    navigator.locks?.request(name, { mode: 'shared' }, () => closed).catch(() => undefined);
  };
  hold();
  // A page with a lock is not kept for the way back.
  addEventListener('pagehide', () => release?.());
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) hold();
  });
}
