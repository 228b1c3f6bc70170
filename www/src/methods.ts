/** Methods and refinements as people read of them. */
import type { Method, Refinement } from 'wordmask';
import { t } from './texts.js';

/** Names of papers are the same in every language. */
const METHODS: Readonly<Record<Method, string | null>> = {
  maskclip: 'MaskCLIP',
  clearclip: 'ClearCLIP',
  sclip: 'SCLIP',
  naclip: 'NACLIP',
  pearl: 'PEARL',
  scclip: 'SC-CLIP',
  'clip-diy': 'CLIP-DIY',
  'two-stage': null,
};

export function methodName(method: Method): string {
  return METHODS[method] ?? t.twoStages;
}

/** In the order in which they run. */
export const refinements: readonly Refinement[] = [
  'prompt-denoising',
  'key-smoothing',
  'tlp',
  'pamr',
];

export function refinementName(step: Refinement): string {
  return step === 'tlp' || step === 'pamr' ? step.toUpperCase() : t.refinements[step];
}

/** The keys of an object, with their type. */
function keys<K extends string>(object: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(object) as K[];
}

/** Key smoothing compares the keys of cells, which these methods have none of. */
export const KEYLESS: readonly Method[] = ['clip-diy', 'two-stage'];

export const methods: readonly Method[] = keys(METHODS);
