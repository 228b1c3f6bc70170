/** A file behind a server that does what servers do, and what goes wrong with them. */

/** What a server does with one request. */
export type Turn = (range: number, served: ServedFile) => Response | Promise<Response>;

/** A file of a server, with what happens to the next requests; after those all goes well. */
export class ServedFile {
  bytes: Uint8Array<ArrayBuffer>;
  etag: string | undefined = '"one"';
  /** Whether it gives ranges. */
  ranges = true;
  readonly turns: Turn[];
  /** The first byte of each request, in order. */
  readonly asked: number[] = [];

  constructor(bytes: Uint8Array<ArrayBuffer>, ...turns: Turn[]) {
    this.bytes = bytes;
    this.turns = turns;
  }

  readonly answer = async (init: RequestInit): Promise<Response> => {
    const header = new Headers(init.headers).get('Range');
    const from = header === null ? 0 : Number(/^bytes=(\d+)-$/.exec(header)?.[1]);
    this.asked.push(from);
    const turn = this.turns.shift() ?? given;
    return untilAborted(await turn(header === null ? 0 : from, this), init.signal);
  };
}

/** The file from there on. */
export const given: Turn = (from, served) => respond(served, from, served.bytes.subarray(from));

/** The file from there on, which breaks off after so many bytes. */
export const cut =
  (after: number): Turn =>
  (from, served) => {
    const part = served.bytes.subarray(from, from + after);
    return respond(served, from, part, (controller) => controller.error(new TypeError('cut')));
  };

/** As `cut`, but the connection stays and nothing more comes. */
export const silent =
  (after: number): Turn =>
  (from, served) =>
    respond(served, from, served.bytes.subarray(from, from + after), () => undefined);

/** A refusal. */
export const status =
  (code: number, headers: Record<string, string> = {}): Turn =>
  () =>
    new Response('no', { status: code, headers });

/** No connection at all. */
export const offline: Turn = () => {
  throw new TypeError('Failed to fetch');
};

function respond(
  { bytes, etag, ranges }: ServedFile,
  from: number,
  part: Uint8Array<ArrayBuffer>,
  end = (controller: ReadableStreamDefaultController) => controller.close(),
): Response {
  const headers = new Headers();
  if (etag !== undefined) headers.set('ETag', etag);
  if (from > 0 && ranges) {
    if (from >= bytes.length) {
      headers.set('Content-Range', `bytes */${bytes.length}`);
      return new Response('none', { status: 416, headers });
    }
    headers.set('Content-Range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
    return new Response(chunked(part, end), { status: 206, headers });
  }
  headers.set('Content-Length', String(bytes.length));
  const whole = from > 0 ? bytes : part;
  return new Response(chunked(whole, end), { headers });
}

function chunked(
  bytes: Uint8Array<ArrayBuffer>,
  end: (controller: ReadableStreamDefaultController) => void,
): ReadableStream<Uint8Array> {
  const size = Math.max(1, Math.ceil(bytes.length / 5));
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at + size));
      else {
        end(controller);
        // Nothing more comes of a stream that was neither closed nor broken.
        await new Promise(() => undefined);
      }
      at += size;
    },
  });
}

/** The body ends with an error when the request is aborted, as in a browser. */
function untilAborted(response: Response, signal: AbortSignal | null | undefined): Response {
  if (!response.body || !signal) return response;
  const { status, headers } = response;
  const through = new TransformStream();
  void response.body.pipeTo(through.writable, { signal }).catch(() => undefined);
  return new Response(through.readable, { status, headers });
}
