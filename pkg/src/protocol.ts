/** What the page and the worker say to each other. Both sides import this and nothing else of each other. */

import type {
  BundleInfo,
  ClassSummary,
  Device,
  EngineCutoutOptions,
  EngineExportOptions,
  EngineFile,
  EngineMask,
  EngineSegmentOptions,
  ExportFormat,
  LargestPicture,
  Methods,
  ModelDetails,
  NamedScore,
  Scheme,
} from './engine.js';
import type { ErrorCode } from './errors.js';
import type { MadeModel } from './models.js';
import type { CheckedEncode, DeviceChoice, Progress } from './options.js';
import type { EnginePlaces } from './places.js';

/** Both sides must agree on this; they differ when files of two releases are served together. */
export const protocolVersion = 8;

/** A picture on its way to the engine: a file, or RGBA pixels when there is a size. */
export interface PictureData {
  blob: Blob;
  size?: { width: number; height: number };
}

/** Where a bundle is: under the address of its manifest, or in the browser's storage under an id. */
export type Place = { url: string } | { id: string };

/** A file of a published model. The bytes stay on the disk: a message carries only the way to them. */
export interface PublishedFile {
  name: string;
  blob: Blob;
}

/** The file format of a cut-out. */
export type CutoutFormat = 'png' | 'webp';

/** Which PNG to draw of a segmentation. */
export type PngForm = { kind: 'labels' } | { kind: 'overlay'; opacity: number };

/** Which text to write of a segmentation. */
export type TextForm = (
  | { kind: 'coco'; fileName: string }
  | { kind: 'geojson' }
  | { kind: 'svg' }
) & { options: EngineExportOptions };

/**
 * Every call: what it asks, and what it answers. Handles are positive numbers that the page gives
 * out; those of coarse answers are negative and come from the worker.
 */
export interface Calls {
  load: {
    request: {
      model: Place;
      device: DeviceChoice;
      cache: 'default' | 'none';
      engines: EnginePlaces;
      /** The manifest of an earlier load, so that a new worker holds the same model as the old one. */
      manifest?: string;
    };
    answer: {
      device: Device;
      /** The address of the engine that runs. */
      engineUrl: string;
      info: BundleInfo;
      methods: Methods;
      largestPicture: LargestPicture;
      manifest: string;
      cached: boolean;
    };
  };
  import: {
    request: {
      files: PublishedFile[];
      scheme: Scheme;
      about: ModelDetails;
      engineUrl: string;
    };
    /** The files are in the browser's storage by then; the page adds the model to its list. */
    answer: MadeModel;
  };
  encode: {
    request: { picture: number; data: PictureData; options: CheckedEncode['engine'] };
    answer: { width: number; height: number; milliseconds: number };
  };
  segment: {
    request: {
      picture: number;
      segmentation: number;
      words: string[];
      options: EngineSegmentOptions;
      /** Whether coarse answers are wanted on the way. */
      partials: boolean;
    };
    answer: {
      width: number;
      height: number;
      labels: Uint8Array;
      classes: ClassSummary[];
      milliseconds: number;
    };
  };
  classify: {
    request: { picture: number; masks: EngineMask[]; words: string[] };
    /** For each mask. */
    answer: { names: NamedScore[][] };
  };
  region: {
    request: { picture: number; x: number; y: number };
    answer: {
      width: number;
      height: number;
      mask: Uint8Array;
      area: number;
      bbox: [x: number, y: number, width: number, height: number];
    };
  };
  relabel: {
    /** What is made, under its own handle, is the segmentation with these labels. */
    request: { segmentation: number; made: number; labels: Uint8Array };
    answer: { classes: ClassSummary[] };
  };
  pixels: { request: { picture: number }; answer: Uint8Array };
  scores: { request: { segmentation: number; index: number }; answer: Float32Array };
  png: { request: { segmentation: number; form: PngForm }; answer: Uint8Array };
  matte: {
    request: { segmentation: number; classes: number[]; feather: number | undefined };
    answer: Uint8Array;
  };
  cutout: {
    request: {
      segmentation: number;
      classes: number[];
      options: EngineCutoutOptions;
      /** What goes behind. */
      backdrop: PictureData | undefined;
      format: CutoutFormat;
      quality: number;
    };
    answer: { file: Uint8Array; bbox: [x: number, y: number, width: number, height: number] };
  };
  text: { request: { segmentation: number; form: TextForm }; answer: string };
  dataset: {
    request: {
      format: ExportFormat;
      pictures: { segmentation: number; fileName: string }[];
      options: EngineExportOptions;
    };
    answer: EngineFile[];
  };
}

export type CallKind = keyof Calls;

export type CallRequest<K extends CallKind = CallKind> = {
  [Kind in K]: { kind: Kind } & Calls[Kind]['request'];
}[K];

export type CallAnswer<K extends CallKind = CallKind> = Calls[K]['answer'];

export type ToWorker =
  | { type: 'call'; id: number; request: CallRequest }
  | { type: 'abort'; id: number }
  | { type: 'free'; handle: number };

export type FromWorker =
  | { type: 'hello'; protocol: number }
  | { type: 'progress'; id: number; progress: Progress }
  /** A coarse answer, which lives under a handle of the worker's own until the next one is there. */
  | { type: 'partial'; id: number; segmentation: number; answer: CallAnswer<'segment'> }
  | { type: 'done'; id: number; answer: CallAnswer }
  /** `fatal`: the engine cannot be used any more, so the worker has to be replaced. */
  | { type: 'failed'; id: number; code: ErrorCode; message: string; fatal: boolean }
  | { type: 'cancelled'; id: number };
