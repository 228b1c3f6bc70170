/**
 * A hub on this machine: what the real one does for browsers, and what goes wrong with it. It answers
 * under the names of the real one, to a browser that is told to look for those here.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:https';
import { generate } from 'selfsigned';

export const SHA = '0123456789abcdef0123456789abcdef01234567';
const STORE = 'https://cas-bridge.xethub.hf.co';

/** Files from this size on lie in a store of their own, with a hash that the hub tells. */
const LARGE = 100_000;

/** What browsers may read of an answer, as the real ones say. */
const readable = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers':
    'ETag, Content-Range, Accept-Ranges, X-Repo-Commit, X-Error-Code',
};

/** Starts a hub; `flags` make Chromium take it for the real one. */
export async function startHub() {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'hub' }], {
    keyType: 'ec',
  });
  const hub = new Hub();
  const server = createServer({ key, cert }, (request, response) => hub.answer(request, response));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  hub.port = server.address().port;
  const place = `127.0.0.1:${hub.port}`;
  hub.flags = [
    `--host-resolver-rules=MAP huggingface.co ${place}, MAP *.hf.co ${place}`,
    '--ignore-certificate-errors',
  ];
  hub.close = () => {
    server.close();
    server.closeAllConnections();
  };
  return hub;
}

class Hub {
  /** Contents by repository and name. */
  repositories = new Map();
  /**
   * What happens to the next requests for large files: `{ status, headers }` refuses; `{ hold: bytes }`
   * sends so many and then nothing more; `{ cut: bytes }` breaks off there; `{ pace: bytes }` sends so
   * many every 20 ms; `contents` and `etag` are in the place of its own. After those all goes well.
   */
  next = [];
  /** Every request: method, host, path, headers, first byte of the range, length of the body. */
  log = [];

  put(id, files) {
    this.repositories.set(id, new Map(Object.entries(files)));
  }

  /** The first bytes that were asked for of large files. */
  get asked() {
    return this.log.filter(({ host }) => host !== 'huggingface.co').map(({ from }) => from);
  }

  answer(request, response) {
    const { method, headers } = request;
    const { host, pathname } = new URL(request.url, `https://${headers.host}`);
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    if (method === 'OPTIONS') {
      const allowed = { 'Access-Control-Allow-Headers': 'Range', 'Access-Control-Max-Age': '600' };
      return void response.writeHead(204, { ...readable, ...allowed }).end();
    }
    let length = 0;
    request.on('data', (chunk) => {
      length += chunk.length;
    });
    request.on('end', () =>
      this.log.push({ method, host, path: request.url, headers, from, length }),
    );
    const found = this.#find(pathname);
    if (!found) return refuse(response, { status: 404 });
    if (found.json) return give(response, Buffer.from(JSON.stringify(found.json)), 0);
    if (found.location) {
      return void response.writeHead(302, { ...readable, Location: found.location }).end();
    }
    const turn = host === 'huggingface.co' ? {} : (this.next.shift() ?? {});
    if (turn.status) return refuse(response, turn);
    give(response, turn.contents ?? found.contents, from, turn);
  }

  #find(path) {
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\//.exec(path);
    if (api) return this.#listing(api[1]);
    const file = /^\/([^/]+\/[^/]+)\/resolve\/[^/]+\/(.+)$/.exec(path);
    if (!file) return this.#stored(path.slice(1));
    const contents = this.repositories.get(file[1])?.get(file[2]);
    if (!contents) return undefined;
    return contents.length < LARGE ? { contents } : { location: `${STORE}/${hash(contents)}` };
  }

  #listing(id) {
    const files = this.repositories.get(id);
    const siblings = Array.from(files ?? [], ([rfilename, contents]) => ({
      rfilename,
      size: contents.length,
      ...(contents.length >= LARGE && { lfs: { sha256: hash(contents) } }),
    }));
    return files && { json: { sha: SHA, siblings } };
  }

  #stored(wanted) {
    const all = [...this.repositories.values()].flatMap((files) => [...files.values()]);
    const contents = all.find((one) => hash(one) === wanted);
    return contents && { contents };
  }
}

function refuse(response, { status, headers }) {
  response.writeHead(status, { ...readable, ...headers }).end('no');
}

/** Enough for a browser to read what has been sent, on a busy machine, too. */
const READ_MS = 300;

function give(response, contents, from, { hold, cut, pace, etag = hash(contents) } = {}) {
  const headers = { ...readable, ETag: `"${etag}"`, 'Accept-Ranges': 'bytes' };
  if (from >= contents.length && from > 0) {
    headers['Content-Range'] = `bytes */${contents.length}`;
    return void response.writeHead(416, headers).end();
  }
  const rest = contents.subarray(from);
  headers['Content-Length'] = rest.length;
  if (from > 0) {
    headers['Content-Range'] = `bytes ${from}-${contents.length - 1}/${contents.length}`;
  }
  response.writeHead(from > 0 ? 206 : 200, headers);
  if (pace) return trickle(response, rest, pace);
  if (hold !== undefined) return void response.write(rest.subarray(0, Math.max(0, hold - from)));
  if (cut === undefined) return void response.end(rest);
  // Later, since browsers drop what they have not read when a connection breaks.
  const part = rest.subarray(0, Math.max(0, cut - from));
  response.write(part, () => setTimeout(() => response.destroy(), READ_MS));
}

function trickle(response, rest, pace) {
  let at = 0;
  const timer = setInterval(() => {
    if (at >= rest.length) response.end();
    else response.write(rest.subarray(at, at + pace));
    at += pace;
    if (at - pace >= rest.length || response.destroyed) clearInterval(timer);
  }, 20);
}

function hash(contents) {
  return createHash('sha256').update(contents).digest('hex');
}
