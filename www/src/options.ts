/** The controls of the view and of the options. */
import { element, make } from './dom.js';
import { list, score } from './formats.js';
import { type LookUp, sortWords, type UnknownWord } from './known-words.js';
import { methodName, methods, refinementName, refinements } from './methods.js';
import {
  automaticScales,
  type BackgroundChoice,
  type DeviceChoice,
  fits,
  methodOf,
  type Options,
  parseWords,
  type RefineChoice,
  type ScalesChoice,
  type State,
  type Store,
  shorten,
} from './state.js';
import { t } from './texts.js';

const devices: readonly DeviceChoice[] = ['auto', 'webgpu', 'cpu'];
const backgrounds: readonly BackgroundChoice[] = ['auto', 'none', 'words'];
const refineChoices: readonly RefineChoice[] = ['auto', 'own'];
const scalesChoices: readonly ScalesChoice[] = ['auto', 'on', 'off'];
const cropCounts: readonly Options['crops'][] = ['auto', 10, 26, 59];
const guidances: readonly Options['guidance'][] = ['auto', 'none', 'features'];

/** Connects a group of radio buttons; returns how to show a choice. */
function choice<T extends string | number>(
  name: string,
  values: readonly T[],
  choose: (value: T) => void,
): (value: T) => void {
  const buttons = [...document.querySelectorAll<HTMLInputElement>(`input[name="${name}"]`)];
  for (const button of buttons) {
    button.addEventListener('change', () => {
      const value = values.find((candidate) => String(candidate) === button.value);
      if (button.checked && value !== undefined) choose(value);
    });
  }
  return (value) => {
    for (const button of buttons) button.checked = button.value === String(value);
  };
}

export interface OptionControls {
  /** What the model says of a word; `null` before it is there. */
  knowledge(lookUp: LookUp | null): void;
}

export function connectOptions(store: Store): OptionControls {
  let lookUp: LookUp | null = null;
  const change = (options: Partial<Options>): void =>
    store.dispatch({ type: 'options', change: options });
  const shows = [
    connectView(store),
    connectMethod(change),
    connectScales(change),
    connectRefinement(store, change),
    connectBackground(change, (words) => sortWords(words, lookUp).unknown),
    connectThreshold(change),
    connectDevice(change),
  ];
  const show = (state: State): void => {
    for (const part of shows) part(state);
  };
  store.subscribe(show);
  show(store.state());
  return {
    knowledge(next) {
      lookUp = next;
      show(store.state());
    },
  };
}

type Change = (options: Partial<Options>) => void;
type Show = (state: State) => void;

function connectView(store: Store): Show {
  const opacity = element('opacity', HTMLInputElement);
  const original = element('original', HTMLButtonElement);
  opacity.addEventListener('input', () =>
    store.dispatch({ type: 'view', change: { opacity: opacity.valueAsNumber } }),
  );
  original.addEventListener('click', () =>
    store.dispatch({ type: 'view', change: { original: !store.state().view.original } }),
  );
  return ({ view }) => {
    opacity.valueAsNumber = view.opacity;
    original.setAttribute('aria-pressed', String(view.original));
  };
}

function automaticIs(what: string | null | undefined): string {
  return what == null ? t.options.automatic : t.options.automaticIs(what);
}

function connectMethod(change: Change): Show {
  const select = element('method', HTMLSelectElement);
  const about = element('method-about', HTMLElement);
  const own = element('clip-diy', HTMLElement);
  const automatic = new Option('', 'auto');
  const entries = methods.map((method) => ({ method, entry: new Option('', method) }));
  select.replaceChildren(automatic, ...entries.map(({ entry }) => entry));
  select.addEventListener('change', () => {
    change({ method: methods.find((method) => method === select.value) ?? 'auto' });
  });
  const showCrops = choice('crops', cropCounts, (crops) => change({ crops }));
  const showGuidance = choice('guidance', guidances, (guidance) => change({ guidance }));
  return (state) => {
    const { options, automatic: known } = state;
    const method = methodOf(state);
    automatic.text = automaticIs(known && methodName(known.default));
    for (const { entry, method: of } of entries) entry.text = methodName(of);
    select.value = options.method;
    about.textContent = method === undefined ? '' : t.methods[method];
    own.hidden = method !== 'clip-diy';
    showCrops(options.crops);
    showGuidance(options.guidance);
  };
}

function connectScales(change: Change): Show {
  const box = element('scales', HTMLElement);
  const automatic = element('scales-automatic', HTMLElement);
  const show = choice('scales', scalesChoices, (scales) => change({ scales }));
  return (state) => {
    const does = automaticScales(state);
    box.hidden = does === undefined;
    automatic.textContent = automaticIs(does ? t.options.on : t.options.off);
    show(state.options.scales);
  };
}

function connectRefinement(store: Store, change: Change): Show {
  const automatic = element('refine-automatic', HTMLElement);
  const list = element('refinements', HTMLElement);
  const noKeys = element('no-keys', HTMLElement);
  const boxes = refinements.map((step) => {
    const box = make('input');
    box.type = 'checkbox';
    box.value = step;
    box.addEventListener('change', () => {
      const others = (store.state().options.refinements ?? []).filter((other) => other !== step);
      change({ refinements: box.checked ? [...others, step] : others });
    });
    const label = make('label');
    const name = make('span');
    label.append(box, name);
    list.append(label);
    return { step, box, name };
  });
  const showRefine = choice('refine', refineChoices, (refine) => change({ refine }));
  return (state) => {
    const { options, automatic: known } = state;
    showRefine(options.refine);
    const names = known?.refine.map(refinementName).join(t.page.comma);
    automatic.textContent = automaticIs(names === '' ? t.options.none : names);
    list.hidden = options.refine !== 'own';
    noKeys.hidden = list.hidden || fits('key-smoothing', state);
    for (const { step, box, name } of boxes) {
      name.textContent = refinementName(step);
      box.disabled = !fits(step, state);
      box.checked = !box.disabled && (options.refinements ?? []).includes(step);
    }
  };
}

function connectBackground(
  change: Change,
  unknownOf: (words: readonly string[]) => readonly UnknownWord[],
): Show {
  const own = element('background-words', HTMLInputElement);
  const leftOut = element('background-unknown', HTMLElement);
  own.addEventListener('input', () => change({ backgroundWords: parseWords(own.value) }));
  const show = choice('background', backgrounds, (background) => change({ background }));
  return ({ options }) => {
    show(options.background);
    own.hidden = options.background !== 'words';
    const unknown = unknownOf(options.backgroundWords).map(({ word }) => shorten(word));
    leftOut.textContent = unknown.length === 0 ? '' : t.options.leftOut(list(unknown));
    leftOut.hidden = own.hidden || unknown.length === 0;
  };
}

function connectThreshold(change: Change): Show {
  const threshold = element('threshold', HTMLInputElement);
  const value = element('threshold-value', HTMLOutputElement);
  threshold.addEventListener('input', () => change({ threshold: threshold.valueAsNumber }));
  return ({ options }) => {
    threshold.valueAsNumber = options.threshold;
    value.value = score(options.threshold);
  };
}

function connectDevice(change: Change): Show {
  const show = choice('device', devices, (device) => change({ device }));
  return ({ options }) => show(options.device);
}
