/** The masks of the work with the user's corrections: as labels for the stage at once, as a segmentation soon after. */
import type { Segmentation } from 'wordmask';
import { applied, type Corrections, reapply } from './corrections.js';
import type { Painted } from './paint.js';

/** What is put together. */
interface Parts {
  readonly masks: Segmentation | null;
  readonly corrections: Corrections | null;
}

export class Corrected {
  readonly #onChange: () => void;
  readonly #onFailure: (error: unknown) => void;
  #painted: { parts: Parts; painted: Painted | null } | null = null;
  #parts: Parts = { masks: null, corrections: null };
  #latest: Promise<Segmentation | null> = Promise.resolve(null);
  #shown: Segmentation | null = null;
  /** What is shown, if it was made here, to be freed here. */
  #made: Segmentation | null = null;

  /** @param onChange Called when corrections have been put into the masks, some time after `update`. */
  constructor(onChange: () => void, onFailure: (error: unknown) => void) {
    this.#onChange = onChange;
    this.#onFailure = onFailure;
  }

  /** The masks with their shares, as of the last corrections that were put into them. */
  get shown(): Segmentation | null {
    return this.#shown;
  }

  /** The masks with every correction that there is by then: what is saved. */
  async latest(): Promise<Segmentation | null> {
    for (;;) {
      const latest = this.#latest;
      const masks = await latest;
      if (latest === this.#latest) return masks;
    }
  }

  /** What the stage paints. */
  painted(masks: Segmentation | null, corrections: Corrections | null): Painted | null {
    const before = this.#painted;
    const same = before?.parts.masks === masks && before.parts.corrections === corrections;
    if (same) return before.painted;
    const parts = { masks, corrections };
    this.#painted = { parts, painted: this.#repainted(parts) ?? paintedOf(parts) };
    return this.#painted.painted;
  }

  /** The labels of before with what is new in the corrections, where nothing else is: strokes come many times a second. */
  #repainted({ masks, corrections }: Parts): Painted | null {
    const before = this.#painted;
    if (before === null || masks === null || before.parts.masks !== masks) return null;
    if (corrections === null || before.parts.corrections === null) return null;
    const labels = before.painted?.labels;
    if (labels !== undefined) reapply(labels, masks, before.parts.corrections, corrections);
    return before.painted;
  }

  /** Puts other parts together. */
  update(masks: Segmentation | null, corrections: Corrections | null): void {
    if (masks === this.#parts.masks && corrections === this.#parts.corrections) return;
    const parts = { masks, corrections };
    this.#parts = parts;
    if (masks === null || corrections === null) {
      this.#latest = Promise.resolve(masks);
      this.#show(masks, null);
      return;
    }
    this.#latest = this.#make(masks, corrections, parts);
    // Whoever saves it hears of a failure as well.
    this.#latest.catch((error: unknown) => {
      if (this.#parts === parts) this.#onFailure(error);
    });
  }

  async #make(masks: Segmentation, corrections: Corrections, parts: Parts): Promise<Segmentation> {
    const made = await masks.withLabels(applied(masks, corrections));
    if (this.#parts === parts) {
      this.#show(made, made);
      this.#onChange();
    } else made.free();
    return made;
  }

  #show(next: Segmentation | null, made: Segmentation | null): void {
    this.#made?.free();
    this.#made = made;
    this.#shown = next;
  }
}

function paintedOf({ masks, corrections }: Parts): Painted | null {
  if (masks === null || corrections === null) return masks;
  const { width, height, classes } = masks;
  return { width, height, classes, labels: applied(masks, corrections) };
}
