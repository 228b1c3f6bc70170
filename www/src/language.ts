/** The choice of a language: the reader's own, until another one is chosen here. */
import { element } from './dom.js';
import { applyTexts } from './labels.js';
import type { Store } from './state.js';
import { LANGUAGES, type Language, languageOf, languages, preferred, speak } from './texts.js';

const REMEMBERED = 'wordmask-language';

/** The language that was chosen in this browser, or else the first of the reader's that the page speaks. */
export function chosenLanguage(): Language {
  try {
    const remembered = languageOf(localStorage.getItem(REMEMBERED));
    if (remembered !== undefined) return remembered;
  } catch {
    // Storage is forbidden here.
  }
  return preferred(navigator.languages);
}

function remember(language: Language): void {
  try {
    localStorage.setItem(REMEMBERED, language);
  } catch {
    // Then it is forgotten with the page.
  }
}

export function connectLanguage(store: Store, fail: (error: unknown) => void): void {
  const select = element('language', HTMLSelectElement);
  select.replaceChildren(
    ...languages.map((code) => {
      const entry = new Option(LANGUAGES[code].name, code);
      entry.lang = code;
      return entry;
    }),
  );
  select.value = store.state().language;
  const change = async (language: Language): Promise<void> => {
    // Another one may have been chosen while this one came.
    const wanted = (): boolean => select.value === language;
    await speak(language, wanted);
    if (!wanted()) return;
    remember(language);
    applyTexts();
    store.dispatch({ type: 'language', language });
  };
  select.addEventListener('change', () => {
    const language = languageOf(select.value);
    if (language !== undefined) change(language).catch(fail);
  });
}
