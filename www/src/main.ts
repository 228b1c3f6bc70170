/** The wiring of the page: what the user does goes to the state and to the work, what comes of it to the parts. */
import type { BundleInfo, Segmentation } from 'wordmask';
import { sortArrival } from './arrivals.js';
import { createChips } from './chips.js';
import { element } from './dom.js';
import { fileName, save } from './downloads.js';
import { createLegend } from './legend.js';
import { createModels } from './models.js';
import { createNaming } from './naming.js';
import { connectOptions } from './options.js';
import { rememberedModel } from './remembered.js';
import { loadSamples, showSamples } from './samples.js';
import { listenForFiles, readSource, type Source } from './sources.js';
import { createStage } from './stage.js';
import {
  createStore,
  initialState,
  masksDiffer,
  readAddress,
  segmentOptions,
  shareText,
  shorten,
} from './state.js';
import { createStatus } from './status.js';
import { Work } from './work.js';

/** Long enough to type the next letter of a threshold or click two suggestions, short enough to feel immediate. */
const PAUSE_MS = 250;
/** How many classes are read out when masks are ready. */
const SPOKEN_CLASSES = 6;

const address = readAddress(new URL(location.href));
const named = new URLSearchParams(location.search).has('model');
const store = createStore({
  ...initialState,
  // What the address says goes before what was chosen earlier.
  model: (named ? null : rememberedModel()) ?? address.model,
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
const stage = createStage(store, status.say);
const chips = createChips(store);
const legend = createLegend(store, (index) => {
  const masks = work.masks;
  const of = masks?.classes[index];
  if (masks && of) void give(masks.cutout(index), `${index + 1}-${of.name}`, 'png');
});

const naming = createNaming(
  stage,
  {
    picture: () => work.picture,
    words: () => store.state().words,
    busy: () => stageBox.dataset.state === 'busy',
    colorOf: (name) => work.masks?.classes.find((of) => of.name === name)?.color,
  },
  status.say,
);

const models = createModels(store, address.builtIn, status, take);

const work = new Work({
  wanted() {
    const state = store.state();
    const { words, model } = state;
    return { words, model, device: state.options.device, options: segmentOptions(state) };
  },
  busy(progress, loaded) {
    stageBox.dataset.state = 'busy';
    showSharpness();
    status.busy(progress, { coarse: work.coarse, loaded });
  },
  rest(how) {
    const state = typeof how === 'string' ? how : 'failed';
    stageBox.dataset.state = state === 'done' && timer !== undefined ? 'waiting' : state;
    showSharpness();
    const again = work.source !== null && store.state().words.length > 0;
    if (how === 'done') status.rest(summary(), again);
    else if (how === 'stopped')
      status.rest(work.coarse ? 'Stopped. The masks are still coarse.' : 'Stopped.', true);
    else {
      status.rest('That did not work.', true);
      status.alert(shorten(how.failed, 400));
      void models.refresh();
    }
  },
  loaded(methods, info, model) {
    naming.dismiss();
    models.loaded(model, info);
    store.dispatch({ type: 'automatic', methods });
  },
  show,
  ready(device, info, timing) {
    status.device(device, timing);
    describe(info);
  },
  encoded() {
    stageBox.dataset.encodes = String(Number(stageBox.dataset.encodes) + 1);
  },
  kept({ device, model }) {
    store.dispatch({ type: 'options', change: { device } });
    store.dispatch({ type: 'model', model });
  },
});

function show(source: Source | null, masks: Segmentation | null): void {
  const description =
    source === null
      ? ''
      : `${shorten(source.name)}. ${masks === null ? 'No masks yet.' : 'With masks; arrow keys read out the class at a point, Enter names the region there.'}`;
  stage.show(source?.shown ?? null, masks, description);
  masksBlock.hidden = masks === null;
  showSharpness();
  legend.show(masks?.classes ?? []);
  chips.colors(masks?.classes.map(({ color }) => color) ?? []);
}

/** Marks coarse masks as such. */
function showSharpness(): void {
  sharpness.hidden = !work.coarse;
  const { state } = stageBox.dataset;
  sharpness.textContent = state === 'busy' || state === 'waiting' ? 'sharpening…' : 'coarse';
}

/** Where things stand, in one sentence. */
function summary(): string {
  const masks = work.masks;
  if (masks !== null) {
    const found = masks.classes.filter(({ pixels }) => pixels > 0);
    const named = found
      .slice(0, SPOKEN_CLASSES)
      .map(({ name, fraction }) => `${shorten(name, 24)} ${shareText(fraction)}`);
    if (found.length === 0) return 'None of the words was found in the picture.';
    return `Found ${named.join(', ')}${found.length > SPOKEN_CLASSES ? ' and more' : ''}.`;
  }
  if (work.source !== null) return 'The picture is ready. Type a word.';
  return 'Ready for a picture.';
}

function describe({ name, description, license }: BundleInfo): void {
  const builtIn = store.state().model === address.builtIn;
  element('model', HTMLElement).textContent = builtIn
    ? `The built-in model, doodle, knows cartoon scenes, not photographs. ${description} Photographs need a full CLIP: “Model” gets one with a click.`
    : `This is the model ${name}. ${description} Its licence: ${license}.`;
}

/** Gives the user a file; says so if it could not be made. */
async function give(
  content: Promise<Blob | string>,
  part: string,
  extension: string,
): Promise<void> {
  const picture = work.source?.name ?? 'picture';
  try {
    save(new Blob([await content]), fileName(picture, part, extension));
  } catch (error) {
    status.alert(error instanceof Error ? error.message : String(error));
  }
}

const downloads: Readonly<Record<string, (masks: Segmentation) => void>> = {
  labels: (masks) => void give(masks.toPng(), 'labels', 'png'),
  overlay: (masks) =>
    void give(masks.overlay({ opacity: store.state().view.opacity }), 'overlay', 'png'),
  svg: (masks) => void give(masks.toSvg(), 'masks', 'svg'),
  coco: (masks) => void give(masks.toCoco(), 'coco', 'json'),
  geojson: (masks) => void give(masks.toGeoJson(), 'masks', 'geojson'),
};
for (const button of element('downloads', HTMLElement).querySelectorAll('button')) {
  button.addEventListener('click', () => {
    const masks = work.masks;
    if (masks !== null) downloads[button.dataset.download ?? '']?.(masks);
  });
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
  if (arrival.kind === 'picture') void open(arrival.file);
  else if (arrival.kind === 'model') void models.take(arrival.files);
  else if (arrival.kind === 'refused') status.alert(arrival.text);
}

/** Counts the pictures, so that the one chosen last wins, however long an earlier one takes to read. */
let chosen = 0;
async function open(picture: File | Promise<File>, words: readonly string[] = []): Promise<void> {
  const turn = ++chosen;
  status.clearAlert();
  try {
    const source = await readSource(await picture);
    if (turn !== chosen) return;
    if (words.length > 0) store.dispatch({ type: 'sample', words });
    chips.fitting(words);
    naming.dismiss();
    runNoMore();
    await work.open(source);
  } catch (error) {
    if (turn === chosen) status.alert(error instanceof Error ? error.message : String(error));
  }
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

connectOptions(store);
listenForFiles(take, (text) => status.alert(text));
void loadSamples().then(({ scenes, words }) => {
  chips.known(words);
  showSamples(scenes, (picture, sample) => void open(picture, sample.words));
});
if (address.notice !== null) status.alert(address.notice);
void models.ready.then(() => work.run());
