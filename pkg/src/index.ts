export { type OwnLabelMap, paint, type Stroke, withRegion } from './correct.js';
export type {
  Cutout,
  CutoutBackground,
  CutoutOptions,
  MatteOptions,
} from './cutout.js';
export type {
  BundleInfo,
  ClassSummary,
  Crops,
  Device,
  ExportFormat,
  Guidance,
  Method,
  Methods,
  NamedScore,
  Refinement,
  Scheme,
} from './engine.js';
export { type ErrorCode, WordmaskError } from './errors.js';
export { deleteModel, importModel, listModels } from './import.js';
export type { ImportSource } from './import-source.js';
export type { BitmapMask, LabelMap, Mask, PolygonMask, RleMask } from './masks.js';
export type { StoredModel } from './models.js';
export type {
  CallOptions,
  CocoOptions,
  DeviceChoice,
  EncodeOptions,
  ExportOptions,
  FileNameOptions,
  ImportOptions,
  LoadOptions,
  ObjectOptions,
  Progress,
  ProgressListener,
  RegionOptions,
} from './options.js';
export { exportFormats } from './options.js';
export type { EncodedPicture, Region } from './picture.js';
export type { CutoutFormat } from './protocol.js';
export type { SegmentOptions } from './segment-options.js';
export {
  type ExportFile,
  exportDataset,
  type Segmentation,
  type Timing,
  type Which,
} from './segmentation.js';
export { type ModelSource, Segmenter } from './segmenter.js';
export type { PictureSource } from './source.js';
export { clearCache, type StorageUse, storageUse } from './stored.js';
export type { Knowledge } from './vocabulary.js';
