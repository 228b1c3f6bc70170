import { messageOf, WordmaskError } from './errors.js';
import type { PublishedFile } from './protocol.js';
import { release } from './release.js';

/** Reads a part of a file at once, which only workers can. */
export type ReadSlice = (
  file: PublishedFile,
  offset: number,
  length: number,
) => Uint8Array<ArrayBuffer>;

/** Files that are read by slices. */
export class Slices {
  readonly #files: Map<string, PublishedFile>;
  readonly #readSlice: ReadSlice;
  /** Why the last slice could not be read. The engine, which asked for it, cannot know. */
  failure: WordmaskError | undefined;
  #last: Uint8Array<ArrayBuffer> | undefined;

  constructor(files: readonly PublishedFile[], readSlice: ReadSlice) {
    this.#files = new Map(files.map((file) => [file.name, file]));
    this.#readSlice = readSlice;
  }

  /** The bytes of a slice, of use until the next is asked for. */
  read(name: string, offset: number, length: number): Uint8Array {
    if (this.#last) release(this.#last);
    this.#last = undefined;
    const file = this.#files.get(name);
    try {
      if (!file) throw new RangeError('there is no such file');
      this.#last = this.#readSlice(file, offset, length);
      return this.#last;
    } catch (cause) {
      this.failure = new WordmaskError(
        'input',
        `${name} cannot be read (${messageOf(cause)}); it was probably changed or moved. Choose the files again.`,
        { cause },
      );
      throw this.failure;
    }
  }
}
