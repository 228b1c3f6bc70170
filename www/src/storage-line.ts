/** What this site keeps in the browser, with a button that frees what can be fetched again. */
import { clearCache, type StorageUse, storageUse } from 'wordmask';
import { element, make } from './dom.js';
import { list, megabytes } from './formats.js';
import { t } from './texts.js';

export interface StorageLine {
  /** Looks again. */
  refresh(): Promise<void>;
  /** Says it once more, in the language that is in use now. */
  renew(): void;
}

/** @param say Tells screen readers. */
export function createStorageLine(say: (text: string) => void): StorageLine {
  const box = element('storage', HTMLElement);
  const text = make('p', 'quiet');
  const free = make('button', 'button small');
  free.type = 'button';
  box.append(text, free);
  let use: StorageUse = { models: 0, bundles: 0, downloads: 0 };
  const renew = (): void => {
    text.textContent = useText(use);
    free.textContent = t.storage.free;
    free.hidden = use.bundles + use.downloads === 0;
  };
  const refresh = async (): Promise<void> => {
    // A browser without storage keeps nothing.
    use = await storageUse().catch(() => use);
    renew();
  };
  free.addEventListener('click', async () => {
    await clearCache();
    await refresh();
    say(t.storage.freed);
  });
  renew();
  return { refresh, renew };
}

/** "Kept in this browser: 152 MB of models that were fetched or imported and 5 MB of models beside the page." */
export function useText({ models, bundles, downloads }: StorageUse): string {
  const parts = [
    ['models', models],
    ['bundles', bundles],
    ['downloads', downloads],
  ] as const;
  const told = parts.filter(([, bytes]) => bytes > 0);
  if (told.length === 0) return t.storage.nothing;
  // Never rounds something to nothing.
  const size = (bytes: number) => megabytes(Math.max(1e5, bytes));
  return t.storage.kept(list(told.map(([part, bytes]) => t.storage[part](size(bytes)))));
}
