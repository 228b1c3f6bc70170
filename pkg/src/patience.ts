import { Refused, Unreachable } from './http.js';

/** How long to wait, and how often to try again. Times are in milliseconds. */
export interface Patience {
  /** How often to try again before anything more has come. */
  tries: number;
  /** The first wait before trying again; each later one is twice as long. */
  pause: number;
  /** The longest wait that a server may ask for. */
  longest: number;
  /** How long a server may be silent. */
  silence: number;
}

export const patience: Patience = { tries: 5, pause: 500, longest: 300_000, silence: 30_000 };

/** What a call that may be tried again needs around it. */
export interface Waiting {
  patience: Patience;
  signal: AbortSignal;
  /** Hears of each wait before another try. */
  onWait(milliseconds: number): void;
}

/**
 * Tries again as long as the failure is one that passes, such as a cut connection or a server that
 * is busy, and waits as long as the server asks for.
 *
 * @param progress Grows with what the attempts bring: then there are as many tries as in the beginning.
 */
export async function patiently<T>(
  { patience: { tries, pause, longest }, signal, onWait }: Waiting,
  attempt: () => Promise<T>,
  progress: () => number = () => 0,
): Promise<T> {
  let left = tries;
  let wait = pause;
  for (;;) {
    const before = progress();
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      const refused = error instanceof Refused ? error : undefined;
      if (progress() > before) [left, wait] = [tries, pause];
      const asked = refused?.retryAfter ?? 0;
      const passing = error instanceof Unreachable || refused?.passing;
      if (!passing || left === 0 || asked > longest) throw error;
      left--;
      const milliseconds = Math.max(wait, asked);
      wait *= 2;
      onWait(milliseconds);
      await sleep(milliseconds, signal);
    }
  }
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', abort, { once: true });
  });
}

/**
 * Runs with a signal that also aborts when nothing is heard for too long, which then counts as a
 * cut connection.
 */
export async function attentively<T>(
  url: string,
  { patience: { silence }, signal }: Pick<Waiting, 'patience' | 'signal'>,
  run: (signal: AbortSignal, heard: () => void) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  let silent = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      silent = true;
      stop.abort();
    }, silence);
  };
  const abort = () => stop.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  heard();
  try {
    signal.throwIfAborted();
    return await run(stop.signal, heard);
  } catch (error) {
    signal.throwIfAborted();
    if (!silent) throw error;
    throw new Unreachable(url, `nothing came for ${Math.round(silence / 1000)} seconds`);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
