// Opening data
export { openDataset, type OpenOptions } from "./dataset.js";
export { readDescription } from "./description.js";
export { writeDescription } from "./write-description.js";
export { alikeText, checkCommand, groupAlike, problemLines } from "./alike-problems.js";
export {
  DatasetError,
  problemText,
  SPLIT_NAMES,
  type Dataset,
  type Problem,
  type Sample,
  type SplitName,
} from "./sample.js";

// Whole data sets
export { convertDataset, writeDataset, type Conversion, type ConvertOptions } from "./convert.js";
export { dealSamples, splitDataset, type DealOptions, type DealtDataset, type SplitOptions } from "./split.js";
export type { ImagePlacement } from "./dataset-target.js";
export { parseSelection, type ClassSelection } from "./description.js";

export { cacheFolder } from "./cache-folder.js";

// Batches
export { Loader, type Batch, type EpochOptions, type LoaderOptions } from "./loader.js";
export { AugmentConfig, defaultAugment } from "./augment/config.js";

// Looking at batches
export { Replay, type ReplayOptions, type TrainingImage } from "./replay.js";
export { writePreview, type PreviewSettings } from "./preview/preview.js";

// Pixels
export { decodeImage, openPicture, type PictureLimits } from "./decode.js";
export { listImages } from "./image-files.js";
