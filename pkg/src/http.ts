import { messageOf, WordmaskError } from './errors.js';
import { release } from './release.js';

/** What asks a server. */
export interface Fetcher {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** No answer came at all, or it broke off: as opposed to an answer that says no. */
export class Unreachable extends WordmaskError {
  constructor(url: string, cause: unknown) {
    super(
      'network',
      `${url} could not be downloaded (${messageOf(cause)}). Check the connection, and that its server lets this page read it (CORS), then try again.`,
      { cause },
    );
  }
}

/** The server answered, and gives nothing. */
export class Refused extends WordmaskError {
  readonly status: number;
  /** Milliseconds after which to ask again, where the server says so. */
  readonly retryAfter: number | undefined;

  constructor(url: string, { status, headers }: Response) {
    super(
      'network',
      `${url} could not be downloaded: the server answered ${status}. ${advice(status)}`,
    );
    this.status = status;
    this.retryAfter = retryAfter(headers.get('Retry-After'));
  }

  /** Whether the same may be given a little later. */
  get passing(): boolean {
    return [408, 425, 429].includes(this.status) || (this.status >= 500 && this.status !== 501);
  }
}

function advice(status: number): string {
  if (status === 401 || status === 403) {
    return 'It is given only to those who have signed in or agreed to its terms, or it is not there. Check the address; what needs a sign-in can be downloaded by hand and imported as files.';
  }
  if (status === 429)
    return 'It has had too many requests from here. Wait some minutes, then try again.';
  if (status >= 500) return 'The fault is the server’s. Try again later.';
  return 'Check the address, then try again.';
}

/** Reads a `Retry-After`, which is seconds or a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const wait = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/** A response, whatever its status. */
export async function request(
  net: Fetcher,
  url: string,
  init: RequestInit & { signal: AbortSignal },
): Promise<Response> {
  try {
    return await net.fetch(url, init);
  } catch (error) {
    init.signal.throwIfAborted();
    // A file on the disk, which says itself what is wrong.
    if (error instanceof WordmaskError) throw error;
    throw new Unreachable(url, error);
  }
}

/** A successful response. Nothing is tried twice: a person decides whether to try again. */
export async function download(net: Fetcher, url: string, signal: AbortSignal): Promise<Response> {
  // Files keep their names across versions, so a stale HTTP cache must be revalidated.
  const response = await request(net, url, { signal, cache: 'no-cache' });
  if (response.ok) return response;
  await response.body?.cancel();
  throw new Refused(url, response);
}

/**
 * The chunks of a body, each of use until the next is asked for. Leaving the loop early cancels the download.
 *
 * Each chunk has a buffer of its own, which is given back at once. A reader that fills one buffer over and
 * over ("byob") would need none of that, but Chromium 156 now and then never answers one of its reads
 * where several bodies come out of Cache Storage at once (`tests/shards.e2e.mjs`).
 */
export async function* chunks(
  response: Response,
  url: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (!response.body) return;
  const reader = response.body.getReader();
  let finished = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      yield value;
      if (ownsBuffer(value)) release(value);
    }
    finished = true;
  } catch (error) {
    signal.throwIfAborted();
    throw new Unreachable(url, error);
  } finally {
    // A body that has already failed refuses to be cancelled, which changes nothing.
    if (!finished) await reader.cancel().catch(() => undefined);
  }
}

/** Whether nothing else lies in the buffer: Node takes small ones out of a common one. */
const ownsBuffer = ({ buffer, byteLength }: Uint8Array) => buffer.byteLength === byteLength;
