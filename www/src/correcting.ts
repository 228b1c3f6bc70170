/** Correcting masks on the stage: a region that is picked, or a stroke, is given to a class or taken away. */
import type { EncodedPicture } from 'wordmask';
import { type Corrections, correct, type Patch, regionPatch, strokePatch } from './corrections.js';
import { share } from './formats.js';
import type { StrokeListener } from './gestures.js';
import type { Painted } from './paint.js';
import { pixelAt } from './pointer.js';
import { type Store, shorten } from './state.js';
import { t } from './texts.js';
import type { Point } from './zoom.js';

/** A stroke is never thinner, in pixels of the picture: it would miss some. */
const LEAST_RADIUS = 0.75;

/** What correcting has to know at the moment of a click. */
export interface CorrectingContext {
  picture(): EncodedPicture | null;
  masks(): Painted | null;
  /** How wide the picture is shown, in CSS pixels. */
  shownWidth(): number;
}

export interface Correcting {
  /** Does with a picked point what the tool does; `alt` turns giving into taking away. */
  pick(point: Point, alt: boolean): void;
  readonly stroke: StrokeListener;
}

export function createCorrecting(
  store: Store,
  now: CorrectingContext,
  say: (text: string) => void,
): Correcting {
  let asked = new AbortController();
  let last: Point | null = null;
  let erases = false;

  /** The name of the class that is given to, or `null` if something is taken away. */
  const target = (takesAway: boolean): string | null =>
    takesAway ? null : targetOf(store.state().tools.target, now.masks()?.classes ?? []);

  const latest = (): Corrections | null => store.state().draft ?? store.state().corrections;

  const region = async (at: Point, takesAway: boolean): Promise<void> => {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    const picture = now.picture();
    if (picture === null) return say(t.naming.stillReading);
    const name = target(takesAway);
    try {
      const { x, y } = pixelAt(picture, at);
      const found = await picture.regionAt(x, y, { signal });
      if (now.picture() !== picture) return;
      const corrections = correct(store.state().corrections, picture, regionPatch(found), name);
      store.dispatch({ type: 'correct', corrections });
      const part = share(found.area / (found.width * found.height));
      say(name === null ? t.tools.taken(part) : t.tools.given(part, shorten(name)));
    } catch (error) {
      if (!signal.aborted) say(error instanceof Error ? error.message : String(error));
    }
  };

  /** What a stroke reaches on its way from one point to the next. */
  const patch = (masks: Painted, from: Point, to: Point): Patch | null => {
    const { tools, view } = store.state();
    const scale = masks.width / (now.shownWidth() * view.zoom.scale);
    const inPixels = ([x, y]: Point): Point => [x * masks.width, y * masks.height];
    const radius = Math.max(LEAST_RADIUS, (tools.size / 2) * scale);
    return strokePatch([inPixels(from), inPixels(to)], radius, masks);
  };

  const draw = (to: Point): void => {
    const masks = now.masks();
    if (masks === null || last === null) return;
    const touched = patch(masks, last, to);
    last = to;
    if (touched === null) return;
    const corrections = correct(latest(), masks, touched, target(erases));
    store.dispatch({ type: 'draft', corrections });
  };

  const stroke: StrokeListener = {
    start(point, alt) {
      erases = (store.state().tools.tool === 'eraser') !== alt;
      if (now.masks() === null) say(t.tools.noMasks);
      last = point;
      draw(point);
    },
    move: draw,
    end() {
      last = null;
      const { draft } = store.state();
      if (draft !== null) store.dispatch({ type: 'correct', corrections: draft });
    },
    cancel() {
      last = null;
      store.dispatch({ type: 'draft', corrections: null });
    },
  };

  return {
    stroke,
    pick(point, alt) {
      const { tool, takeAway } = store.state().tools;
      if (now.masks() === null) return say(t.tools.noMasks);
      if (tool === 'region') void region(point, takeAway !== alt);
      else {
        stroke.start(point, alt);
        stroke.end();
        const name = target(erases);
        say(name === null ? t.tools.erased : t.tools.painted(shorten(name)));
      }
    },
  };
}

/** The class that was chosen, or the first one where that is not there. */
export function targetOf(
  chosen: string | null,
  classes: readonly { readonly name: string }[],
): string | null {
  return classes.find(({ name }) => name === chosen)?.name ?? classes[0]?.name ?? null;
}
