import {
  abortSignal,
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
  url,
  wrong,
} from './checks.js';
import type {
  EngineExportOptions,
  ExportFormat,
  Method,
  ModelDetails,
  Scheme,
  Windows,
} from './engine.js';

/** `auto` takes a hardware WebGPU adapter that passes the self-test, else the CPU. */
export type DeviceChoice = 'auto' | 'webgpu' | 'cpu';

/**
 * How far a call has come: bytes of all files that it gets while downloading, steps while computing,
 * finished files while importing. Waits are for another page that imports the same, or before a
 * download is tried again.
 */
export type Progress =
  | { phase: 'wait'; reason: 'other-page' | 'connection' }
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

/** Where the engine for each device lies. */
export interface EngineUrls {
  cpu?: string | URL | undefined;
  webgpu?: string | URL | undefined;
}

/** Where the files of the package lie, if not beside each other. */
export interface PlaceOptions {
  /** Where `worker.js` lies. Default: beside this module. */
  workerUrl?: string | URL | undefined;
  /**
   * Where the files of the engines lie, `wordmask-cpu.wasm` and `wordmask-webgpu.wasm`. Default: in
   * `engine/` beside `worker.js`. A single address is that of the CPU's.
   */
  engineUrl?: string | URL | EngineUrls | undefined;
}

export interface LoadOptions extends CallOptions, PlaceOptions {
  /** Default `auto`. */
  device?: DeviceChoice | undefined;
  /** `default` keeps the bundle in Cache Storage for the next visit; `none` keeps nothing. */
  cache?: 'default' | 'none' | undefined;
  /** Where the hub is, for models such as `hf:owner/name`. Default `https://huggingface.co`. */
  hubUrl?: string | URL | undefined;
}

/** Options of `importModel`. */
export interface ImportOptions extends CallOptions, PlaceOptions {
  /** How the weights are stored: smaller, or closer to the published model. Default `q8`. */
  scheme?: Scheme | undefined;
  /** A short name for people. */
  name?: string | undefined;
  /** What it was trained on, in one sentence for people. */
  description?: string | undefined;
  /** The licence of the weights. */
  license?: string | undefined;
  /** The length of a picture's shorter side in pixels as the network sees it, unless a call says otherwise. */
  pictureSize?: number | undefined;
  /** Of a repository on the hub: a branch, a tag or a commit. Default: the main branch. */
  revision?: string | undefined;
  /** Where the hub is. Default `https://huggingface.co`. */
  hubUrl?: string | URL | undefined;
  /** The SHA-256 of files by their names, in hexadecimal digits, where it is known beforehand. */
  sha256?: Readonly<Record<string, string>> | undefined;
}

/** How exports make objects of the labels. */
export interface ObjectOptions {
  /** Whether every connected part of a class is an object of its own. Default `false`. */
  instances?: boolean | undefined;
  /**
   * How far outlines may be from the edges between pixels, in pixels, to be smooth. 0 = along these
   * edges. Default 0.5.
   */
  tolerance?: number | undefined;
}

export interface FileNameOptions {
  /**
   * What readers of the file look the picture up by: the name of its file, or its path below the
   * folder of all pictures. Default: the name of the `File` that was encoded, else `picture`.
   */
  fileName?: string | undefined;
}

/** Options of `Segmentation.export`. */
export interface ExportOptions extends ObjectOptions, FileNameOptions {}

/** Options of `Segmentation.toCoco`. */
export interface CocoOptions extends ExportOptions {
  /**
   * Polygons, with run lengths for masks with holes, which COCO's polygons cannot express; or run
   * lengths for all. Default `polygons`.
   */
  masks?: 'polygons' | 'rle' | undefined;
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

/** Options of `EncodedPicture.regionAt`. */
export type RegionOptions = Pick<CallOptions, 'signal'>;

const schemes: readonly Scheme[] = ['f32', 'f16', 'q8', 'q4'];
const deviceChoices: readonly DeviceChoice[] = ['auto', 'webgpu', 'cpu'];
/** Every format that `export` and `exportDataset` write. */
export const exportFormats: readonly ExportFormat[] = [
  'coco',
  'coco-rle',
  'yolo',
  'voc',
  'labelme',
  'label-studio',
  'cvat',
  'ade',
];
const cacheModes = ['default', 'none'] as const;
export const methods: readonly Method[] = [
  'maskclip',
  'clearclip',
  'sclip',
  'naclip',
  'pearl',
  'scclip',
  'clip-diy',
  'two-stage',
];
/** Where the files of the package lie, checked. */
export interface CheckedPlaces {
  workerUrl: string | URL | undefined;
  engineUrl: EngineUrls | undefined;
}

/** Options of `Segmenter.load`, checked. */
export interface CheckedLoad extends CheckedCall, CheckedPlaces {
  device: DeviceChoice;
  cache: 'default' | 'none';
  hubUrl: string | URL | undefined;
}

/** Options of `importModel`, checked. */
export interface CheckedImport extends CheckedCall, CheckedPlaces {
  scheme: Scheme;
  about: ModelDetails;
  revision: string | undefined;
  hubUrl: string | URL | undefined;
  sha256: Readonly<Record<string, string>>;
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

export function checkLoad(options: unknown): CheckedLoad {
  const given = ownEntries(options, 'Segmenter.load', [
    'device',
    'signal',
    'onProgress',
    'workerUrl',
    'engineUrl',
    'cache',
    'hubUrl',
  ]);
  return {
    device: optional(given, 'device', oneOf(deviceChoices)) ?? 'auto',
    cache: optional(given, 'cache', oneOf(cacheModes)) ?? 'default',
    hubUrl: optional(given, 'hubUrl', url),
    ...places(given),
    ...callOptions(given),
  };
}

export function checkImport(options: unknown): CheckedImport {
  const given = ownEntries(options, 'importModel', [
    'scheme',
    'name',
    'description',
    'license',
    'pictureSize',
    'revision',
    'hubUrl',
    'sha256',
    'signal',
    'onProgress',
    'workerUrl',
    'engineUrl',
  ]);
  return {
    scheme: optional(given, 'scheme', oneOf(schemes)) ?? 'q8',
    about: defined({
      name: optional(given, 'name', text),
      description: optional(given, 'description', text),
      license: optional(given, 'license', text),
      pictureSize: optional(given, 'pictureSize', positiveInteger),
    }),
    revision: optional(given, 'revision', revision),
    hubUrl: optional(given, 'hubUrl', url),
    sha256: optional(given, 'sha256', hashes) ?? {},
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

const maskKinds = ['polygons', 'rle'] as const;
const objectKeys = ['instances', 'tolerance'] as const;

/** Options of an export, and the name that its picture has in it, if it is told. */
export interface CheckedExport {
  fileName: string | undefined;
  engine: EngineExportOptions;
}

/** What exports take that have outlines and no name of a picture. */
export function checkObjects(options: unknown, where: string): EngineExportOptions {
  return objectOptions(ownEntries(options, where, objectKeys));
}

export function checkExport(options: unknown): CheckedExport {
  const given = ownEntries(options, 'export', ['fileName', ...objectKeys]);
  return { fileName: optional(given, 'fileName', fileName), engine: objectOptions(given) };
}

export function checkCoco(options: unknown): CheckedExport {
  const given = ownEntries(options, 'toCoco', ['fileName', ...objectKeys, 'masks']);
  const masks = optional(given, 'masks', oneOf(maskKinds));
  return {
    fileName: optional(given, 'fileName', fileName),
    engine: { ...objectOptions(given), ...defined({ masks }) },
  };
}

export function checkFormat(format: unknown): ExportFormat {
  return oneOf(exportFormats)(format, 'format');
}

function objectOptions(given: ReadonlyMap<string, unknown>): EngineExportOptions {
  return defined({
    instances: optional(given, 'instances', boolean),
    tolerance: optional(given, 'tolerance', distance),
  });
}

const fileName: Check<string> = (value, name) => {
  if (typeof value === 'string' && value !== '') return value;
  throw wrong(name, "the name of the picture's file");
};

const distance: Check<number> = (value, name) => {
  if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw wrong(name, 'a distance in pixels, 0 or more');
};

/** The `opacity` of an overlay, 0 to 1. */
export function checkOpacity(options: unknown, where: string): number {
  const given = ownEntries(options, where, ['opacity']);
  return optional(given, 'opacity', fraction) ?? 0.6;
}

export function callOptions(given: ReadonlyMap<string, unknown>): CheckedCall {
  return {
    signal: optional(given, 'signal', abortSignal),
    onProgress: optional(given, 'onProgress', listener<Progress>),
  };
}

function places(given: ReadonlyMap<string, unknown>): CheckedPlaces {
  return {
    workerUrl: optional(given, 'workerUrl', url),
    engineUrl: optional(given, 'engineUrl', engineUrls),
  };
}

const engineUrls: Check<EngineUrls> = (value, name) => {
  if (typeof value !== 'object' || value === null || value instanceof URL) {
    return { cpu: url(value, name) };
  }
  const given = ownEntries(value, name, ['cpu', 'webgpu']);
  return {
    cpu: optional(given, 'cpu', url),
    webgpu: optional(given, 'webgpu', url),
  };
};

const revision: Check<string> = (value, name) => {
  if (typeof value === 'string' && /^(?!.*\.\.)[\w.-][\w./-]*$/.test(value)) return value;
  throw wrong(name, 'a branch, a tag or a commit');
};

const hashes: Check<Record<string, string>> = (value, name) => {
  const isHash = (hash: unknown) => typeof hash === 'string' && /^[0-9a-f]{64}$/i.test(hash);
  if (typeof value === 'object' && value !== null && Object.values(value).every(isHash)) {
    return { ...value };
  }
  throw wrong(name, 'an object with 64 hexadecimal digits for each file');
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
