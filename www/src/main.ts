/** The wiring of the page: what the user does goes to the state and to the work, what comes of it to the parts. */
import type { BundleInfo, Segmentation } from 'wordmask';
import { readAddress, writeAddress } from './address.js';
import { createAdvice } from './advice.js';
import { sortArrival } from './arrivals.js';
import { connectCamera } from './camera.js';
import { isStored } from './catalogue.js';
import { createChips } from './chips.js';
import { connectCompare } from './compare.js';
import { Corrected } from './corrected.js';
import { createCorrecting } from './correcting.js';
import { element, english, make } from './dom.js';
import { canCopy, createDownloadMenu } from './download-menu.js';
import { list, share } from './formats.js';
import { connectGestures } from './gestures.js';
import { createKeeping } from './keeping.js';
import { keptPicture } from './kept-picture.js';
import { sortWords, type UnknownWord } from './known-words.js';
import { applyTexts } from './labels.js';
import { chosenLanguage, connectLanguage } from './language.js';
import { createLegend } from './legend.js';
import { createModels } from './models.js';
import { createNaming } from './naming.js';
import { createOffline, holdVersion } from './offline.js';
import { connectOptions } from './options.js';
import { createPictures } from './pictures.js';
import { rememberedModel } from './remembered.js';
import { loadSamples, showSamples } from './samples.js';
import { Shelf } from './shelf.js';
import { listenForFiles, readSource, type Source } from './sources.js';
import { createStage } from './stage.js';
import { createStore, initialState, masksDiffer, segmentOptions, shorten } from './state.js';
import { createStatus } from './status.js';
import type { Arrived } from './strip.js';
import { language, speak, t } from './texts.js';
import { createToolbar } from './toolbar.js';
import { Work } from './work.js';
import { whole } from './zoom.js';

/** Long enough to type the next letter of a threshold or click two suggestions, short enough to feel immediate. */
const PAUSE_MS = 250;
/** Where the picture stays on a phone, in CSS pixels; as in `layout.css`. */
const SIGHT_TOP = 8;
/** How many classes are read out when masks are ready. */
const SPOKEN_CLASSES = 6;

await speak(chosenLanguage());
applyTexts();

const address = readAddress(new URL(location.href));
const store = createStore({
  ...initialState,
  language,
  words: address.words ?? [],
  // What the address says goes before what was chosen earlier.
  model: address.model ?? (address.refused ? null : rememberedModel()) ?? address.builtIn,
  options: { ...initialState.options, device: address.device, method: address.method },
});
const stageBox = element('stage', HTMLElement);
const masksBlock = element('masks', HTMLElement);
const sharpness = element('sharpness', HTMLElement);

/** Set while a run is to come once the user pauses. */
let timer: ReturnType<typeof setTimeout> | undefined;

const status = createStatus({
  stop() {
    runNoMore();
    work.stop();
  },
  again: runNow,
});
/** The work's masks with the user's corrections. */
const corrected = new Corrected(showCorrected, status.fail);
const painted = () =>
  corrected.painted(work.masks, store.state().draft ?? store.state().corrections);
const stage = createStage(store, painted, status.say);
const chips = createChips(store);
const downloads = createDownloadMenu(
  {
    masks: () => corrected.latest(),
    name: () => work.source?.name ?? t.picture.unnamed,
    opacity: () => store.state().view.opacity,
    together: () => pictures.together(),
  },
  status.fail,
);
const copy = async (index: number): Promise<boolean> => {
  const copied = await downloads.copy(index);
  if (copied) status.say(t.masks.copied);
  return copied;
};
const legend = createLegend(store, { cutout: downloads.cutout, copy: canCopy ? copy : undefined });

const naming = createNaming(
  stage,
  {
    picture: () => work.picture,
    words: () => sortWords(store.state().words, work.lookUp).known,
    busy: () => stageBox.dataset.state === 'busy',
    colorOf: (name) => work.masks?.classes.find((of) => of.name === name)?.color,
    scored: () => !isGuess(),
  },
  status.say,
);

const canvas = element('canvas', HTMLCanvasElement);
const correcting = createCorrecting(
  store,
  { picture: () => work.picture, masks: painted, shownWidth: () => canvas.clientWidth },
  status.say,
);
stage.pointer.onPick = (point, alt) => {
  if (store.state().tools.tool === 'look') naming.ask(point);
  else correcting.pick(point, alt);
};
connectGestures(canvas, stage, store, correcting.stroke);
connectCompare(store);
const toolbar = createToolbar(store, stage, status.say);

const advice = createAdvice({
  replace: (word, by) => store.dispatch({ type: 'replace', word, by }),
  getModel: openModels,
});
const shelf = new Shelf();
const isBusy = () => ['busy', 'waiting'].includes(stageBox.dataset.state ?? '');
const pictures = createPictures({
  store,
  shelf,
  segmenter: () => work.segmenter,
  question: (segmenter) => work.question(segmenter),
  shown: () => work.source?.file ?? null,
  masks: () => corrected.latest(),
  busy: isBusy,
  open: (picture) => void open(picture, null),
  again: runNow,
  say: status.say,
});
const keeping = createKeeping(store, () => work.source);
const models = createModels(store, address.builtIn, status, take);
const offline = createOffline();
holdVersion();

const work = new Work(
  {
    wanted() {
      const state = store.state();
      const { words, model } = state;
      return { words, model, device: state.options.device, options: segmentOptions(state) };
    },
    busy(progress, loaded) {
      stageBox.dataset.state = 'busy';
      showSharpness();
      status.busy(progress, { coarse: work.coarse, loaded });
      pictures.busy();
    },
    rest(how) {
      offline.start();
      const state = typeof how === 'string' ? how : 'failed';
      stageBox.dataset.state = state === 'done' && timer !== undefined ? 'waiting' : state;
      showSharpness();
      const again = work.source !== null && store.state().words.length > 0;
      if (how === 'done') status.rest(summary, again);
      else if (how === 'stopped')
        status.rest(() => (work.coarse ? t.status.stoppedCoarse : t.status.stopped), true);
      else {
        status.rest(() => t.status.failed, true);
        status.fail(how.failed);
        void models.refresh();
        // Where another model is loaded already, that one goes on.
        if (described === null) void models.replaceGone();
        const back = pictures.back(work.source?.file === correctedFile ? correctedFile : null);
        if (back !== null) store.dispatch({ type: 'other-picture', marks: back });
      }
      pictures.rest(how);
    },
    loaded(methods, info, model) {
      naming.dismiss();
      models.loaded(model, info);
      describe(info);
      chips.knowledge(work.lookUp);
      options.knowledge(work.lookUp);
      showAdvice();
      store.dispatch({ type: 'automatic', methods });
    },
    started(engineUrls) {
      for (const url of engineUrls) offline.keep(url);
    },
    show,
    ready: (device, _info, timing) => status.device(device, timing),
    encoded() {
      const file = work.source?.file ?? null;
      if (file !== correctedFile)
        store.dispatch({ type: 'other-picture', marks: pictures.back(file) });
      correctedFile = file;
      stageBox.dataset.encodes = String(Number(stageBox.dataset.encodes) + 1);
      if (work.source !== null) keeping.keep(work.source);
    },
    kept({ device, model }) {
      store.dispatch({ type: 'options', change: { device } });
      store.dispatch({ type: 'model', model });
    },
  },
  shelf,
);

/** The picture that the corrections are of. */
let correctedFile: File | null = null;

function show(source: Source | null, masks: Segmentation | null): void {
  const description =
    source === null
      ? ''
      : (masks === null ? t.picture.withoutMasks : t.picture.withMasks)(shorten(source.name));
  stage.show(source?.shown ?? null, description);
  toolbar.show(source?.shown != null, masks?.classes ?? []);
  masksBlock.hidden = masks === null;
  showSharpness();
  showAdvice();
  corrected.update(masks, store.state().corrections);
  showMasks();
  const colors = masks?.classes.map(({ color }) => color) ?? [];
  chips.colors(new Map(colors.map((color, at) => [work.answered[at] ?? '', color])));
}

/** Tells of other shares than before, for masks have been corrected. */
function showCorrected(): void {
  showMasks();
  status.refresh();
}

/** The rows of the masks, as they have been corrected. */
function showMasks(): void {
  const { unknown } = sortWords(store.state().words, work.lookUp);
  const classes = corrected.shown?.classes ?? [];
  legend.show(classes, unknown, !isGuess());
  downloads.show(classes);
}

/** Whether the picture may be a photograph, and the model has never seen one. */
function isGuess(): boolean {
  const { source } = work;
  return described?.pictures === 'drawings' && source !== null && !source.scene;
}

/** The words, where there is a picture for them and the model knows none; otherwise empty. */
function noneKnown(): readonly UnknownWord[] {
  const { known, unknown } = sortWords(store.state().words, work.lookUp);
  return work.source !== null && known.length === 0 ? unknown : [];
}

function showAdvice(): void {
  advice.show(isGuess(), noneKnown());
}

/** Marks coarse masks as such. */
function showSharpness(): void {
  sharpness.hidden = !work.coarse;
  const { state } = stageBox.dataset;
  sharpness.textContent =
    state === 'busy' || state === 'waiting' ? t.picture.sharpening : t.picture.coarse;
}

/** Where things stand, in one sentence. */
function summary(): string {
  const masks = corrected.shown;
  if (masks !== null) {
    const found = masks.classes.filter(({ pixels }) => pixels > 0);
    const named = found
      .slice(0, SPOKEN_CLASSES)
      .map(({ name, fraction }) => `${shorten(name, 24)} ${share(fraction)}`);
    if (found.length === 0) return t.status.foundNone;
    if (isGuess()) return t.photos.made;
    return found.length > SPOKEN_CLASSES
      ? t.status.foundMore(named.join(t.page.comma))
      : t.status.found(list(named));
  }
  if (noneKnown().length > 0) return t.unknown.made;
  if (work.source !== null) return t.status.typeWord;
  return t.status.ready;
}

/** The model that is loaded, as far as it has told. */
let described: BundleInfo | null = null;

function describe(info: BundleInfo | null): void {
  described = info;
  const text = element('model', HTMLElement);
  if (info === null || store.state().model === address.builtIn) {
    text.textContent = t.about.builtIn;
    return;
  }
  const about = english(make('span', '', info.description));
  text.replaceChildren(t.about.model(info.name, info.license), ' ', about);
}

/** Opens the menu of models, where one for photographs can be had. */
function openModels(): void {
  const menu = element('models', HTMLDetailsElement);
  menu.open = true;
  menu.querySelector('summary')?.focus({ preventScroll: true });
  menu.scrollIntoView({ block: 'start' });
}

/** Does not run later after all. */
function runNoMore(): void {
  clearTimeout(timer);
  timer = undefined;
}

function runNow(): void {
  runNoMore();
  void work.run();
}

function runSoon(): void {
  runNoMore();
  // What is on the stage no longer answers what is asked.
  stageBox.dataset.state = 'waiting';
  timer = setTimeout(runNow, PAUSE_MS);
}

/** Takes what was dropped, pasted or chosen: a picture, or the files of a model. */
function take(files: readonly File[]): void {
  const arrival = sortArrival(files);
  if (arrival.kind === 'pictures') void receive(arrival.files);
  else if (arrival.kind === 'model') void models.take(arrival.files);
  else if (arrival.kind === 'refused') status.alert(arrival.text);
}

/** Counts the pictures, so that the one chosen last wins, however long an earlier one takes to read. */
let chosen = 0;
async function open(picture: Arrived, words: readonly string[] | null): Promise<void> {
  const turn = ++chosen;
  status.clearAlert();
  pictures.opening(picture);
  try {
    const source = await readSource(picture.file, picture.scene);
    if (turn !== chosen) return source.close();
    if (correctedFile !== null && correctedFile === work.source?.file)
      pictures.leave(correctedFile);
    if (words === null) {
      pictures.turn(picture.file);
      store.dispatch({ type: 'view', change: { zoom: whole } });
    } else {
      store.dispatch({ type: 'picture', words });
      chips.fitting(words);
    }
    naming.dismiss();
    runNoMore();
    bringIntoSight();
    await work.open(source);
  } catch (error) {
    if (turn === chosen) status.fail(error);
    pictures.failed(picture, error);
  }
}

/** Takes new pictures, and shows the first of them. */
async function receive(
  files: readonly File[],
  { words = [], scene = false }: { words?: readonly string[]; scene?: boolean } = {},
): Promise<void> {
  const turn = ++chosen;
  try {
    const [first] = await pictures.join(files.map((file) => ({ file, scene })));
    if (turn === chosen && first !== undefined) await open(first, words);
  } catch (error) {
    status.fail(error);
  }
}

/** Takes a scene once it is there, unless something else has been chosen meanwhile. */
async function receiveScene(picture: Promise<File>, words: readonly string[]): Promise<void> {
  const turn = ++chosen;
  status.clearAlert();
  try {
    const file = await picture;
    if (turn === chosen) await receive([file], { words, scene: true });
  } catch (error) {
    if (turn === chosen) status.fail(error);
  }
}

/** Where picture and words lie below each other, the picture goes to the top, and the words follow it. */
function bringIntoSight(): void {
  if (!matchMedia('(max-width: 879px)').matches) return;
  // By hand: `scrollIntoView` keeps room for the picture itself.
  scrollBy({ top: stageBox.getBoundingClientRect().top - SIGHT_TOP });
}

/** Goes on with the picture and the words of an earlier visit. */
async function restore(): Promise<void> {
  const kept = await keptPicture();
  if (kept === null || chosen > 0) return;
  const { id, file, scene } = kept.picture;
  const { words, wordsFromSample } = kept.words;
  const turn = ++chosen;
  const source = await readSource(file, scene);
  if (turn !== chosen) return;
  const same = address.words === null || address.words.join() === words.join();
  if (same) store.dispatch({ type: 'restore', words, wordsFromSample });
  if (scene) chips.fitting(words);
  keeping.found(source, id);
  if (kept.corrections !== null) pictures.remember(file, kept.corrections);
  pictures.opening({ file, scene });
  pictures.restore();
  await work.open(source);
}

store.subscribe((now, before) => {
  const { options, words } = now;
  const other = words !== before.words || masksDiffer(options, before.options, now.automatic);
  if (words !== before.words) naming.dismiss();
  const elsewhere = options.device !== before.options.device || now.model !== before.model;
  if (other || elsewhere) status.clearAlert();
  if (elsewhere) runNow();
  else if (other && work.source !== null) runSoon();
});

store.subscribe((now, before) => {
  if (now.draft !== before.draft || now.corrections !== before.corrections) stage.redraw();
  if (now.corrections === before.corrections) return;
  corrected.update(work.masks, now.corrections);
  if (now.corrections === null) showCorrected();
});

store.subscribe((now, before) => {
  if (now.words === before.words && now.model === before.model && now.options === before.options)
    return;
  const next = writeAddress(new URL(location.href), now);
  try {
    if (next.href !== location.href) history.replaceState(history.state, '', next);
  } catch {
    // Some browsers refuse too many changes in a short time. The next one says it all.
  }
});
connectCamera((still) => void receive([still]));
connectLanguage(store, status.fail);
store.subscribe((now, before) => {
  if (now.language === before.language) return;
  naming.dismiss();
  status.renew();
  describe(described);
  show(work.source, work.masks);
});
const options = connectOptions(store);
listenForFiles(take, (text) => status.alert(text));
void loadSamples().then(({ scenes, words }) => {
  chips.known(words);
  const shown = showSamples(scenes, (picture, { words: own }) => {
    void receiveScene(picture, own);
  });
  store.subscribe((now, before) => {
    if (now.language !== before.language) shown.renew();
  });
});
if (address.refused) status.alert(t.models.elsewhere);
void models.ready.then(async () => {
  const { model } = store.state();
  if (address.model !== null && isStored(address.model) && model !== address.model)
    status.alert(t.models.notHere);
  await Promise.all([work.run(), restore()]);
});
