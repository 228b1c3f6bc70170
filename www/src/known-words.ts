/**
 * Words apart by whether the model has learned them. One that it has not learned is left out of what it is asked: its
 * direction means nothing, and where it is the nearest it would take the picture from words that are known.
 */
import type { Knowledge, SegmentOptions } from 'wordmask';

/** What a model says of a word. */
export type LookUp = (word: string) => Knowledge;

export interface UnknownWord {
  readonly word: string;
  /** A word that is known and may have been meant. */
  readonly nearest: string | null;
}

export interface SortedWords {
  readonly known: readonly string[];
  readonly unknown: readonly UnknownWord[];
}

/** @param lookUp `null` before there is a model: then every word may be known. */
export function sortWords(words: readonly string[], lookUp: LookUp | null): SortedWords {
  const known: string[] = [];
  const unknown: UnknownWord[] = [];
  for (const word of words) {
    const found = lookUp?.(word) ?? { known: true, nearest: null };
    if (found.known) known.push(word);
    else unknown.push({ word, nearest: found.nearest });
  }
  return { known, unknown };
}

/** The background with those of its own words that the model knows; without any there is none. */
export function knownBackground(
  background: SegmentOptions['background'],
  lookUp: LookUp,
): SegmentOptions['background'] {
  if (typeof background !== 'object') return background;
  const { known } = sortWords(background, lookUp);
  return known.length > 0 ? [...known] : 'none';
}
