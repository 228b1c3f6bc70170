import {
  boolean,
  type Check,
  defined,
  fraction,
  listener,
  listOf,
  oneOf,
  optional,
  ownEntries,
  positiveInteger,
  text,
  wrong,
} from './checks.js';
import type { Crops, EngineSegmentOptions, Guidance, Method, Refinement } from './engine.js';
import { type CallOptions, type CheckedCall, callOptions, methods } from './options.js';
import type { Segmentation } from './segmentation.js';

export interface SegmentOptions extends CallOptions {
  /** Default: that of `segmenter.methods`. */
  method?: Method | undefined;
  /** Whether the last block keeps its residual connection. Default: chosen by the method. */
  residual?: boolean | undefined;
  /**
   * Of the methods that read patches: whether they look at the picture at finer scales, too. The
   * first answer, from the whole picture, comes by `onPartial`. Default: as `segmenter.methods`
   * says, `false` if another `method` is chosen.
   */
  multiScale?: boolean | undefined;
  /**
   * With `multiScale`: scales that are not expected to be done within so many seconds are left out,
   * so that a slow device answers as well. `Infinity` leaves out none. Default 10.
   */
  maxSeconds?: number | undefined;
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
   * Gets coarse answers of `multiScale` and `clip-diy` that sharpen, while the call goes on. Each is freed when the
   * next one or the final one is there; `labels`, `classes` and `toImageData` stay of use. If the
   * call is stopped or fails, the last one lives on until you free it.
   */
  onPartial?: ((result: Segmentation) => void) | undefined;
}

const refinements: readonly Refinement[] = [
  'prompt-denoising',
  'key-smoothing',
  'tlp',
  'pamr',
  'edges',
];
const cropCounts: readonly Crops[] = [10, 26, 59];
const guidances: readonly Guidance[] = ['none', 'features', 'found'];
const mostRegions = 200;

/** Options of `EncodedPicture.segment`, checked; `engine` holds what the engine gets. */
export interface CheckedSegment extends CheckedCall {
  onPartial: ((result: Segmentation) => void) | undefined;
  engine: EngineSegmentOptions;
}

export function checkSegment(options: unknown): CheckedSegment {
  const given = ownEntries(options, 'segment', [
    'method',
    'residual',
    'multiScale',
    'maxSeconds',
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
      multiScale: optional(given, 'multiScale', boolean),
      maxSeconds: optional(given, 'maxSeconds', duration),
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

const regionCount: Check<number> = (value, name) => {
  const count = positiveInteger(value, name);
  if (count > mostRegions) throw wrong(name, `a whole number from 1 to ${mostRegions}`);
  return count;
};

const duration: Check<number> = (value, name) => {
  if (typeof value !== 'number' || !(value >= 0)) throw wrong(name, 'a number of seconds');
  return value;
};

const background: Check<'auto' | 'none' | string[]> = (value, name) => {
  if (value === 'auto' || value === 'none') return value;
  if (!Array.isArray(value)) throw wrong(name, '"auto", "none" or an array of words');
  return listOf(text)(value, name);
};
