/** Work on pictures that are not shown: one after the other, behind whatever is done for the one that is. */
import type { Segmenter } from 'wordmask';
import type { Ready } from './shelf.js';
import type { Question } from './work.js';

/**
 * Does what is missing of a picture.
 *
 * @param before What is there of it, which is this function's to free from now on.
 */
export async function prepare(
  file: File,
  before: Ready | null,
  segmenter: Segmenter,
  { words, options, key }: Question,
  signal: AbortSignal,
): Promise<Ready> {
  if (before?.asked === key) return before;
  before?.masks?.free();
  const { method } = options;
  const picture = before?.picture ?? (await segmenter.encode(file, { method, signal }));
  try {
    const masks = words.length === 0 ? null : await picture.segment(words, { ...options, signal });
    return { picture, masks, words, asked: key };
  } catch (error) {
    picture.free();
    throw error;
  }
}
