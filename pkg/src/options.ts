import { WordmaskError } from './errors.js';

/** `auto` takes a hardware WebGPU adapter that passes the self-test, else the CPU. */
export type DeviceChoice = 'auto' | 'webgpu' | 'cpu';

/** How cells of the patch grid get their scores. */
export type Method = 'maskclip';

/** A step on the scores. */
export type Refinement = 'prompt-denoising' | 'key-smoothing';

/** How far a call has come: bytes of all files while downloading, steps while computing. */
export type Progress =
  | { phase: 'download'; file: string; loaded: number; total: number }
  | { phase: 'prepare' }
  | { phase: 'encode'; done: number; total: number }
  | { phase: 'segment'; done: number; total: number };

export type ProgressListener = (progress: Progress) => void;

export interface CallOptions {
  /** Stops the call, which then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  onProgress?: ProgressListener | undefined;
}

export interface LoadOptions extends CallOptions {
  /** Default `auto`. */
  device?: DeviceChoice | undefined;
  /** Where `worker.js` lies, on the page's own origin. Default: beside this module. */
  workerUrl?: string | URL | undefined;
  /** Where `wordmask_bg.wasm` lies. Default: in `engine/` beside `worker.js`. */
  engineUrl?: string | URL | undefined;
  /** `default` keeps the bundle in Cache Storage for the next visit; `none` keeps nothing. */
  cache?: 'default' | 'none' | undefined;
}

export interface EncodeOptions extends CallOptions {
  /** The length of the picture's shorter side in pixels as the network sees it. Default: chosen by the model. */
  size?: number | undefined;
}

export interface SegmentOptions extends CallOptions {
  /** Default `maskclip`. */
  method?: Method | undefined;
  /** Whether the last block keeps its residual connection. Default: chosen by the method. */
  residual?: boolean | undefined;
  /** What the words do not name: chosen words (`auto`), nothing, or your own background words. Default `auto`. */
  background?: 'auto' | 'none' | readonly string[] | undefined;
  /** Steps on the scores, in this order. Default: none. */
  refine?: readonly Refinement[] | undefined;
  /** Pixels with a score below this, 0 to 1, stay unlabelled. */
  threshold?: number | undefined;
}

const deviceChoices: readonly DeviceChoice[] = ['auto', 'webgpu', 'cpu'];
const cacheModes = ['default', 'none'] as const;
const methods: readonly Method[] = ['maskclip'];
const refinements: readonly Refinement[] = ['prompt-denoising', 'key-smoothing'];

/** Options of `Segmenter.load`, checked. */
export interface CheckedLoad {
  device: DeviceChoice;
  cache: 'default' | 'none';
  signal: AbortSignal | undefined;
  onProgress: ProgressListener | undefined;
  workerUrl: string | URL | undefined;
  engineUrl: string | URL | undefined;
}

/** Options of `Segmenter.encode`, checked; `engine` holds what the engine gets. */
export interface CheckedEncode {
  signal: AbortSignal | undefined;
  onProgress: ProgressListener | undefined;
  engine: { size?: number };
}

/** Options of `EncodedPicture.segment`, checked; `engine` holds what the engine gets. */
export interface CheckedSegment {
  signal: AbortSignal | undefined;
  onProgress: ProgressListener | undefined;
  engine: {
    method?: Method;
    residual?: boolean;
    background?: 'auto' | 'none' | string[];
    refine?: Refinement[];
    threshold?: number;
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
    workerUrl: optional(given, 'workerUrl', url),
    engineUrl: optional(given, 'engineUrl', url),
    ...callOptions(given),
  };
}

export function checkEncode(options: unknown): CheckedEncode {
  const given = ownEntries(options, 'encode', ['size', 'signal', 'onProgress']);
  return {
    engine: defined({ size: optional(given, 'size', positiveInteger) }),
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
    'signal',
    'onProgress',
  ]);
  return {
    engine: defined({
      method: optional(given, 'method', oneOf(methods)),
      residual: optional(given, 'residual', boolean),
      background: optional(given, 'background', background),
      refine: optional(given, 'refine', listOf(oneOf(refinements))),
      threshold: optional(given, 'threshold', fraction),
    }),
    ...callOptions(given),
  };
}

/** The words of a call; what they mean is for the engine to judge. */
export function checkWords(words: unknown): string[] {
  return listOf(text)(words, 'words');
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

function callOptions(given: ReadonlyMap<string, unknown>): {
  signal: AbortSignal | undefined;
  onProgress: ProgressListener | undefined;
} {
  return {
    signal: optional(given, 'signal', abortSignal),
    onProgress: optional(given, 'onProgress', listener),
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

function oneOf<T extends string>(choices: readonly T[]): Check<T> {
  return (value, name) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw wrong(name, quoted(choices));
    return choice;
  };
}

function quoted(choices: readonly string[]): string {
  return choices.map((choice) => `"${choice}"`).join(' or ');
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

const listener: Check<ProgressListener> = (value, name) => {
  if (typeof value !== 'function') throw wrong(name, 'a function');
  return value as ProgressListener;
};
