/** What this site keeps in the browser, with a button that frees what can be fetched again. */
import { clearCache, type StorageUse, storageUse } from 'wordmask';
import { element, make } from './dom.js';
import { texts } from './published-texts.js';

export interface StorageLine {
  /** Looks again. */
  refresh(): Promise<void>;
}

/** @param say Tells screen readers. */
export function createStorageLine(say: (text: string) => void): StorageLine {
  const box = element('storage', HTMLElement);
  const text = make('p', 'quiet');
  const free = make('button', 'button small', texts.use.free);
  free.type = 'button';
  box.append(text, free);
  const refresh = async (): Promise<void> => {
    const nothing: StorageUse = { models: 0, bundles: 0, downloads: 0 };
    const use = await storageUse().catch(() => nothing);
    text.textContent = useText(use);
    free.hidden = use.bundles + use.downloads === 0;
  };
  free.addEventListener('click', async () => {
    await clearCache();
    await refresh();
    say(texts.use.freed);
  });
  return { refresh };
}

/** "Kept in this browser: 152 MB of models that were fetched or imported, 5 MB of models beside the page." */
export function useText({ models, bundles, downloads }: StorageUse): string {
  const parts = [
    ['models', models],
    ['bundles', bundles],
    ['downloads', downloads],
  ] as const;
  const told = parts.filter(([, bytes]) => bytes > 0);
  if (told.length === 0) return texts.use.nothing;
  return texts.use.kept(told.map(([part, bytes]) => texts.use[part](megabytes(bytes))).join(', '));
}

/** Never rounds something to nothing. */
function megabytes(bytes: number): string {
  return Math.max(0.1, bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
