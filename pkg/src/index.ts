export type { BundleInfo, ClassSummary, Device } from './engine.js';
export { type ErrorCode, WordmaskError } from './errors.js';
export { clearCache } from './fetch.js';
export type {
  CallOptions,
  DeviceChoice,
  EncodeOptions,
  LoadOptions,
  Method,
  Progress,
  ProgressListener,
  Refinement,
  SegmentOptions,
} from './options.js';
export { type EncodedPicture, type Segmentation, Segmenter, type Timing } from './segmenter.js';
export type { PictureSource } from './source.js';
