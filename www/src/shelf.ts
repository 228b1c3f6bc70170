/** Pictures that have been read and are not shown now: kept as the engine has them, as far as there is room. */
import type { EncodedPicture, Segmentation } from 'wordmask';

/** A picture as it is when it is left, or when it has been worked on in the background. */
export interface Ready {
  readonly picture: EncodedPicture;
  readonly masks: Segmentation | null;
  /** The word of each class. */
  readonly words: readonly string[];
  /** What the masks answer. */
  readonly asked: string;
}

/** What one is taken to cost: four bytes of colour and one label in the engine, one label here, and what a tower keeps. */
const BYTES_A_PIXEL = 6;
const BYTES_A_PICTURE = 4 << 20;

const bytesOf = ({ picture: { width, height } }: Ready): number =>
  BYTES_A_PICTURE + BYTES_A_PIXEL * width * height;

export class Shelf {
  readonly #ready = new Map<File, Ready>();
  readonly #room: number;
  #wanted: (file: File) => boolean = () => false;

  /** @param room In bytes. What has been here longest goes first. */
  constructor(room = 384 << 20) {
    this.#room = room;
  }

  /** Says which pictures may be shown again; all others are freed at once. */
  want(wanted: (file: File) => boolean): void {
    this.#wanted = wanted;
  }

  /** What is here of a picture; it stays here. */
  get(file: File): Ready | undefined {
    return this.#ready.get(file);
  }

  /** Gives away what is here of a picture: whoever takes it frees it, or puts it back. */
  take(file: File): Ready | null {
    const ready = this.#ready.get(file) ?? null;
    this.#ready.delete(file);
    return ready;
  }

  put(file: File, ready: Ready): void {
    this.drop(file);
    if (this.#wanted(file)) this.#ready.set(file, ready);
    else free(ready);
    let bytes = [...this.#ready.values()].reduce((sum, one) => sum + bytesOf(one), 0);
    for (const [oldest, one] of this.#ready) {
      if (bytes <= this.#room) break;
      bytes -= bytesOf(one);
      this.drop(oldest);
    }
  }

  /** Frees what is here of a picture. */
  drop(file: File): void {
    const ready = this.take(file);
    if (ready !== null) free(ready);
  }

  clear(): void {
    for (const file of [...this.#ready.keys()]) this.drop(file);
  }
}

/** Frees what the engine has of a picture. */
export function free({ picture, masks }: Ready): void {
  picture.free();
  masks?.free();
}
