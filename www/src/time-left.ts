/** How long a download still takes, by how fast it was lately. Pure. */

/** Long enough to even out, short enough to follow a change. */
const WINDOW_MS = 15_000;
/** Before that, the rate says nothing. */
const SETTLED_MS = 2_000;

export class TimeLeft {
  #seen: { at: number; loaded: number }[] = [];

  /**
   * Takes note of progress.
   *
   * @returns Seconds, or `null` as long as nothing can be said.
   */
  at(now: number, loaded: number, total: number): number | null {
    const last = this.#seen.at(-1);
    // It began anew.
    if (last !== undefined && loaded < last.loaded) this.#seen = [];
    this.#seen.push({ at: now, loaded });
    while ((this.#seen[1]?.at ?? now) < now - WINDOW_MS) this.#seen.shift();
    const [first] = this.#seen;
    if (first === undefined || now - first.at < SETTLED_MS || loaded === first.loaded) return null;
    return ((total - loaded) * (now - first.at)) / (loaded - first.loaded) / 1000;
  }
}
