import { messageOf, WordmaskError } from './errors.js';
import { missingAdvice } from './missing.js';
import type { CheckedPlaces } from './options.js';
import { workerPlace } from './places.js';
import { ThreadWorker } from './thread.js';
import type { StartedWorker } from './worker-like.js';

/**
 * Starts `worker.js`: as a worker of the page, or as a thread where there are no workers.
 *
 * It is one file without imports, so that bundlers can hand it on as they hand on the engine.
 */
export function startWorker(places: Pick<CheckedPlaces, 'workerUrl'>): StartedWorker {
  const place = workerPlace(places);
  const foreign = isForeign(place);
  const failure = (reason: string | undefined) => unstartable(place, foreign, reason);
  try {
    if (globalThis.Worker === undefined) return { worker: new ThreadWorker(place), failure };
    const worker = new Worker(foreign ? importing(place) : place, { type: 'module' });
    return { worker, failure };
  } catch (cause) {
    throw new WordmaskError(
      'unsupported',
      `The worker cannot be started from ${place} (${messageOf(cause)}). It needs a browser with module workers, or Node 20.16 or newer, and a Content-Security-Policy that allows it; workerUrl says where worker.js lies.`,
      { cause },
    );
  }
}

/** Whether the browser would refuse this as a worker's address, since it is not of the page's origin. */
function isForeign(place: string): boolean {
  const { location } = globalThis as Partial<typeof globalThis>;
  if (!location) return false;
  const there = new URL(place);
  const sameHost = there.protocol === location.protocol && there.host === location.host;
  return !sameHost && there.origin !== location.origin;
}

const importers = new Map<string, string>();

/** The address of a script of this origin that does nothing but import the one at this place. */
function importing(place: string): string {
  let address = importers.get(place);
  if (address === undefined) {
    const script = `import ${JSON.stringify(place)};`;
    address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
    importers.set(place, address);
  }
  return address;
}

function unstartable(place: string, foreign: boolean, reason: string | undefined): WordmaskError {
  const detail = reason ? ` (${reason})` : '';
  const origin = foreign
    ? ' It lies on another origin, so that server has to allow this page to read it (CORS), and a Content-Security-Policy has to allow it in script-src, and it and blob: in worker-src.'
    : '';
  return new WordmaskError(
    'network',
    `The worker could not be started from ${place}${detail}. Check that it is there and, if it is served, that it is served as JavaScript.${origin} ${missingAdvice(place)}`,
  );
}
