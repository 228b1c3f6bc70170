/**
 * One thing that takes a while to make. It is kept as long as it is asked for under the same key,
 * whatever happens to those who wait for it.
 */
export class Kept<T> {
  readonly #drop: (made: T) => void;
  #current: { key: string; made: Promise<T>; stop: AbortController } | undefined;

  /** @param drop Disposes of what was made and is not wanted any more. */
  constructor(drop: (made: T) => void) {
    this.#drop = drop;
  }

  /** The thing of this key: the one at hand, or a new one in its place. */
  get(key: string, make: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#current?.key === key) return this.#current.made;
    this.clear();
    const stop = new AbortController();
    const current = { key, made: make(stop.signal), stop };
    this.#current = current;
    current.made.catch(() => {
      // What has failed is made anew when it is asked for again.
      if (this.#current === current) this.#current = undefined;
    });
    return current.made;
  }

  /** Stops making it, or disposes of it. */
  clear(): void {
    const current = this.#current;
    this.#current = undefined;
    current?.stop.abort();
    current?.made.then(this.#drop, () => undefined);
  }
}
