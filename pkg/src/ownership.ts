/** Who holds what lives in the engine, and when it is freed. */

import type { Connection, Resident } from './bridge.js';
import { WordmaskError } from './errors.js';

/** What is freed when its owner is collected. A safety net: `free()` is prompt, this is not. */
export const forgotten = new FinalizationRegistry<Resident>((resident) => resident.free());

export function usable(resident: Resident): void {
  if (resident.freed) {
    throw new WordmaskError('input', 'This was freed and cannot be used any more.');
  }
}

export function release(owner: object, resident: Resident): void {
  forgotten.unregister(owner);
  if (!resident.freed) resident.free();
}

/** Runs a call; if it does not succeed, whatever it may have left in the engine is freed. */
export async function orFree<T>(
  connection: Connection,
  handle: number,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    connection.free(handle);
    throw error;
  }
}
