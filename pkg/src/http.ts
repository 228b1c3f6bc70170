import { messageOf, WordmaskError } from './errors.js';

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

/** Reads a body, chunk by chunk. */
interface ChunkReader {
  read(): Promise<{ done: boolean; value?: Uint8Array<ArrayBuffer> | undefined }>;
  cancel(): Promise<void>;
}

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * The chunks of a body, each of use until the next is asked for. Leaving the loop early cancels the download.
 */
export async function* chunks(
  response: Response,
  url: string,
  signal: AbortSignal,
  readerOf: (body: Body) => ChunkReader = (body) => body.getReader(),
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (!response.body) return;
  const reader = readerOf(response.body);
  let finished = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done || !value) break;
      yield value;
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

/** How large the buffer is that a body is read into. */
const chunkBytes = 256 << 10;

/**
 * Reads into one buffer over and over where the browser can: of buffers that it makes anew for each chunk,
 * its collector lets a hundred megabytes lie.
 *
 * Only for those who ask again when nothing comes: Chromium 156 now and then never answers such a read, where
 * several bodies come out of Cache Storage at once nearly always (`tests/shards.e2e.mjs`).
 */
export function intoOneBuffer(body: Body): ChunkReader {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: 'byob' });
  } catch {
    // Not a stream of bytes here.
    return body.getReader();
  }
  let buffer = new ArrayBuffer(chunkBytes);
  return {
    async read() {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (value) buffer = value.buffer;
      return { done, value };
    },
    cancel: () => reader.cancel(),
  };
}
