/** The face of the WebAssembly engine: what its generated glue, `dist/engine/wordmask.js`, exports. */

/** The model, for showing to people. */
export interface BundleInfo {
  name: string;
  /** The licence of the weights. */
  license: string;
  /** Where the weights come from. */
  source: string;
  /** What the model has been trained on, as a sentence. */
  knows: string;
  /** How the weights are quantised: `f32`, `f16`, `q8` or `q4`. */
  scheme: string;
}

/** Where the network runs. */
export interface Device {
  kind: 'webgpu' | 'cpu';
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
  /** How sure the model is of these pixels, 0 to 1. */
  score: number;
}

/** One file of a bundle, as its manifest lists it. */
export interface BundleFile {
  name: string;
  bytes: number;
  /** 64 hexadecimal digits. */
  sha256: string;
  part: 'vision' | 'text' | 'tokenizer' | 'words';
}

/** Called between steps. Resolving to `true` stops the call, which then throws the code `cancelled`. */
export type Checkpoint = (done: number, total: number) => Promise<boolean>;

export interface EngineEncodeOptions {
  size?: number;
}

export interface EngineSegmentOptions {
  method?: string;
  residual?: boolean;
  background?: 'auto' | 'none' | string[];
  refine?: string[];
  threshold?: number;
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
  scores(index: number): Float32Array;
  toPng(): Uint8Array;
  overlayPng(opacity: number): Uint8Array;
  cutoutPng(index: number): Uint8Array;
  toCoco(): string;
  toGeoJson(): string;
  toSvg(): string;
  free(): void;
}

export interface Engine {
  device(): Device;
  info(): BundleInfo;
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
  ): Promise<EngineSegmentation>;
  free(): void;
}

export interface BundleLoader {
  files(): BundleFile[];
  info(): BundleInfo;
  /** Checks size, hash and tensors before it keeps the bytes. */
  add(name: string, bytes: Uint8Array): void;
  /** Consumes the loader. */
  finish(device: 'auto' | 'webgpu' | 'cpu'): Promise<Engine>;
  free(): void;
}

export interface EngineModule {
  default(input: { module_or_path: Response }): Promise<unknown>;
  BundleLoader: new (manifest: string) => BundleLoader;
}
