/** The catalogue of published models, which the command line reads as well. Pure. */
import type { Scheme } from 'wordmask';
import catalogue from '../../weights/catalogue.json';

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

/** How many are offered before the others are asked for. */
export const FIRST = 3;

export function findPublished(name: string): PublishedModel | undefined {
  return published.find((model) => model.name === name);
}

/** The page on which a model is fetched. */
export function pageOf({ name }: Pick<PublishedModel, 'name'>): string {
  return `models.html#${name}`;
}
