/** The page's own files, kept so that it opens without the network. */

/** A file of the page as it was built. */
export interface PageFile {
  /** Below the page's own address. */
  readonly path: string;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
  /** Whether it is kept only once it was asked for, as the one engine of several that fits this browser. */
  readonly optional: boolean;
}

/** A version of the page. Its scripts lie in a folder of its own, so that two versions never mix. */
export interface PageBuild {
  readonly version: string;
  readonly files: readonly PageFile[];
}

/** What a service worker has around it. */
export interface Surroundings {
  readonly caches: CacheStorage;
  readonly locks: Pick<LockManager, 'request'> | undefined;
  readonly fetch: (request: Request | string, init?: RequestInit) => Promise<Response>;
}

const hashHeader = 'x-wordmask-sha256';
const versions = 'app/';

/** What a page has to be served with for threads to be allowed in it. */
const isolation = [
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Embedder-Policy', 'require-corp'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
] as const;

/**
 * For the worker, which has the pictures: pages have a policy in their head, scripts only in their
 * headers, which some hosts cannot send.
 */
const scriptPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

/** Headers of how a body was sent, which is over once it lies in the cache. */
const ofTransfer = ['Content-Encoding', 'Content-Length', 'Vary'];

/** The folder of one version's scripts, that a script of this address lies in. */
export function appFolder(script: string): string {
  return script.replace(/(\/app\/[^/]+\/).*/, '$1');
}

/**
 * What both the cache of a version and the lock that its open pages hold are called.
 *
 * @param folder The address of the folder with its scripts.
 */
export function versionName(folder: string): string {
  return `wordmask-page ${folder}`;
}

/** Keeps the files of one version, and gives pages what they ask for. */
export class KeptPage {
  readonly #version: string;
  readonly #files: ReadonlyMap<string, PageFile>;
  readonly #scope: string;
  readonly #around: Surroundings;

  /** @param scope The address of the page's folder. */
  constructor(build: PageBuild, scope: string, around: Surroundings) {
    this.#version = build.version;
    this.#files = new Map(build.files.map((file) => [file.path, file]));
    this.#scope = scope;
    this.#around = around;
  }

  /** Whether there is nothing to keep, as in a build for development. */
  get empty(): boolean {
    return this.#files.size === 0;
  }

  /** Gets all files, or none if one cannot be had. What an older version holds is not fetched again. */
  async install(): Promise<void> {
    const before = await this.#inventory();
    const wanted = [...this.#files.values()].filter(
      ({ path, optional }) => !optional || before.paths.has(unversioned(path)),
    );
    // To the end of each, so that none is kept after the others have been removed.
    const takes = await Promise.allSettled(
      wanted.map((file) => this.#take(file, before.responses.get(file.sha256))),
    );
    const failure = takes.find((take) => take.status === 'rejected');
    if (!failure) return;
    await this.#around.caches.delete(this.#name);
    throw failure.reason;
  }

  /** Keeps a file that a page has asked for before there was a service worker. */
  async keep(address: string): Promise<void> {
    const file = this.#files.get(this.#path(address) ?? '');
    if (file) await this.#take(file);
  }

  /** Removes older versions, but those that a page is still open of. */
  async removeOlder(): Promise<void> {
    const { caches, locks } = this.#around;
    for (const name of await this.#older()) {
      if (!locks) await caches.delete(name);
      await locks?.request(name, { ifAvailable: true }, async (lock) => {
        if (lock) await caches.delete(name);
      });
    }
  }

  /** The answer to a request for a file of the page; `undefined` if it asks for anything else. */
  answer(request: Request): Promise<Response> | undefined {
    if (request.method !== 'GET' || request.headers.has('Range')) return undefined;
    const path = this.#path(request.url);
    if (path === undefined) return undefined;
    const file = request.mode === 'navigate' ? this.#document(path) : this.#files.get(path);
    if (file) return this.#give(file, request);
    // A page of an older version that is still open.
    return path.startsWith(versions) ? this.#giveOlder(request) : undefined;
  }

  /** Hosts leave out the names of pages, or their endings; pages have options behind a question mark. */
  #document(path: string): PageFile | undefined {
    const [bare = ''] = path.split('?', 1);
    return ['', 'index.html', '.html']
      .map((ending) => this.#files.get(bare + ending))
      .find((file) => file?.path.endsWith('.html'));
  }

  async #give(file: PageFile, request: Request): Promise<Response> {
    const kept = await this.#kept(file).catch(() => undefined);
    if (kept) return kept;
    // What the browser has thrown away, or was not asked for until now.
    return this.#take(file).catch(async () => bound(file.path, await this.#around.fetch(request)));
  }

  async #giveOlder(request: Request): Promise<Response> {
    for (const name of await this.#older().catch(() => [])) {
      const cache = await this.#around.caches.open(name);
      const kept = await cache.match(request.url);
      if (kept) return kept;
    }
    return bound(request.url, await this.#around.fetch(request));
  }

  async #kept({ path, sha256 }: PageFile): Promise<Response | undefined> {
    const cache = await this.#around.caches.open(this.#name);
    const response = await cache.match(this.#scope + path);
    return response?.headers.get(hashHeader) === sha256 ? response : undefined;
  }

  /** Gets a file, keeps it and returns it. Only what belongs to this version is taken. */
  async #take(file: PageFile, older?: Response): Promise<Response> {
    const kept = await this.#kept(file);
    if (kept) return kept;
    const response = older ?? (await this.#fetch(file));
    const cache = await this.#around.caches.open(this.#name);
    await cache.put(this.#scope + file.path, response.clone());
    return response;
  }

  async #fetch({ path, sha256 }: PageFile): Promise<Response> {
    // The browser's own cache may hold another version.
    for (const cache of ['default', 'reload'] as const) {
      const response = await this.#around.fetch(this.#scope + path, { cache });
      if (!response.ok) throw new Error(`The server answered ${response.status} to ${path}.`);
      const bytes = await response.arrayBuffer();
      if ((await hash(bytes)) !== sha256) continue;
      const headers = new Headers(response.headers);
      for (const name of ofTransfer) headers.delete(name);
      headers.set(hashHeader, sha256);
      return bound(path, new Response(bytes, { headers }));
    }
    throw new Error(`${path} belongs to another version of the page.`);
  }

  /** What older versions hold: responses by their hash, and the paths of their files. */
  async #inventory(): Promise<{ responses: Map<string, Response>; paths: Set<string> }> {
    const responses = new Map<string, Response>();
    const paths = new Set<string>();
    for (const name of await this.#older()) {
      const cache = await this.#around.caches.open(name);
      for (const { url } of await cache.keys()) {
        const response = await cache.match(url);
        const sha256 = response?.headers.get(hashHeader);
        if (response && sha256) responses.set(sha256, response);
        paths.add(unversioned(this.#path(url) ?? ''));
      }
    }
    return { responses, paths };
  }

  /** The caches of other versions of this page, but not of other pages of this origin. */
  async #older(): Promise<string[]> {
    const begin = versionName(this.#scope + versions);
    const isVersion = (name: string): boolean =>
      name.startsWith(begin) && /^[^/]+\/$/.test(name.slice(begin.length));
    const names = await this.#around.caches.keys();
    return names.filter((name) => isVersion(name) && name !== this.#name);
  }

  get #name(): string {
    return versionName(`${this.#scope}${versions}${this.#version}/`);
  }

  /** What an address has behind that of the page's folder. */
  #path(address: string): string | undefined {
    const [bare = ''] = address.split('#', 1);
    return bare.startsWith(this.#scope) ? bare.slice(this.#scope.length) : undefined;
  }
}

function unversioned(path: string): string {
  return path.replace(/^app\/[^/]+\//, '');
}

/** A response by which pages are isolated, and scripts obey a policy. */
function bound(address: string, response: Response): Response {
  // What the page may not read cannot be made anew.
  if (response.type === 'opaque' || response.type === 'opaqueredirect') return response;
  const headers = new Headers(response.headers);
  if (address.endsWith('.js')) headers.append('Content-Security-Policy', scriptPolicy);
  for (const [name, value] of isolation) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

async function hash(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
