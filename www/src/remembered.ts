/** The model that was chosen last, for the next visit. */
import { checkedKey } from './catalogue.js';

const KEY = 'wordmask-model';

/** The key of the model that was chosen before, if there is one and it can be one of this site. */
export function rememberedModel(): string | null {
  try {
    return checkedKey(localStorage.getItem(KEY), location.origin);
  } catch {
    return null; // Storage is forbidden here.
  }
}

export function rememberModel(key: string): void {
  try {
    localStorage.setItem(KEY, key);
  } catch {
    // Then it is forgotten with the page.
  }
}

/**
 * Asks the browser to keep what was fetched when it makes room. It may say no, and nothing changes. Nothing waits for
 * the answer: Firefox asks its user, who may leave that open.
 */
export function keepStorage(): void {
  // Without a secure connection there is none.
  const { storage } = navigator as Partial<Navigator>;
  storage?.persist?.().catch(() => false);
}
