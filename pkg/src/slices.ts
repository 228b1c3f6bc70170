import { messageOf, WordmaskError } from './errors.js';
import type { PublishedFile } from './protocol.js';

/** Reads a part of a file at once, which only workers can. */
export type ReadSlice = (file: PublishedFile, offset: number, length: number) => Uint8Array;

/** Files that are read by slices. */
export class Slices {
  readonly #files: Map<string, PublishedFile>;
  readonly #readSlice: ReadSlice;
  /** Why the last slice could not be read. The engine, which asked for it, cannot know. */
  failure: WordmaskError | undefined;

  constructor(files: readonly PublishedFile[], readSlice: ReadSlice) {
    this.#files = new Map(files.map((file) => [file.name, file]));
    this.#readSlice = readSlice;
  }

  read(name: string, offset: number, length: number): Uint8Array {
    const file = this.#files.get(name);
    try {
      if (!file) throw new RangeError('there is no such file');
      return this.#readSlice(file, offset, length);
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
