/** The page that fetches models of a hub. It has no way to be given a picture. */
import { importModel, listModels, type Progress, type StoredModel, storageUse } from 'wordmask';
import { announceModel } from './announcements.js';
import { element, english, make } from './dom.js';
import { engineWorker } from './engine-worker.js';
import { megabytes, number, roughTime } from './formats.js';
import { applyTexts } from './labels.js';
import { chosenLanguage } from './language.js';
import { holdVersion } from './offline.js';
import { findPublished, type PublishedModel } from './published.js';
import { showPublished } from './published-rows.js';
import { keepStorage, rememberModel } from './remembered.js';
import { wasAskedFor } from './request.js';
import { createStorageLine, type StorageLine } from './storage-line.js';
import { speak, t } from './texts.js';
import { TimeLeft } from './time-left.js';

/** The model that was being fetched when the page was closed. */
const UNFINISHED = 'wordmask-unfinished';

const box = element('fetching', HTMLElement);
const title = element('fetching-title', HTMLElement);
const phase = element('fetching-phase', HTMLElement);
const bar = element('fetching-progress', HTMLProgressElement);
const stop = element('fetching-stop', HTMLButtonElement);
const error = element('fetching-error', HTMLElement);
const again = element('fetching-again', HTMLButtonElement);
const back = element('fetching-back', HTMLAnchorElement);
const list = element('published-list', HTMLUListElement);
const live = element('live', HTMLElement);

holdVersion();

let running: AbortController | null = null;
let shown: PublishedModel | null = null;
/** Made once there is a language to say it in. */
let storage: StorageLine | undefined;

stop.addEventListener('click', () => running?.abort());
again.addEventListener('click', () => {
  if (shown) void get(shown);
});

function say(text: string): void {
  if (live.textContent !== text) live.textContent = text;
}

/** Fetches a model, unless one is being fetched. */
async function get(model: PublishedModel): Promise<void> {
  if (running !== null) return;
  running = new AbortController();
  const { signal } = running;
  begin(model);
  try {
    const { hub, revision, scheme, sha256 } = model;
    const made = await importModel(hub, {
      scheme,
      name: model.title,
      description: model.description,
      license: model.license,
      pictureSize: model.picture_size,
      revision,
      sha256,
      workerUrl: engineWorker(),
      signal,
      onProgress: teller(signal),
    });
    finish(model, made);
  } catch (reason) {
    if (signal.aborted) await stopped();
    else fail(reason);
  } finally {
    running = null;
    await refresh();
  }
}

function begin(model: PublishedModel): void {
  show(model);
  remember(model.name);
  stop.hidden = false;
  again.hidden = true;
  tell(t.fetching.starting, t.fetching.starting, null);
  box.scrollIntoView({ block: 'nearest' });
  moveFocus(stop);
  for (const button of list.querySelectorAll('button')) button.disabled = true;
}

function show(model: PublishedModel): void {
  shown = model;
  box.hidden = false;
  title.textContent = model.title;
  error.textContent = '';
  back.hidden = true;
}

/** Tells how far it is, with the time that is left, until it is stopped. */
function teller(signal: AbortSignal): (progress: Progress) => void {
  const time = new TimeLeft();
  return (progress) => {
    if (signal.aborted) return;
    switch (progress.phase) {
      case 'download': {
        const { loaded, total } = progress;
        const left = time.at(performance.now(), loaded, total);
        const bytes = t.fetching.bytes(megabytes(loaded), megabytes(total));
        const text = left === null ? bytes : `${bytes} · ${t.fetching.left(roughTime(left))}`;
        tell(text, title.textContent ?? '', total > 0 ? loaded / total : null);
        break;
      }
      case 'wait': {
        const { otherPage, connection } = t.fetching;
        const text = progress.reason === 'other-page' ? otherPage : connection;
        tell(text, text, null);
        break;
      }
      case 'import': {
        const { done, total } = progress;
        const text = t.fetching.importing(number(Math.min(done + 1, total)), number(total));
        tell(text, t.fetching.preparing, total > 0 ? done / total : null);
        break;
      }
      default:
        tell(t.fetching.preparing, t.fetching.preparing, null);
    }
  };
}

function tell(text: string, spoken: string, part: number | null): void {
  phase.textContent = text;
  bar.hidden = false;
  if (part === null) bar.removeAttribute('value');
  else bar.value = Math.min(1, part);
  say(spoken);
}

/** Says where things stand while nothing runs. */
function rest(text: string): void {
  phase.textContent = text;
  bar.hidden = true;
  stop.hidden = true;
  say(text);
}

/** Offers to do it once more. */
function offer(label: string): void {
  again.textContent = label;
  again.hidden = false;
}

/** After the button that had the focus is gone. */
function moveFocus(to: HTMLElement): void {
  to.focus({ preventScroll: true });
}

async function stopped(): Promise<void> {
  const { downloads } = await storageUse();
  const { stopped, stoppedKept } = t.fetching;
  rest(downloads === 0 ? stopped : stoppedKept(megabytes(downloads)));
  offer(t.fetching.goOn);
  moveFocus(again);
}

function fail(reason: unknown): void {
  rest(t.fetching.failed);
  offer(t.fetching.again);
  moveFocus(again);
  const told = english(make('span', '', reason instanceof Error ? reason.message : String(reason)));
  error.replaceChildren(told);
}

function finish(model: PublishedModel, made: StoredModel): void {
  remember(null);
  rememberModel(made.id);
  keepStorage();
  rest(t.fetching.done(model.title));
  back.hidden = false;
  moveFocus(back);
  announceModel(made.id, () => {
    phase.textContent = t.fetching.taken;
    say(t.fetching.taken);
  });
}

function remember(name: string | null): void {
  try {
    if (name === null) localStorage.removeItem(UNFINISHED);
    else localStorage.setItem(UNFINISHED, name);
  } catch {
    // Then the user finds the model in the list.
  }
}

function unfinished(): PublishedModel | undefined {
  try {
    return findPublished(localStorage.getItem(UNFINISHED) ?? '');
  } catch {
    return undefined;
  }
}

/** Shows what is in the browser by now. */
async function refresh(): Promise<void> {
  // A browser without storage has no models; the attempt to get one says why.
  const kept = new Set((await listModels().catch(() => [])).map(({ name }) => name));
  showPublished(
    list,
    () => true,
    (model) => (kept.has(model.title) ? make('p', 'there', t.published.there) : getButton(model)),
  );
  await storage?.refresh();
}

function getButton(model: PublishedModel): HTMLButtonElement {
  const button = make('button', 'button small', t.published.get);
  button.type = 'button';
  button.setAttribute('aria-label', t.published.getOf(model.title));
  button.disabled = running !== null;
  button.addEventListener('click', () => void get(model));
  return button;
}

async function start(): Promise<void> {
  await speak(chosenLanguage());
  applyTexts();
  storage = createStorageLine(say);
  const wanted = findPublished(location.hash.slice(1));
  if (wanted && wasAskedFor(wanted.name)) {
    void get(wanted);
  } else {
    const before = unfinished();
    if (before) {
      show(before);
      rest(t.fetching.unfinished(before.title));
      offer(t.fetching.goOn);
    }
  }
  await refresh();
  if (wanted) {
    const item = document.getElementById(`published-${wanted.name}`);
    const fold = item?.closest('details');
    if (fold) fold.open = true;
    item?.classList.add('wanted');
    if (running === null) item?.scrollIntoView({ block: 'center' });
  }
}

void start();
