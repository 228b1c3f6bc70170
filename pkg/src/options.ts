import type { Crops, Guidance, Method, Refinement, Scheme, Windows } from './engine.js';
import { WordmaskError } from './errors.js';
import type { Segmentation } from './segmenter.js';

/** `auto` takes a hardware WebGPU adapter that passes the self-test, else the CPU. */
export type DeviceChoice = 'auto' | 'webgpu' | 'cpu';

/**
 * How far a call has come: bytes of all files that it gets while downloading, steps while computing,
 * finished files while importing.
 */
export type Progress =
  | { phase: 'download'; file: string; loaded: number; total: number }
  | { phase: 'prepare' }
  | { phase: 'encode'; done: number; total: number }
  | { phase: 'segment'; done: number; total: number }
  | { phase: 'classify'; done: number; total: number }
  | { phase: 'import'; done: number; total: number };

export type ProgressListener = (progress: Progress) => void;

export interface CallOptions {
  /** Stops the call, which then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  onProgress?: ProgressListener | undefined;
}

/** Where the files of the package lie, if not beside each other. */
export interface PlaceOptions {
  /** Where `worker.js` lies. Default: beside this module. */
  workerUrl?: string | URL | undefined;
  /** Where `wordmask_bg.wasm` lies. Default: in `engine/` beside `worker.js`. */
  engineUrl?: string | URL | undefined;
}

export interface LoadOptions extends CallOptions, PlaceOptions {
  /** Default `auto`. */
  device?: DeviceChoice | undefined;
  /** `default` keeps the bundle in Cache Storage for the next visit; `none` keeps nothing. */
  cache?: 'default' | 'none' | undefined;
}

/** Options of `importModel`. */
export interface ImportOptions extends CallOptions, PlaceOptions {
  /** How the weights are stored: smaller, or closer to the published model. Default `q8`. */
  scheme?: Scheme | undefined;
  /** A short name for people. Default: chosen from the model's own files. */
  name?: string | undefined;
}

export interface CocoOptions {
  /**
   * What readers of the file look the picture up by: the name of its file, or its path below the
   * folder of all pictures. Default: the name of the `File` that was encoded, else `picture`.
   */
  fileName?: string | undefined;
}

export interface EncodeOptions extends CallOptions {
  /** The length of the picture's shorter side in pixels as the network sees it. Default: chosen by the model. */
  size?: number | undefined;
  /** The method to prepare for; others work as well. Default: that of `segmenter.methods`. */
  method?: Method | undefined;
  /**
   * Whether the network sees the picture in one piece or in overlapping square windows, whose size
   * and stride are in pixels of the resized picture. Default `auto`: chosen by the model.
   */
  windows?: 'auto' | 'whole' | { readonly size: number; readonly stride: number } | undefined;
}

export interface SegmentOptions extends CallOptions {
  /** Default: that of `segmenter.methods`. */
  method?: Method | undefined;
  /** Whether the last block keeps its residual connection. Default: chosen by the method. */
  residual?: boolean | undefined;
  /** What the words do not name: chosen words (`auto`), nothing, or your own background words. Default `auto`. */
  background?: 'auto' | 'none' | readonly string[] | undefined;
  /** Steps on the scores, in this order. Default: those of `segmenter.methods`. */
  refine?: readonly Refinement[] | undefined;
  /** Pixels with a score below this, 0 to 1, stay unlabelled. */
  threshold?: number | undefined;
  /** Of `clip-diy`: how many crops it looks at. Default: chosen for the device. */
  crops?: Crops | undefined;
  /** Of `clip-diy`: what tells it the foreground. Default: chosen by the method. */
  guidance?: Guidance | undefined;
  /** Of `two-stage`: how many regions it names at most, 1 to 200. Default: chosen by the method. */
  regions?: number | undefined;
  /**
   * Gets coarse answers of `clip-diy` that sharpen, while the call goes on. Each is freed when the
   * next one or the final one is there; `labels`, `classes` and `toImageData` stay of use. If the
   * call is stopped or fails, the last one lives on until you free it.
   */
  onPartial?: ((result: Segmentation) => void) | undefined;
}

/** Options of `EncodedPicture.regionAt`. */
export type RegionOptions = Pick<CallOptions, 'signal'>;

const schemes: readonly Scheme[] = ['f32', 'f16', 'q8', 'q4'];
const deviceChoices: readonly DeviceChoice[] = ['auto', 'webgpu', 'cpu'];
const cacheModes = ['default', 'none'] as const;
const methods: readonly Method[] = [
  'maskclip',
  'clearclip',
  'sclip',
  'naclip',
  'pearl',
  'scclip',
  'clip-diy',
  'two-stage',
];
const refinements: readonly Refinement[] = ['prompt-denoising', 'key-smoothing', 'tlp', 'pamr'];
const cropCounts: readonly Crops[] = [10, 26, 59];
const guidances: readonly Guidance[] = ['none', 'features', 'found'];
const mostRegions = 200;

/** Where the files of the package lie, checked. */
export interface CheckedPlaces {
  workerUrl: string | URL | undefined;
  engineUrl: string | URL | undefined;
}

/** Options of `Segmenter.load`, checked. */
export interface CheckedLoad extends CheckedCall, CheckedPlaces {
  device: DeviceChoice;
  cache: 'default' | 'none';
}

/** Options of `importModel`, checked. */
export interface CheckedImport extends CheckedCall, CheckedPlaces {
  scheme: Scheme;
  name: string | undefined;
}

/** What every call takes, checked. */
export interface CheckedCall {
  signal: AbortSignal | undefined;
  onProgress: ProgressListener | undefined;
}

/** Options of `Segmenter.encode`, checked; `engine` holds what the engine gets. */
export interface CheckedEncode extends CheckedCall {
  engine: { size?: number; method?: Method; windows?: Windows };
}

/** Options of `EncodedPicture.segment`, checked; `engine` holds what the engine gets. */
export interface CheckedSegment extends CheckedCall {
  onPartial: ((result: Segmentation) => void) | undefined;
  engine: {
    method?: Method;
    residual?: boolean;
    background?: 'auto' | 'none' | string[];
    refine?: Refinement[];
    threshold?: number;
    crops?: Crops;
    guidance?: Guidance;
    regions?: number;
  };
}

export function checkLoad(options: unknown): CheckedLoad {
  const given = ownEntries(options, 'Segmenter.load', [
    'device',
    'signal',
    'onProgress',
    'workerUrl',
    'engineUrl',
    'cache',
  ]);
  return {
    device: optional(given, 'device', oneOf(deviceChoices)) ?? 'auto',
    cache: optional(given, 'cache', oneOf(cacheModes)) ?? 'default',
    ...places(given),
    ...callOptions(given),
  };
}

export function checkImport(options: unknown): CheckedImport {
  const given = ownEntries(options, 'importModel', [
    'scheme',
    'name',
    'signal',
    'onProgress',
    'workerUrl',
    'engineUrl',
  ]);
  return {
    scheme: optional(given, 'scheme', oneOf(schemes)) ?? 'q8',
    name: optional(given, 'name', text),
    ...places(given),
    ...callOptions(given),
  };
}

export function checkEncode(options: unknown): CheckedEncode {
  const given = ownEntries(options, 'encode', [
    'size',
    'method',
    'windows',
    'signal',
    'onProgress',
  ]);
  return {
    engine: defined({
      size: optional(given, 'size', positiveInteger),
      method: optional(given, 'method', oneOf(methods)),
      windows: optional(given, 'windows', windows),
    }),
    ...callOptions(given),
  };
}

export function checkSegment(options: unknown): CheckedSegment {
  const given = ownEntries(options, 'segment', [
    'method',
    'residual',
    'background',
    'refine',
    'threshold',
    'crops',
    'guidance',
    'regions',
    'signal',
    'onProgress',
    'onPartial',
  ]);
  return {
    engine: defined({
      method: optional(given, 'method', oneOf(methods)),
      residual: optional(given, 'residual', boolean),
      background: optional(given, 'background', background),
      refine: optional(given, 'refine', listOf(oneOf(refinements))),
      threshold: optional(given, 'threshold', fraction),
      crops: optional(given, 'crops', oneOf(cropCounts)),
      guidance: optional(given, 'guidance', oneOf(guidances)),
      regions: optional(given, 'regions', regionCount),
    }),
    onPartial: optional(given, 'onPartial', listener<Segmentation>),
    ...callOptions(given),
  };
}

export function checkClassify(options: unknown): CheckedCall {
  return callOptions(ownEntries(options, 'classify', ['signal', 'onProgress']));
}

export function checkRegion(options: unknown): Pick<CheckedCall, 'signal'> {
  const given = ownEntries(options, 'regionAt', ['signal']);
  return { signal: optional(given, 'signal', abortSignal) };
}

/** The pixel at a place in a picture of this size, given in pixels from its upper left corner. */
export function checkPoint(
  x: unknown,
  y: unknown,
  { width, height }: { width: number; height: number },
): { x: number; y: number } {
  const pixel = (value: unknown, name: string, size: number): number => {
    if (typeof value !== 'number' || !(value >= 0 && value < size)) {
      throw wrong(name, `a number from 0 to below ${size}, the size of the picture`);
    }
    return Math.floor(value);
  };
  return { x: pixel(x, 'x', width), y: pixel(y, 'y', height) };
}

/** The words of a call; what they mean is for the engine to judge. */
export function checkWords(words: unknown): string[] {
  return listOf(text)(words, 'words');
}

/** The name that a picture has in a COCO file, if it is told. */
export function checkCoco(options: unknown): string | undefined {
  const given = ownEntries(options, 'toCoco', ['fileName']);
  return optional(given, 'fileName', (value, name) => {
    if (typeof value === 'string' && value !== '') return value;
    throw new WordmaskError('input', `"${name}" must be the name of the picture's file.`);
  });
}

/** The `opacity` of an overlay, 0 to 1. */
export function checkOpacity(options: unknown, where: string): number {
  const given = ownEntries(options, where, ['opacity']);
  return optional(given, 'opacity', fraction) ?? 0.6;
}

type Check<T> = (value: unknown, name: string) => T;

function ownEntries(
  options: unknown,
  where: string,
  allowed: readonly string[],
): ReadonlyMap<string, unknown> {
  if (options === undefined) return new Map();
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new WordmaskError('input', `The options of ${where} must be an object.`);
  }
  const entries = new Map(Object.entries(options));
  for (const key of entries.keys()) {
    if (!allowed.includes(key)) {
      throw new WordmaskError(
        'input',
        `${where} has no option "${key}". Its options are ${allowed.join(', ')}.`,
      );
    }
  }
  return entries;
}

function optional<T>(
  given: ReadonlyMap<string, unknown>,
  name: string,
  check: Check<T>,
): T | undefined {
  const value = given.get(name);
  return value === undefined ? undefined : check(value, name);
}

function callOptions(given: ReadonlyMap<string, unknown>): CheckedCall {
  return {
    signal: optional(given, 'signal', abortSignal),
    onProgress: optional(given, 'onProgress', listener<Progress>),
  };
}

function places(given: ReadonlyMap<string, unknown>): CheckedPlaces {
  return {
    workerUrl: optional(given, 'workerUrl', url),
    engineUrl: optional(given, 'engineUrl', url),
  };
}

/** The object without the keys that hold `undefined`. */
function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function wrong(name: string, expected: string): WordmaskError {
  return new WordmaskError('input', `"${name}" must be ${expected}.`);
}

function oneOf<T extends string | number>(choices: readonly T[]): Check<T> {
  return (value, name) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw wrong(name, quoted(choices));
    return choice;
  };
}

function quoted(choices: readonly (string | number)[]): string {
  return choices.map((choice) => JSON.stringify(choice)).join(' or ');
}

function listOf<T>(check: Check<T>): Check<T[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw wrong(name, 'an array');
    return Array.from(value, (item: unknown, index) => check(item, `${name}[${index}]`));
  };
}

const text: Check<string> = (value, name) => {
  if (typeof value !== 'string') throw wrong(name, 'a string');
  return value;
};

const boolean: Check<boolean> = (value, name) => {
  if (typeof value !== 'boolean') throw wrong(name, 'true or false');
  return value;
};

const positiveInteger: Check<number> = (value, name) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw wrong(name, 'a whole number above 0');
  }
  return value;
};

const fraction: Check<number> = (value, name) => {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw wrong(name, 'a number from 0 to 1');
  }
  return value;
};

const regionCount: Check<number> = (value, name) => {
  const count = positiveInteger(value, name);
  if (count > mostRegions) throw wrong(name, `a whole number from 1 to ${mostRegions}`);
  return count;
};

const windows: Check<Windows> = (value, name) => {
  if (value === 'auto' || value === 'whole') return value;
  if (typeof value !== 'object' || value === null) {
    throw wrong(name, '"auto", "whole" or { size, stride }');
  }
  const given = ownEntries(value, name, ['size', 'stride']);
  const size = positiveInteger(given.get('size'), `${name}.size`);
  const stride = positiveInteger(given.get('stride'), `${name}.stride`);
  // Wider steps would leave gaps between the windows.
  if (stride > size) throw wrong(`${name}.stride`, `at most ${name}.size, ${size}`);
  return { size, stride };
};

const background: Check<'auto' | 'none' | string[]> = (value, name) => {
  if (value === 'auto' || value === 'none') return value;
  if (!Array.isArray(value)) throw wrong(name, '"auto", "none" or an array of words');
  return listOf(text)(value, name);
};

const url: Check<string | URL> = (value, name) => {
  if (typeof value === 'string' && value !== '') return value;
  if (value instanceof URL) return value;
  throw wrong(name, 'a URL');
};

const abortSignal: Check<AbortSignal> = (value, name) => {
  if (!(value instanceof AbortSignal)) throw wrong(name, 'an AbortSignal');
  return value;
};

function listener<T>(value: unknown, name: string): (news: T) => void {
  if (typeof value !== 'function') throw wrong(name, 'a function');
  return value as (news: T) => void;
}
