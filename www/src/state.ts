/**
 * What the page knows apart from pictures and pixels: words, options, view. Pure: no DOM, no engine, so that every rule
 * about words is tested without a browser.
 */
import type { Crops, Guidance, Method, Methods, Refinement, SegmentOptions } from 'wordmask';
import type { Corrections } from './corrections.js';
import { type History, noHistory, recorded, redone, undone } from './history.js';
import { readsCells, refinements } from './methods.js';
import type { Language } from './texts.js';
import { whole, type Zoom } from './zoom.js';

/** More words than this make every mask worse and the legend unreadable; the engine itself takes 254 classes. */
export const MAX_WORDS = 200;
/** CLIP reads 77 tokens, so a longer word would be cut without anyone noticing. */
export const MAX_LETTERS = 200;

export type DeviceChoice = 'auto' | 'webgpu' | 'cpu';
export type BackgroundChoice = 'auto' | 'none' | 'words';
export type RefineChoice = 'auto' | 'own';
export type ScalesChoice = 'auto' | 'on' | 'off';

export interface Options {
  readonly device: DeviceChoice;
  readonly method: 'auto' | Method;
  /** Of CLIP-DIY. */
  readonly crops: 'auto' | Crops;
  /** Of CLIP-DIY. */
  readonly guidance: 'auto' | Guidance;
  /** Of the methods that read cells: whether they look at the picture at finer scales, too. */
  readonly scales: ScalesChoice;
  readonly background: BackgroundChoice;
  /** The user's own background words, kept while another choice is on. */
  readonly backgroundWords: readonly string[];
  readonly refine: RefineChoice;
  /** The user's own steps, kept while `auto` is on; `null` until they are first looked at. */
  readonly refinements: readonly Refinement[] | null;
  /** Scores below this, 0..1, stay unlabelled. */
  readonly threshold: number;
}

export interface View {
  /** 0..1: how strongly the class colours cover the picture. */
  readonly opacity: number;
  /** Whether the bare picture is shown. */
  readonly original: boolean;
  /** Names of the classes that are switched off. By name, so that they stay off when words are added. */
  readonly hidden: ReadonlySet<string>;
  /** The class that is looked at now; all others are dimmed. */
  readonly highlight: number | null;
  readonly zoom: Zoom;
  /** Left of this part of the stage the picture is bare; `null` where masks are everywhere. */
  readonly split: number | null;
}

/** What a click or a stroke on the picture does. */
export type Tool = 'look' | 'region' | 'brush' | 'eraser';

/** Whether a drag draws. */
export function drawsStrokes(tool: Tool): boolean {
  return tool === 'brush' || tool === 'eraser';
}

export interface Tools {
  readonly tool: Tool;
  /** The class that regions and strokes are given to, by name; the first one where it is not there. */
  readonly target: string | null;
  /** Whether regions are taken away from what they are. */
  readonly takeAway: boolean;
  /** How wide a stroke is, in CSS pixels: it is finer where the picture is shown larger. */
  readonly size: number;
}

/** The widths of a stroke. */
export const SIZES = { least: 4, most: 120 } as const;

/** What is undone and redone. Not the device, which has no part in what comes out. */
export interface Moment {
  readonly words: readonly string[];
  readonly wordsFromSample: boolean;
  readonly options: Omit<Options, 'device'>;
  readonly hidden: ReadonlySet<string>;
  readonly opacity: number;
  readonly corrections: Corrections | null;
}

/** What the user has made of one picture, to go on with when it is shown again. */
export interface Marks {
  readonly corrections: Corrections | null;
  readonly history: History<Moment>;
}

/** Why a word was refused. */
export type Notice =
  | { readonly kind: 'twin'; readonly word: string }
  | { readonly kind: 'too-long'; readonly letters: number }
  | { readonly kind: 'too-many' };

export interface State {
  readonly language: Language;
  /** The model that is wanted: the address of its folder, or its id in the browser's storage. */
  readonly model: string;
  readonly words: readonly string[];
  /** True while `words` are exactly those that a sample brought: they go when another picture comes. */
  readonly wordsFromSample: boolean;
  readonly notice: Notice | null;
  readonly options: Options;
  /** What the engine does where it is not told; `null` until it has been loaded. */
  readonly automatic: Methods | null;
  readonly view: View;
  readonly tools: Tools;
  /** What the user has said of the picture's pixels. */
  readonly corrections: Corrections | null;
  /** The same while a stroke is being drawn. */
  readonly draft: Corrections | null;
  readonly history: History<Moment>;
}

export type Action =
  | { type: 'language'; language: Language }
  | { type: 'add'; text: string }
  | { type: 'remove'; word: string }
  | { type: 'remove-last' }
  /** Another word in the place of one. */
  | { type: 'replace'; word: string; by: string }
  /** The words that come with a picture: those of a sample, or none. */
  | { type: 'picture'; words: readonly string[] }
  /** The words of an earlier visit. */
  | { type: 'restore'; words: readonly string[]; wordsFromSample: boolean }
  | { type: 'options'; change: Partial<Options> }
  | { type: 'model'; model: string }
  | { type: 'automatic'; methods: Methods }
  | { type: 'view'; change: Partial<Omit<View, 'hidden'>> }
  | { type: 'toggle'; name: string }
  | { type: 'tools'; change: Partial<Tools> }
  /** A stroke under way; `null` where it comes to nothing. */
  | { type: 'draft'; corrections: Corrections | null }
  | { type: 'correct'; corrections: Corrections }
  /** Another picture is there: what was said of the pixels of the one before goes. */
  | { type: 'other-picture'; marks: Marks | null }
  | { type: 'undo' }
  | { type: 'redo' };

export const initialState: State = {
  language: 'en',
  model: '',
  words: [],
  wordsFromSample: false,
  notice: null,
  options: {
    device: 'auto',
    method: 'auto',
    crops: 'auto',
    guidance: 'auto',
    scales: 'auto',
    background: 'auto',
    backgroundWords: [],
    refine: 'auto',
    refinements: null,
    threshold: 0,
  },
  automatic: null,
  view: {
    opacity: 0.55,
    original: false,
    hidden: new Set(),
    highlight: null,
    zoom: whole,
    split: null,
  },
  tools: { tool: 'look', target: null, takeAway: false, size: 28 },
  corrections: null,
  draft: null,
  history: noHistory,
};

/** What ends a word, as on the command line (`src/prompt/words.rs`): commas and semicolons, also CJK ones, and line ends. */
export const SEPARATOR = /[,;\n\r，、；]/u;

/** Splits typed or pasted text at separators; drops what is empty. */
export function parseWords(text: string): string[] {
  return text
    .normalize('NFC')
    .split(SEPARATOR)
    .map((word) => word.replace(/\s+/gu, ' ').trim())
    .filter((word) => word !== '');
}

/** Two words that CLIP's tokenizer reads alike count as the same. */
function sameWord(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Adds each word of `text` that is new and fits; says why the last refused one was refused. */
export function addWords(
  words: readonly string[],
  text: string,
): { words: readonly string[]; notice: Notice | null } {
  const next = [...words];
  let notice: Notice | null = null;
  for (const word of parseWords(text)) {
    const letters = [...word].length;
    const twin = next.find((other) => sameWord(other, word));
    if (twin !== undefined) {
      notice = { kind: 'twin', word: twin };
    } else if (letters > MAX_LETTERS) {
      notice = { kind: 'too-long', letters };
    } else if (next.length >= MAX_WORDS) {
      notice = { kind: 'too-many' };
    } else {
      next.push(word);
    }
  }
  return { words: next.length === words.length ? words : next, notice };
}

/** A word cut to a length that fits a message. */
export function shorten(word: string, letters = 40): string {
  const all = [...word];
  return all.length <= letters ? word : `${all.slice(0, letters - 1).join('')}…`;
}

export function reduce(state: State, action: Action): State {
  const next = step(state, action);
  if (!isStep(action)) return next;
  const before = momentOf(state);
  if (sameMoment(before, momentOf(next))) return next;
  return { ...next, history: recorded(state.history, before, joinOf(action)) };
}

/** Whether the user did it to masks, words or options, and may want it undone. */
function isStep({ type }: Action): boolean {
  return !['picture', 'restore', 'other-picture', 'undo', 'redo'].includes(type);
}

/** What slides, or is typed, comes in many small steps of which nobody wants to undo each. */
function joinOf(action: Action): string | null {
  const changed = action.type === 'options' || action.type === 'view' ? action.change : {};
  const [key = '', ...others] = Object.keys(changed);
  const joins = others.length === 0 && ['threshold', 'backgroundWords', 'opacity'].includes(key);
  return joins ? key : null;
}

function momentOf({ words, wordsFromSample, options, view, corrections }: State): Moment {
  const { device: _, ...others } = options;
  const { hidden, opacity } = view;
  return { words, wordsFromSample, options: others, hidden, opacity, corrections };
}

function sameMoment({ options, ...a }: Moment, { options: others, ...b }: Moment): boolean {
  const same = (one: object, other: object): boolean => {
    const entries = new Map<string, unknown>(Object.entries(other));
    return Object.entries(one).every(([key, value]) => entries.get(key) === value);
  };
  return same(a, b) && same(options, others);
}

/** As it was at another moment, with the history from there. */
function at(state: State, found: { moment: Moment; history: History<Moment> } | null): State {
  if (found === null) return state;
  const { words, wordsFromSample, options, hidden, opacity, corrections } = found.moment;
  return {
    ...state,
    words,
    wordsFromSample,
    notice: null,
    options: { ...options, device: state.options.device },
    view: { ...state.view, hidden, opacity },
    corrections,
    draft: null,
    history: found.history,
  };
}

/** What was made of the picture that is shown. */
export function marksOf({ corrections, history }: State): Marks {
  return { corrections, history };
}

/**
 * With what was made of another picture. Words and options are those of now: in its steps back and forth only its
 * corrections change.
 */
function marked(state: State, { corrections, history }: Marks): State {
  const now = momentOf(state);
  const own = (moments: readonly Moment[]) =>
    moments
      .filter(({ corrections: one }, at) => one !== (moments[at + 1]?.corrections ?? corrections))
      .map((moment) => ({ ...now, corrections: moment.corrections }));
  const steps = { past: own(history.past), future: own(history.future), joins: null };
  return { ...state, corrections, draft: null, history: steps };
}

/** No corrections, as far back and forth as it goes. */
function uncorrected(state: State): State {
  const { past, future } = state.history;
  const without = (moments: readonly Moment[]) =>
    moments.map((moment) => ({ ...moment, corrections: null }));
  const history = { past: without(past), future: without(future), joins: null };
  return { ...state, corrections: null, draft: null, history };
}

function step(state: State, action: Action): State {
  switch (action.type) {
    case 'language':
      return { ...state, language: action.language };
    case 'add': {
      const { words, notice } = addWords(state.words, action.text);
      const wordsFromSample = state.wordsFromSample && words === state.words;
      return { ...state, words, notice, wordsFromSample };
    }
    case 'remove':
      return withoutWords(
        state,
        state.words.filter((word) => word !== action.word),
      );
    case 'remove-last':
      return withoutWords(state, state.words.slice(0, -1));
    case 'replace': {
      const others = state.words.filter((word) => word !== action.word);
      const { words, notice } = addWords(others, action.by);
      if (words === others) return { ...state, words, notice, wordsFromSample: false };
      const [added = action.by] = words.slice(-1);
      const moved = state.words.map((word) => (word === action.word ? added : word));
      return { ...state, words: moved, notice, wordsFromSample: false };
    }
    case 'picture': {
      const view = { ...state.view, zoom: whole };
      const next = { ...state, notice: null, view, draft: null, history: noHistory };
      if (state.words.length > 0 && !state.wordsFromSample) return next;
      const { words } = addWords([], action.words.join(','));
      return { ...next, words, wordsFromSample: true };
    }
    case 'restore': {
      const { words, wordsFromSample } = action;
      return { ...state, words: addWords([], words.join(',')).words, wordsFromSample };
    }
    case 'options':
      return { ...state, options: withSteps({ ...state.options, ...action.change }, state) };
    case 'model':
      return action.model === state.model ? state : { ...state, model: action.model };
    case 'automatic':
      return { ...state, automatic: action.methods };
    case 'view':
      return { ...state, view: { ...state.view, ...action.change } };
    case 'toggle': {
      const hidden = new Set(state.view.hidden);
      if (!hidden.delete(action.name)) hidden.add(action.name);
      return { ...state, view: { ...state.view, hidden } };
    }
    case 'tools':
      return { ...state, tools: { ...state.tools, ...action.change } };
    case 'draft':
      return { ...state, draft: action.corrections };
    case 'correct':
      return { ...state, corrections: action.corrections, draft: null };
    case 'other-picture':
      return action.marks === null ? uncorrected(state) : marked(state, action.marks);
    case 'undo':
      return at(state, undone(state.history, momentOf(state)));
    case 'redo':
      return at(state, redone(state.history, momentOf(state)));
  }
}

/** Who first looks at the steps of the refinement finds those that run anyway. */
function withSteps(options: Options, { automatic }: State): Options {
  const first = options.refine === 'own' && options.refinements === null;
  return first ? { ...options, refinements: automatic?.refine ?? [] } : options;
}

function withoutWords(state: State, words: readonly string[]): State {
  if (words.length === state.words.length) return state;
  return { ...state, words, notice: null, wordsFromSample: false };
}

/** The method that runs. */
export function methodOf({ options, automatic }: Pick<State, 'options' | 'automatic'>) {
  return options.method === 'auto' ? automatic?.default : options.method;
}

/** Whether a step can follow the method that runs. */
export function fits(step: Refinement, state: Pick<State, 'options' | 'automatic'>): boolean {
  const method = methodOf(state);
  return step !== 'key-smoothing' || method === undefined || readsCells(method);
}

/** Whether finer scales are read where nothing else is chosen; `undefined` where it is not known or makes no sense. */
export function automaticScales(state: Pick<State, 'options' | 'automatic'>): boolean | undefined {
  const method = methodOf(state);
  if (method === undefined || !readsCells(method)) return undefined;
  return state.options.method === 'auto' && state.automatic?.multiScale === true;
}

/** What the package's `segment` takes, from what the page shows. What is automatic is left out. */
export function segmentOptions(
  state: Pick<State, 'options' | 'automatic'>,
): Omit<SegmentOptions, 'signal' | 'onProgress' | 'onPartial'> {
  const { options } = state;
  // "Own words" without a word means no background yet: the user is still typing.
  const own = options.backgroundWords.length > 0 ? [...options.backgroundWords] : 'none';
  const method = methodOf(state);
  const diy = method === 'clip-diy';
  const cells = method === undefined || readsCells(method);
  const steps = options.refinements ?? [];
  return {
    ...(options.method !== 'auto' && { method: options.method }),
    ...(diy && options.crops !== 'auto' && { crops: options.crops }),
    ...(diy && options.guidance !== 'auto' && { guidance: options.guidance }),
    ...(cells && options.scales === 'off' && { multiScale: false }),
    // Who asks for them waits for them: there is a button that ends it.
    ...(cells && options.scales === 'on' && { multiScale: true, maxSeconds: Infinity }),
    ...(options.refine === 'own' && {
      refine: refinements.filter((step) => steps.includes(step) && fits(step, state)),
    }),
    background: options.background === 'words' ? own : options.background,
    threshold: options.threshold,
  };
}

/** Whether going from one set of options to another changes the masks on the same device. */
export function masksDiffer(a: Options, b: Options, automatic: Methods | null): boolean {
  const [one, other] = [a, b].map((options) => segmentOptions({ options, automatic }));
  return JSON.stringify(one) !== JSON.stringify(other);
}

export interface Store {
  state(): State;
  dispatch(action: Action): void;
  subscribe(listener: (now: State, before: State) => void): void;
}

export function createStore(initial: State): Store {
  let state = initial;
  const listeners: ((now: State, before: State) => void)[] = [];
  return {
    state: () => state,
    dispatch(action) {
      const before = state;
      state = reduce(state, action);
      if (state !== before) for (const listener of listeners) listener(state, before);
    },
    subscribe: (listener) => void listeners.push(listener),
  };
}
