/** The texts of the page in the language of its reader. Only the table of that language is fetched. */
import type { Texts } from './texts/en.js';

/** Each table, and the name of its language in that language. */
export const LANGUAGES = {
  en: { name: 'English', load: async () => (await import('./texts/en.js')).en },
  de: { name: 'Deutsch', load: async () => (await import('./texts/de.js')).de },
  fr: { name: 'Français', load: async () => (await import('./texts/fr.js')).fr },
  es: { name: 'Español', load: async () => (await import('./texts/es.js')).es },
  pt: { name: 'Português', load: async () => (await import('./texts/pt.js')).pt },
  ja: { name: '日本語', load: async () => (await import('./texts/ja.js')).ja },
  zh: { name: '中文', load: async () => (await import('./texts/zh.js')).zh },
  ar: { name: 'العربية', load: async () => (await import('./texts/ar.js')).ar },
} satisfies Record<string, { name: string; load: () => Promise<Texts> }>;

export type Language = keyof typeof LANGUAGES;

export const languages = Object.keys(LANGUAGES) as Language[];

/** The table in use. Set before any part of the page is made; follows the language from then on. */
export let t: Texts;
/** Which table is in use. */
export let language: Language = 'en';
/** The reader's variety of the language, `de-CH`, by which numbers are written. */
export let locale = 'en';

/** The language that goes by this tag, if the page speaks it. */
export function languageOf(tag: string | null | undefined): Language | undefined {
  const [code] = (tag ?? '').toLowerCase().split('-');
  return languages.find((one) => one === code);
}

/** The first of the reader's languages that the page speaks. */
export function preferred(tags: readonly string[]): Language {
  return tags.map(languageOf).find((one) => one !== undefined) ?? 'en';
}

/** Takes a table into use. */
export function use(table: Texts, code: Language, tags: readonly string[] = []): void {
  t = table;
  language = code;
  locale = tags.find((tag) => languageOf(tag) === code) ?? code;
}

/** Fetches the table of a language and takes it into use, unless it is no longer wanted by then. */
export async function speak(code: Language, wanted = () => true): Promise<void> {
  const table = await LANGUAGES[code].load();
  if (wanted()) use(table, code, navigator.languages);
}
