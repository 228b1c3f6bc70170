/** The catalogue of published models, which the command line reads as well. Pure. */
import type { Scheme } from 'wordmask';
import catalogue from '../../weights/catalogue.json';
import type { Texts } from './texts/en.js';

/** A published model, as the catalogue tells of it (`src/hub/catalogue.rs`). */
export interface PublishedModel {
  readonly name: string;
  readonly title: string;
  /** Its repository on the hub. */
  readonly hub: string;
  readonly revision?: string;
  readonly license: string;
  readonly license_note: string;
  readonly license_source: string;
  readonly description: string;
  readonly imagenet: { readonly top1: number; readonly source: string };
  readonly scheme: Scheme;
  readonly picture_size: number;
  readonly download_megabytes: number;
  readonly stored_megabytes: Readonly<Record<Scheme, number>>;
  readonly recommended?: boolean;
  readonly sha256?: Readonly<Record<string, string>>;
}

/** All of them, those to begin with first. */
export const published = catalogue.models as readonly PublishedModel[];

/** Which models have learned from the same, by the text that says it. */
const SEEN: Readonly<Record<keyof Texts['published']['seen'], readonly string[]>> = {
  openai: ['b16', 'b32', 'l14', 'l14-336'],
  tinyYfcc39m: ['tinyclip-39m'],
  tinyYfcc8m: ['tinyclip-8m'],
  tinyLaion: ['tinyclip-61m', 'tinyclip-40m'],
  laion: ['laion-b16', 'laion-b32', 'laion-l14'],
  dataComp: ['datacomp-b16', 'datacomp-b32', 'datacomp-l14'],
  metaClip: ['metaclip-b16', 'metaclip-b32', 'metaclip-l14'],
};

/** What a model has learned from, in the language of these texts. */
export function seenBy({ name, description }: PublishedModel, texts: Texts): string {
  const { seen } = texts.published;
  const keys = Object.keys(SEEN) as (keyof typeof SEEN)[];
  const key = keys.find((one) => SEEN[one].includes(name));
  return key === undefined ? description : seen[key];
}

/** How many are offered before the others are asked for. */
export const FIRST = 3;

export function findPublished(name: string): PublishedModel | undefined {
  return published.find((model) => model.name === name);
}
