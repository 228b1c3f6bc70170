/** What can be undone and redone. Pure: moments are kept as they were and never looked into. */

/** More than anybody goes back, and few enough to be kept. */
const MOST_STEPS = 200;

export interface History<Moment> {
  /** The moments before each step, oldest first. */
  readonly past: readonly Moment[];
  /** The moments that were undone, the one to come next last. */
  readonly future: readonly Moment[];
  /** What the last step may be joined by: such as one slide, which comes in many steps. */
  readonly joins: string | null;
}

export const noHistory: History<never> = { past: [], future: [], joins: null };

/**
 * The history after one more step.
 *
 * @param before The moment that the step left.
 * @param joins Steps with the same name that follow each other are undone as one; `null` is no name.
 */
export function recorded<Moment>(
  { past, joins: last }: History<Moment>,
  before: Moment,
  joins: string | null,
): History<Moment> {
  if (joins !== null && joins === last) return { past, future: [], joins };
  return { past: [...past, before].slice(-MOST_STEPS), future: [], joins };
}

/** The moment before the last step, with the history from there; `null` if there is none. */
export function undone<Moment>(
  { past, future }: History<Moment>,
  now: Moment,
): { moment: Moment; history: History<Moment> } | null {
  const [moment] = past.slice(-1);
  if (moment === undefined) return null;
  return {
    moment,
    history: { past: past.slice(0, -1), future: [...future, now], joins: null },
  };
}

/** The moment that was undone last, with the history from there; `null` if there is none. */
export function redone<Moment>(
  { past, future }: History<Moment>,
  now: Moment,
): { moment: Moment; history: History<Moment> } | null {
  const [moment] = future.slice(-1);
  if (moment === undefined) return null;
  return {
    moment,
    history: { past: [...past, now], future: future.slice(0, -1), joins: null },
  };
}
