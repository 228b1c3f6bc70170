/** Whether a model has learned a word. */
export interface Knowledge {
  /** True for every word where the model reads language in general. */
  known: boolean;
  /** What may have been meant by a word that is not known: one that is, and is spelled much alike. */
  nearest: string | null;
}

/**
 * Looks a class as it was typed, `tv/monitor`, up in the names that a model has learned. An empty
 * list means a model that reads language in general. A class is known if one of its names is, and a
 * phrase if it is made of such names.
 */
export function lookUp(vocabulary: readonly string[], typed: string): Knowledge {
  if (vocabulary.length === 0) return { known: true, nearest: null };
  const names = new Set(vocabulary.map(plain));
  const asked = typed
    .split('/')
    .map(plain)
    .filter((name) => name !== '');
  if (asked.some((name) => isPhraseOf(names, name))) return { known: true, nearest: null };
  const near = asked.map((name) => nearest(names, name)).find((name) => name !== undefined);
  return { known: false, nearest: near ?? null };
}

function plain(text: string): string {
  return text
    .normalize('NFC')
    .toLowerCase()
    .replace(/\s+/gu, ' ')
    .trim()
    .replace(/^(an?|the) /u, '');
}

/** Whether a phrase falls into names without a rest: `red coffee cup` into `red` and `coffee cup`. */
function isPhraseOf(names: ReadonlySet<string>, phrase: string): boolean {
  const tokens = phrase.split(' ');
  /** Whether what comes before each place falls into names. */
  const falls = [true];
  for (let end = 1; end <= tokens.length; end++) {
    falls[end] = falls.some(
      (before, start) =>
        before && singulars(tokens.slice(start, end).join(' ')).some((one) => names.has(one)),
    );
  }
  return falls[tokens.length] === true;
}

/** A name and what it may be the plural of. */
function singulars(name: string): string[] {
  const all = [name];
  if (name.endsWith('s')) all.push(name.slice(0, -1));
  if (name.endsWith('es')) all.push(name.slice(0, -2));
  if (name.endsWith('ies')) all.push(`${name.slice(0, -3)}y`);
  return all;
}

/** The thing that the phrase ends in, as English phrases do, or else a name that is spelled almost so. */
function nearest(names: ReadonlySet<string>, phrase: string): string | undefined {
  const tokens = phrase.split(' ');
  for (let start = 1; start < tokens.length; start++) {
    const end = tokens.slice(start).join(' ');
    if (isPhraseOf(names, end)) return end;
  }
  return [...names].find((name) => isSlipOf(name, phrase));
}

/** Of two letters, one more or less makes too many words. */
const shortestSlip = 3;

/**
 * Whether one letter is missing, too many, or in its neighbour's place. Another letter in its place
 * is most often another word: a boot is no boat.
 */
function isSlipOf(name: string, typed: string): boolean {
  if (typed.length < shortestSlip) return false;
  if (name.length === typed.length) return isSwapped(name, typed);
  const [short, long] = name.length < typed.length ? [name, typed] : [typed, name];
  if (long.length !== short.length + 1) return false;
  const at = [...short].findIndex((letter, index) => letter !== long[index]);
  return at < 0 || short.slice(at) === long.slice(at + 1);
}

function isSwapped(name: string, typed: string): boolean {
  const at = [...name].findIndex((letter, index) => letter !== typed[index]);
  return (
    at >= 0 &&
    name[at] === typed[at + 1] &&
    name[at + 1] === typed[at] &&
    name.slice(at + 2) === typed.slice(at + 2)
  );
}
