/** The click that asks for a model, on its way from one page to the other. */

const KEY = 'wordmask-get';
/** A page that opens later than this was not opened by the click. */
const FRESH_MS = 60_000;

/** Notes that the user asked for this model just now. */
export function askFor(name: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ name, at: Date.now() }));
  } catch {
    // Then the user clicks once more on the other page.
  }
}

/**
 * Whether the user has asked for this model on the page that led here: a link from elsewhere must not
 * start a large download. Said once.
 */
export function wasAskedFor(name: string): boolean {
  try {
    const noted = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    localStorage.removeItem(KEY);
    return noted?.name === name && Date.now() - noted.at < FRESH_MS;
  } catch {
    return false;
  }
}

/** The page on which a model is fetched. */
export function pageOf(name: string): string {
  return `models.html#${name}`;
}
