export type {
  BundleInfo,
  ClassSummary,
  Crops,
  Device,
  Guidance,
  Method,
  Methods,
  NamedScore,
  Refinement,
} from './engine.js';
export { type ErrorCode, WordmaskError } from './errors.js';
export { clearCache } from './fetch.js';
export type { BitmapMask, LabelMap, Mask, PolygonMask, RleMask } from './masks.js';
export type {
  CallOptions,
  DeviceChoice,
  EncodeOptions,
  LoadOptions,
  Progress,
  ProgressListener,
  RegionOptions,
  SegmentOptions,
} from './options.js';
export {
  type EncodedPicture,
  type Region,
  type Segmentation,
  Segmenter,
  type Timing,
} from './segmenter.js';
export type { PictureSource } from './source.js';
