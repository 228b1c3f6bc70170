import { messageOf, WordmaskError } from './errors.js';
import { builtin } from './runtime.js';

/**
 * A file of the disk as `fetch` would give it, which Node's does not.
 *
 * @throws WordmaskError with the code `input` for a file that cannot be read.
 */
export async function openFile(url: string, { signal }: RequestInit): Promise<Response> {
  const files = builtin('node:fs/promises');
  // Apps that are no pages of a server, such as those of Electron, may let `fetch` read files.
  if (!files) return fetch(url, signal ? { signal } : {});
  try {
    const bytes = await files.readFile(new URL(url), signal ? { signal } : {});
    const headers = { 'Content-Type': mediaType(url) };
    return new Response(bytes, { headers });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new WordmaskError(
      'input',
      `${url} cannot be read (${messageOf(cause)}). Check the path.`,
      { cause },
    );
  }
}

/** What WebAssembly compiles as it is read has to say what it is. */
function mediaType(url: string): string {
  return url.endsWith('.wasm') ? 'application/wasm' : 'application/octet-stream';
}
