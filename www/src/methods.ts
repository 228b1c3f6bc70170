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
  'edges',
];

export function refinementName(step: Refinement): string {
  return step === 'tlp' || step === 'pamr' ? step.toUpperCase() : t.refinements[step];
}

/** The keys of an object, with their type. */
function keys<K extends string>(object: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(object) as K[];
}

/** They read crops and regions, not cells: they have no keys to smooth, and choose their scales themselves. */
const WITHOUT_CELLS: readonly Method[] = ['clip-diy', 'two-stage'];

export function readsCells(method: Method): boolean {
  return !WITHOUT_CELLS.includes(method);
}

export const methods: readonly Method[] = keys(METHODS);
