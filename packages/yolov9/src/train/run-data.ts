/**
 * The images of a run: the data set's two splits that training needs, and the loaders that make batches of them.
 */
import { ConfigError, UsageError } from "../config/index.js";
import type { TrainConfig } from "../config/index.js";
import { AugmentConfig, cacheFolder, checkCommand, Loader, openDataset } from "../data/index.js";
import type { Dataset, Sample } from "../data/index.js";

const MEBIBYTE = 1024 ** 2;

/** The images of a run. */
export interface RunData {
  readonly dataset: Dataset;
  readonly train: readonly Sample[];
  readonly val: readonly Sample[];
}

/** @throws ConfigError when there is no data, a split is missing, or there are no objects to learn */
export async function openData(config: TrainConfig): Promise<RunData> {
  if (config.data === undefined)
    throw new UsageError("data is missing: give --data, or --resume for a run that has begun");
  const { data, singleClass, maxMegapixels } = config;
  const maxPixels = maxMegapixels * 1e6;
  const dataset = await openDataset(data, { splits: ["train", "val"], singleClass, maxPixels, deriveVal: true });
  const { train: training, val } = dataset.splits;
  if (training === undefined || val === undefined) {
    throw new ConfigError(`${config.data}: training needs a train and a val split; found ${foundText(dataset)}`);
  }
  requireObjects(config.data, dataset.names, training);
  return { dataset, train: training, val };
}

/** Nothing can be learned without classes or without an object of one. */
function requireObjects(data: string, names: readonly string[], training: readonly Sample[]): void {
  const look = `\`${checkCommand(data)}\` shows what is in it`;
  if (names.length === 0) throw new ConfigError(`${data}: names no class, so that nothing can be learned; ${look}`);
  if (!hasObjects(training)) {
    const count =
      training.length === 1
        ? "the only training image has no"
        : `none of the ${training.length} training images has an`;
    throw new ConfigError(`${data}: ${count} object, so that nothing can be learned; ${look}`);
  }
}

/** Whether any image has a box of a class; crowd regions are none. */
export function hasObjects(samples: readonly Sample[]): boolean {
  return samples.some(({ crowd }) => crowd.includes(0));
}

function foundText({ splits }: Dataset): string {
  return Object.entries(splits)
    .map(([split, { length }]) => `${split} with ${length} ${length === 1 ? "image" : "images"}`)
    .join(", ");
}

/** Loaders of both splits; the memory for decoded images is shared by their number. */
export function loaders(config: TrainConfig, { dataset, train: training, val }: RunData): [train: Loader, val: Loader] {
  const { imgsz, batch, workers, seed, cacheBudget, diskCache } = config;
  const folder = diskCache > 0 ? cacheFolder() : undefined;
  const common = { imageSize: imgsz, batchSize: batch, ...(workers === undefined ? {} : { workers }) };
  const share = (samples: readonly Sample[]) => {
    const bytes = (MEBIBYTE * samples.length) / (training.length + val.length);
    return {
      ...(cacheBudget !== undefined && { cacheBytes: cacheBudget * bytes }),
      ...(folder !== undefined && { diskCache: { folder, bytes: diskCache * bytes } }),
    };
  };
  const { rect, multiScale } = config;
  const { flip: keypointFlip } = dataset.keypoints ?? {};
  return [
    new Loader(training, {
      ...common,
      ...share(training),
      ...(keypointFlip && { keypointFlip }),
      seed,
      rect,
      multiScale,
      shuffle: true,
      augment: AugmentConfig.parse(config),
    }),
    new Loader(val, { ...common, ...share(val) }),
  ];
}
