// The face of the WebAssembly engine: what the generated glue of each, `dist/engine/cpu.js` and
// `dist/engine/webgpu.js`, exports.

/** The model, for showing to people. */
export interface BundleInfo {
  name: string;
  /** The licence of the weights. */
  license: string;
  /** Where the weights come from. */
  source: string;
  /** What the model has been trained on, as a sentence. */
  description: string;
  /** How the weights are quantised: `f32`, `f16`, `q8` or `q4`. */
  scheme: string;
  /** What pictures it has seen: photographs, perhaps with others among them, or drawings alone. */
  pictures: 'photographs' | 'drawings';
  /** Every name that it has learned, where those are few; empty where it reads language in general. */
  vocabulary: string[];
}

/** How weights are stored: floats, int8 by output channel, or int4 in blocks of 32. */
export type Scheme = 'f32' | 'f16' | 'q8' | 'q4';

/** How cells of the patch grid get their scores. */
export type Method =
  | 'maskclip'
  | 'clearclip'
  | 'sclip'
  | 'naclip'
  | 'pearl'
  | 'scclip'
  | 'clip-diy'
  | 'two-stage';

/** A step on the scores. */
export type Refinement = 'prompt-denoising' | 'key-smoothing' | 'tlp' | 'pamr' | 'edges';

/** How many crops `clip-diy` looks at: 1 + 9, 1 + 9 + 16 or 1 + 9 + 49, from coarse to fine. */
export type Crops = 10 | 26 | 59;

/** What tells `clip-diy` the foreground: nothing, the model's own features, or its guide. */
export type Guidance = 'none' | 'features' | 'found';

/** How the picture goes through the vision tower: in one piece, or in square windows; in pixels. */
export type Windows = 'auto' | 'whole' | { size: number; stride: number };

/** What `segment` does where it is not told. */
export interface Methods {
  default: Method;
  /** Whether it looks at the picture at finer scales, too. */
  multiScale: boolean;
  refine: Refinement[];
}

/** A name and how well it fits, 0 to 1. */
export interface NamedScore {
  name: string;
  score: number;
}

/** What a network can run on; there is an engine for each. */
export type DeviceKind = 'webgpu' | 'cpu';

/** Where the network runs. */
export interface Device {
  kind: DeviceKind;
  /** The name of the adapter; for the CPU, how its kernels compute. */
  name: string;
  /** Why the CPU was chosen, if it was not asked for. */
  note?: string;
}

/** One class of an answer. */
export interface ClassSummary {
  /** The class as it was asked for. */
  name: string;
  /** Red, green and blue, 0 to 255. */
  color: [number, number, number];
  /** How many pixels of the picture belong to it. */
  pixels: number;
  /** The same as a part of the whole picture, 0 to 1. */
  fraction: number;
  /**
   * How sure the model is of these pixels, 0 to 1: the mean over them of the probability that the
   * class has among the words and the background. `null` for a class without pixels.
   */
  score: number | null;
}

/** The largest picture that the engine takes. */
export interface LargestPicture {
  pixels: number;
  side: number;
}

/** One file of a bundle, as its manifest lists it. */
export interface BundleFile {
  name: string;
  bytes: number;
  /** 64 hexadecimal digits. */
  sha256: string;
  part: Part;
}

/** What a file of a bundle is for. Without `words` and `vision` there is no engine. */
export type Part = 'words' | 'vision' | 'tokenizer' | 'text' | 'guide';

/** Called between steps. Resolving to `true` stops the call, which then throws the code `cancelled`. */
export type Checkpoint = (done: number, total: number) => Promise<boolean>;

export interface EngineEncodeOptions {
  size?: number;
  /** What to prepare for. Any method works afterwards. */
  method?: Method;
  windows?: Windows;
}

export interface EngineSegmentOptions {
  method?: Method;
  residual?: boolean;
  multiScale?: boolean;
  maxSeconds?: number;
  background?: 'auto' | 'none' | string[];
  refine?: Refinement[];
  threshold?: number;
  crops?: Crops;
  guidance?: Guidance;
  /** 1 to 200. */
  regions?: number;
}

/** A mask as COCO's compressed run lengths. */
export interface EngineMask {
  size: [height: number, width: number];
  counts: string;
}

export interface EngineRegion extends EngineMask {
  area: number;
  bbox: [x: number, y: number, width: number, height: number];
}

export interface EnginePicture {
  readonly width: number;
  readonly height: number;
  rgba(): Uint8Array;
  free(): void;
}

export interface EngineSegmentation {
  readonly width: number;
  readonly height: number;
  labels(): Uint8Array;
  classes(): ClassSummary[];
  /** The same answer under other labels. */
  withLabels(labels: Uint8Array): EngineSegmentation;
  scores(index: number): Float32Array;
  toPng(): Uint8Array;
  overlayPng(opacity: number): Uint8Array;
  /** A byte for each pixel. Classes by index. */
  matte(classes: Uint32Array, feather?: number): Uint8Array;
  /** Classes cut out together; the bytes are of a picture that goes behind. */
  cutout(classes: Uint32Array, options: EngineCutoutOptions, backdrop?: Uint8Array): EngineCutout;
  toCoco(fileName: string, options: EngineExportOptions): string;
  toGeoJson(options: EngineExportOptions): string;
  toSvg(options: EngineExportOptions): string;
  free(): void;
}

/** How classes are cut out. */
export interface EngineCutoutOptions {
  feather?: number;
  trim?: boolean;
  color?: number[];
  blur?: number;
  /** Of a picture that goes behind, where it comes as pixels and not as a file. */
  size?: [width: number, height: number];
}

/** Classes cut out of their picture. */
export interface EngineCutout {
  /** Left, top, width and height in the picture. */
  bbox(): Uint32Array;
  rgba(): Uint8Array;
  toPng(): Uint8Array;
  free(): void;
}

/** How objects are made of the labels for exports that have them. */
export interface EngineExportOptions {
  instances?: boolean;
  tolerance?: number;
  /** In COCO files. */
  masks?: 'polygons' | 'rle';
}

/** A file of a data set, below the data set's folder. */
export interface EngineFile {
  path: string;
  contents: Uint8Array;
}

/** A data set of answers to the same words, in one of the formats. */
export interface EngineDataset {
  /** Returns the files of this picture alone. */
  add(segmentation: EngineSegmentation, fileName: string): EngineFile[];
  /** The files of all pictures together. */
  finish(): EngineFile[];
  free(): void;
}

export interface Engine {
  device(): Device;
  info(): BundleInfo;
  methods(): Methods;
  largestPicture(): LargestPicture;
  encode(
    bytes: Uint8Array,
    options: EngineEncodeOptions,
    checkpoint: Checkpoint,
  ): Promise<EnginePicture>;
  encodePixels(
    width: number,
    height: number,
    rgba: Uint8Array,
    options: EngineEncodeOptions,
    checkpoint: Checkpoint,
  ): Promise<EnginePicture>;
  segment(
    picture: EnginePicture,
    words: string[],
    options: EngineSegmentOptions,
    checkpoint: Checkpoint,
    /** Gets coarse answers before the final one, and has to free each. */
    onPartial?: (partial: EngineSegmentation) => void,
  ): Promise<EngineSegmentation>;
  /** The parts that these words and options need and that are not there yet. */
  missingParts(words: string[], options: EngineSegmentOptions): Part[];
  /** Takes a file of such a part, checked like any. */
  add(name: string, bytes: Uint8Array, sha256?: string): void;
  /** Builds what all files are there for. */
  extend(): void;
  /** For each mask the words, best first; the scores of a mask add up to 1. */
  classify(
    picture: EnginePicture,
    masks: EngineMask[],
    words: string[],
    checkpoint: Checkpoint,
  ): Promise<NamedScore[][]>;
  /** The region around a pixel, whatever it shows. */
  regionAt(picture: EnginePicture, x: number, y: number): EngineRegion;
  free(): void;
}

export interface BundleLoader {
  files(): BundleFile[];
  info(): BundleInfo;
  /** Checks size, hash and tensors before it keeps the bytes. Computes the hash if it is not given. */
  add(name: string, bytes: Uint8Array, sha256?: string): void;
  /** Opens the device and has its kernels made meanwhile. Never rejects: `finish` says what is wrong. */
  warm(device: 'auto' | 'webgpu' | 'cpu'): Promise<void>;
  /** Consumes the loader; not before `warm` is done. Needs the files of the parts `words` and `vision`. */
  finish(device: 'auto' | 'webgpu' | 'cpu'): Promise<Engine>;
  free(): void;
}

/** What a bundle says of itself beside what the model tells. */
export interface ModelDetails {
  name?: string;
  description?: string;
  license?: string;
  /** The short side in pixels to which pictures are brought. */
  pictureSize?: number;
  source?: { origin: string; revision?: string; files: { file: string; sha256: string }[] };
}

/** Turns a published model into a bundle, one file after the other. */
export interface ModelImport {
  /** How many files there will be, without the manifest. */
  readonly total: number;
  /** The next finished file, or `undefined` when all are made. */
  next(): { sha256: string; bytes: Uint8Array<ArrayBuffer> } | undefined;
  /** The text of `wordmask.json`, once all files are made. */
  manifest(): string;
  free(): void;
}

/** Reads a part of a file, at once; what it throws ends the import. */
export type ReadAt = (name: string, offset: number, length: number) => Uint8Array;

/** A format of data sets, by the name under which the engine knows it. */
export type ExportFormat =
  | 'coco'
  | 'coco-rle'
  | 'yolo'
  | 'voc'
  | 'labelme'
  | 'label-studio'
  | 'cvat'
  | 'ade';

export interface EngineModule {
  default(input: { module_or_path: Response }): Promise<unknown>;
  /** With the classes of a segmentation. */
  Dataset: new (
    format: ExportFormat,
    like: EngineSegmentation,
    options: EngineExportOptions,
  ) => EngineDataset;
  BundleLoader: new (manifest: string) => BundleLoader;
  ModelImport: new (
    names: string[],
    sizes: number[],
    read: ReadAt,
    options: { scheme: Scheme } & ModelDetails,
  ) => ModelImport;
}

/** The engine for each device. */
export type Engines = Readonly<Record<DeviceKind, EngineModule>>;
