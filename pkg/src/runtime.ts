/** What Node, Deno and Bun have and browsers lack. */

/** The part of a thread of `node:worker_threads` that is used here. */
export interface Thread {
  on(event: 'message', listener: (data: unknown) => void): void;
  on(event: 'messageerror' | 'error', listener: (error: Error) => void): void;
  postMessage(message: unknown): void;
  terminate(): Promise<unknown>;
  ref(): void;
  unref(): void;
}

interface Builtins {
  'node:fs/promises': {
    readFile(path: URL, options: { signal?: AbortSignal }): Promise<Uint8Array<ArrayBuffer>>;
  };
  'node:url': { pathToFileURL(path: string): URL };
  'node:worker_threads': {
    Worker: new (url: URL, options: { execArgv: string[] }) => Thread;
    /** The way to the thread that started this one. */
    parentPort: MessagePort | null;
  };
}

/**
 * A module of the runtime; `undefined` in browsers.
 *
 * Asked for by this function rather than imported, so that no bundler meets a name that it cannot
 * resolve for browsers, and one file serves all runtimes.
 */
export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: Name) => Builtins[Name] };
  };
  return process?.getBuiltinModule?.(name);
}
