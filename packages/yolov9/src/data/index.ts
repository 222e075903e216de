// Opening data
export { openDataset } from "./dataset.js";
export {
  DatasetError,
  problemText,
  SPLIT_NAMES,
  type Dataset,
  type Problem,
  type Sample,
  type SplitName,
} from "./sample.js";

// Batches
export { Loader, type Batch, type EpochOptions, type LoaderOptions } from "./loader.js";
export { AugmentConfig, defaultAugment } from "./augment/config.js";

// Looking at batches
export { Replay, type ReplayOptions, type TrainingImage } from "./replay.js";
export { writePreview, type PreviewSettings } from "./preview/preview.js";

// Pixels
export { decodeImage } from "./decode.js";
export { listImages } from "./image-files.js";
