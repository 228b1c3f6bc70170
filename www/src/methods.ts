/** Methods and refinements as people read of them. */
import type { Method, Refinement } from 'wordmask';

export interface Described {
  readonly name: string;
  /** What it does, in one sentence. */
  readonly about: string;
}

export const METHODS: Readonly<Record<Method, Described>> = {
  maskclip: { name: 'MaskCLIP', about: 'Every patch speaks for itself. The plainest method.' },
  clearclip: {
    name: 'ClearCLIP',
    about: 'Patches gather from those that ask alike, and nothing else is mixed in.',
  },
  sclip: { name: 'SCLIP', about: 'Patches gather from those like themselves.' },
  naclip: { name: 'NACLIP', about: 'Patches gather from those like themselves, near ones first.' },
  pearl: { name: 'PEARL', about: 'Lines queries and keys up before patches gather.' },
  scclip: {
    name: 'SC-CLIP',
    about: 'Repairs patches that stand out, then gathers from like ones.',
  },
  'clip-diy': {
    name: 'CLIP-DIY',
    about: 'Looks at crops of several sizes: coarse masks at first, then sharper ones.',
  },
  'two-stage': { name: 'Two stages', about: 'Finds regions first, then gives each one a word.' },
};

/** In the order in which they run. */
export const REFINEMENTS: Readonly<Record<Refinement, string>> = {
  'prompt-denoising': 'Prompt denoising',
  'key-smoothing': 'Key smoothing',
  tlp: 'TLP',
  pamr: 'PAMR',
};

/** The keys of an object, with their type. */
function keys<K extends string>(object: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(object) as K[];
}

/** Key smoothing compares the keys of cells, which these methods have none of. */
export const KEYLESS: readonly Method[] = ['clip-diy', 'two-stage'];

export const methods: readonly Method[] = keys(METHODS);
export const refinements: readonly Refinement[] = keys(REFINEMENTS);
