/** The menu of models, and the import of new ones. */
import {
  type BundleInfo,
  deleteModel,
  importModel,
  listModels,
  type Progress,
  type Scheme,
} from 'wordmask';
import { onModelMade } from './announcements.js';
import {
  builtInOffer,
  facts,
  importedOffer,
  isStored,
  manifestBytes,
  type Offer,
  readIndex,
  servedOffer,
} from './catalogue.js';
import { element, english, make } from './dom.js';
import { engineWorker } from './engine-worker.js';
import type { PublishedModel } from './published.js';
import { keepStorage, rememberModel } from './remembered.js';
import { askFor, pageOf } from './request.js';
import { listenForChoice } from './sources.js';
import { type Store, shorten } from './state.js';
import { progressText, type Status } from './status.js';
import { createStorageLine } from './storage-line.js';
import { t } from './texts.js';

const schemes: readonly Scheme[] = ['q8', 'q4', 'f16', 'f32'];

export interface Models {
  /** Resolves once imported models are known, whether there are any or not. */
  readonly ready: Promise<void>;
  /** Imports these files of a published model. */
  take(files: readonly File[]): Promise<void>;
  /** Looks again at what the browser's storage holds: a model that turned out damaged is off the list. */
  refresh(): Promise<void>;
  /** Takes the built-in model in the place of one that no longer lies beside the page, and says so. */
  replaceGone(): Promise<void>;
  /** What a model says of itself, now that it has been loaded. */
  loaded(key: string, info: BundleInfo): void;
}

/**
 * @param builtIn The address of the model that the page brings along.
 * @param choose Gets files that were chosen in the menu.
 */
export function createModels(
  store: Store,
  builtIn: string,
  status: Status,
  choose: (files: readonly File[]) => void,
): Models {
  const menu = element('models', HTMLDetailsElement);
  const list = element('model-list', HTMLUListElement);
  const now = element('model-now', HTMLElement);
  const offered = element('published-list', HTMLUListElement);
  const scheme = element('scheme', HTMLSelectElement);
  const storage = createStorageLine(status.say);
  let own: Offer = builtInOffer(builtIn);
  let served: readonly Offer[] = [];
  let imported: readonly Offer[] = [];
  /** The offers in the list, as text. */
  let shown = '';
  /** What loaded models have said of themselves. */
  const told = new Map<string, BundleInfo>();

  const offers = (): readonly Offer[] => {
    const known = [own, ...served, ...imported];
    const { model } = store.state();
    // A folder that only the address names is a model as well.
    if (!isStored(model) && model !== '' && !known.some(({ key }) => key === model)) {
      known.splice(1, 0, servedOffer(model));
    }
    return known.map((offer) => {
      const all = { ...offer, ...told.get(offer.key) };
      // Of the built-in one the page knows it in the language of its reader.
      return offer.kind === 'built-in' ? { ...all, description: t.models.doodle } : all;
    });
  };

  const show = (): void => {
    const all = offers();
    const { model } = store.state();
    now.textContent = shorten(all.find(({ key }) => key === model)?.name ?? '', 40);
    const next = JSON.stringify(all);
    if (next !== shown) render(all);
    shown = next;
    for (const input of list.querySelectorAll('input')) input.checked = input.value === model;
  };

  const render = (all: readonly Offer[]): void => {
    const focused = document.activeElement;
    const at = focused?.closest('#model-list > li') ?? null;
    const place = at === null ? -1 : [...list.children].indexOf(at);
    list.replaceChildren(...all.map(row));
    // New rows take the focus along.
    const kind = focused instanceof HTMLButtonElement ? 'button' : 'input';
    list.children[place]?.querySelector<HTMLElement>(kind)?.focus({ preventScroll: true });
  };

  const row = (offer: Offer, at: number): HTMLLIElement => {
    const item = make('li', 'model');
    const label = make('label');
    const input = make('input');
    input.type = 'radio';
    input.name = 'model';
    input.value = offer.key;
    input.addEventListener('change', () => {
      if (input.checked) store.dispatch({ type: 'model', model: offer.key });
    });
    const name = make('span', 'name', shorten(offer.name, 80));
    label.append(input, name);
    const about = make('div', 'quiet');
    about.id = `model-about-${at}`;
    input.setAttribute('aria-describedby', about.id);
    const kind = {
      'built-in': t.models.builtIn,
      served: t.models.served,
      imported: t.models.imported,
    };
    about.append(make('p', '', [kind[offer.kind], facts(offer)].filter(Boolean).join(' · ')));
    if (offer.description !== '') about.append(description(offer));
    item.append(label, about);
    if (offer.kind === 'imported') item.append(deleteButton(offer));
    return item;
  };

  /** Asks once more: an import takes longer than a click. */
  const deleteButton = (offer: Offer): HTMLButtonElement => {
    const button = make('button', 'button small');
    button.type = 'button';
    const name = shorten(offer.name);
    const arm = (armed: boolean): void => {
      button.dataset.armed = String(armed);
      button.textContent = armed ? t.models.deleteForGood : t.models.delete;
      button.setAttribute('aria-label', t.models.deleteOf(button.textContent, name));
    };
    arm(false);
    button.addEventListener('blur', () => arm(false));
    button.addEventListener('click', () => {
      if (button.dataset.armed === 'true') void remove(offer);
      else {
        arm(true);
        status.say(t.models.pressAgain(name));
      }
    });
    return button;
  };

  /** In another window, since this page can reach nothing but its own site, and keeps its picture. */
  const getLink = (model: PublishedModel): HTMLAnchorElement => {
    const made = make('a', 'button small', t.published.get);
    made.href = pageOf(model.name);
    made.target = '_blank';
    // The window that reaches a hub must not reach this one, which holds the picture.
    made.rel = 'noopener';
    made.setAttribute('aria-label', t.published.getOf(model.title));
    made.addEventListener('click', () => askFor(model.name));
    return made;
  };

  const remove = async ({ key, name }: Offer): Promise<void> => {
    if (store.state().model === key) store.dispatch({ type: 'model', model: builtIn });
    try {
      await deleteModel(key);
      await refresh();
      status.say(t.models.deleted(shorten(name)));
    } catch (error) {
      status.fail(error);
    }
    menu.querySelector('summary')?.focus();
  };

  const refresh = async (): Promise<void> => {
    // A browser without storage has no imported models, which is no failure of the page.
    imported = (await listModels().catch(() => [])).map(importedOffer);
    show();
    if (menu.open) await Promise.all([offerPublished(), storage.refresh()]);
  };

  /** Those of the catalogue that are not there yet. It is loaded where the menu is open. */
  const offerPublished = async (): Promise<void> => {
    const { showPublished } = await import('./published-rows.js');
    showPublished(offered, ({ title }) => !imported.some(({ name }) => name === title), getLink);
  };

  /** What lies beside the page is looked up when the menu is first opened. */
  const lookAround = async (): Promise<void> => {
    const base = new URL('..', builtIn).href;
    const index = readIndex(await fetchJson(new URL('index.json', base).href), base);
    const same = index.find(({ key }) => key === builtIn);
    const bytes = same?.bytes ?? manifestBytes(await fetchJson(new URL('wordmask.json', builtIn)));
    own = { ...own, ...same, kind: 'built-in', bytes };
    served = index.filter(({ key }) => key !== builtIn);
    show();
  };

  const importing = createImporting(status);
  const take = async (files: readonly File[]): Promise<void> => {
    const chosen = schemes.find((one) => one === scheme.value) ?? 'q8';
    const model = await importing.run(files, chosen);
    if (model === null) return;
    keepStorage();
    await refresh();
    store.dispatch({ type: 'model', model: model.id });
  };

  listenForChoice(element('model-files', HTMLInputElement), choose);
  menu.addEventListener('toggle', () => void lookAround(), { once: true });
  menu.addEventListener('toggle', () => {
    if (!menu.open) return;
    void offerPublished();
    void storage.refresh();
  });
  onModelMade(async (id) => {
    await refresh();
    const there = imported.some(({ key }) => key === id);
    if (there) store.dispatch({ type: 'model', model: id });
    return there;
  });
  store.subscribe(({ model, language }, before) => {
    if (language !== before.language) {
      render(offers());
      if (menu.open) void offerPublished();
      storage.renew();
    }
    if (model === before.model) return;
    rememberModel(model);
    show();
  });
  const replaceGone = async (): Promise<void> => {
    const { model } = store.state();
    if (model === builtIn || isStored(model) || !(await isGone(model))) return;
    if (store.state().model !== model) return;
    const { name } = servedOffer(model);
    store.dispatch({ type: 'model', model: builtIn });
    status.alert(t.models.gone(shorten(name)));
  };
  show();
  const start = async (): Promise<void> => {
    await refresh();
    const { model } = store.state();
    const lost = isStored(model) && !imported.some(({ key }) => key === model);
    if (lost) store.dispatch({ type: 'model', model: builtIn });
  };
  return {
    ready: start(),
    take,
    refresh,
    replaceGone,
    loaded(key, info) {
      told.set(key, info);
      show();
    },
  };
}

/** What a bundle says of itself is English; of the built-in one, the page says it before that. */
function description(offer: Offer): HTMLElement {
  const text = make('p', '', shorten(offer.description, 300));
  return offer.description === t.models.doodle ? text : english(text);
}

/** Whether a folder of this site holds no model, as opposed to one that cannot be reached now. */
async function isGone(folder: string): Promise<boolean> {
  try {
    const { status } = await fetch(new URL('wordmask.json', folder), { method: 'HEAD' });
    return status === 404 || status === 410;
  } catch {
    return false;
  }
}

/** What a file of this site says; `null` if it is not there or not JSON. */
async function fetchJson(url: string | URL): Promise<unknown> {
  try {
    const response = await fetch(url);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** The part of the status area that tells of an import; the rest of the page works on. */
function createImporting(status: Status) {
  const box = element('importing', HTMLElement);
  const phase = element('import-phase', HTMLElement);
  const bar = element('import-progress', HTMLProgressElement);
  const cancel = element('import-cancel', HTMLButtonElement);
  let running: AbortController | null = null;
  cancel.addEventListener('click', () => running?.abort());

  const tell = (progress: Progress): void => {
    const { text, spoken, part } =
      progress.phase === 'prepare'
        ? { text: t.progress.importStarts, spoken: t.progress.importing, part: null }
        : progressText(progress);
    phase.textContent = text;
    if (part === null) bar.removeAttribute('value');
    else bar.value = part;
    status.say(spoken);
  };

  return {
    /** The model, or `null` if none was made; it has been said why. */
    async run(files: readonly File[], scheme: Scheme): Promise<{ id: string } | null> {
      if (running !== null) {
        status.alert(t.models.busy);
        return null;
      }
      running = new AbortController();
      const { signal } = running;
      status.clearAlert();
      box.hidden = false;
      tell({ phase: 'prepare' });
      try {
        const onProgress = (progress: Progress) => {
          if (!signal.aborted) tell(progress);
        };
        const workerUrl = engineWorker();
        const model = await importModel(files, { scheme, workerUrl, signal, onProgress });
        status.say(t.models.importedNow(shorten(model.name)));
        return model;
      } catch (error) {
        if (signal.aborted) status.say(t.models.cancelled);
        else status.fail(error);
        return null;
      } finally {
        running = null;
        box.hidden = true;
      }
    },
  };
}
