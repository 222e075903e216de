/**
 * Data sets made of data sets: classes chosen, renamed and merged, all classes taken as one, and several sets put together with weights.
 * Samples are never changed; new ones share the arrays that stay as they are.
 */

import type { ClassSelection } from "./description.js";
import {
  indicesOf,
  namesInMessage,
  DatasetError,
  SPLIT_NAMES,
  type Dataset,
  type Problem,
  type Sample,
  type SplitName,
} from "./sample.js";

type Splits = Partial<Record<SplitName, readonly Sample[]>>;

/**
 * Keep some classes, under their own or new names. Objects of other classes are dropped, images stay.
 * @throws DatasetError when a class is not in the data set
 */
export function selectClasses(dataset: Dataset, selection: ClassSelection, source: string): Dataset {
  const { names, categoryIds } = dataset;
  const target = new Int32Array(names.length).fill(-1);
  selection.forEach(({ from }, index) => {
    for (const name of from) {
      const known = names.indexOf(name);
      if (known < 0) {
        throw new DatasetError(`${source}: classes names "${name}", but the data set has ${namesInMessage(names)}`);
      }
      target[known] = index;
    }
  });
  const ids = categoryIds && selection.map(({ from }) => categoryIds[names.indexOf(from[0]!)]!);
  return {
    ...dataset,
    names: selection.map(({ name }) => name),
    ...(ids && { categoryIds: ids }),
    splits: mapSamples(dataset.splits, (sample) => relabel(sample, target)),
  };
}

/** The name of the only class where all are taken as one. */
export const SINGLE_CLASS_NAME = "object";
const SINGLE_CLASS_ID = 1;

/** Take all classes as one: for finding objects without telling them apart. */
export function asSingleClass(dataset: Dataset): Dataset {
  const target = new Int32Array(dataset.names.length);
  return {
    ...dataset,
    names: [SINGLE_CLASS_NAME],
    ...(dataset.categoryIds && { categoryIds: [SINGLE_CLASS_ID] }),
    splits: mapSamples(dataset.splits, (sample) => relabel(sample, target)),
  };
}

/** One of the data sets that are put together. */
export interface WeightedDataset {
  readonly dataset: Dataset;
  /** How often a training image of this set appears, relative to those of the others. */
  readonly weight: number;
}

/**
 * Put data sets together. Classes are matched by name; training images are repeated so that their numbers stand in the ratio of the
 * weights times their sets' sizes, the set of the smallest weight appearing once. Validation and test images appear once.
 * @throws DatasetError when the sets' keypoints differ
 */
export function concatenate(parts: readonly WeightedDataset[], root: string, names?: readonly string[]): Dataset {
  const all = names ?? [...new Set(parts.flatMap(({ dataset }) => dataset.names))];
  const indices = indicesOf(all);
  const least = Math.min(...parts.map(({ weight }) => weight));
  const ids = new IdKeeper();
  const splits: Partial<Record<SplitName, Sample[]>> = {};
  for (const { dataset, weight } of parts) {
    const target = Int32Array.from(dataset.names, (name) => indices.get(name) ?? -1);
    for (const split of SPLIT_NAMES) {
      const samples = dataset.splits[split]?.map((sample) => ids.unique(relabel(sample, target)));
      if (!samples) continue;
      const wanted = split === "train" ? repeated(samples, weight / least) : samples;
      splits[split] = [...(splits[split] ?? []), ...wanted];
    }
  }
  const keypoints = commonKeypoints(parts);
  return {
    format: parts.length === 1 ? parts[0]!.dataset.format : "several",
    root,
    names: all,
    splits,
    problems: parts.flatMap<Problem>(({ dataset }) => dataset.problems),
    remarks: parts.flatMap<Problem>(({ dataset }) => dataset.remarks),
    notes: parts.flatMap(({ dataset }) => dataset.notes),
    ...(keypoints && { keypoints }),
  };
}

function commonKeypoints(parts: readonly WeightedDataset[]): Dataset["keypoints"] {
  const sets = parts.map(({ dataset }) => dataset.keypoints).filter((set) => set !== undefined);
  const [first] = sets;
  if (first && sets.some(({ count }) => count !== first.count)) {
    const counts = sets.map(({ count }) => count).join(", ");
    throw new DatasetError(`data sets with different numbers of keypoints (${counts}) cannot be put together`);
  }
  return first;
}

/** Image ids that stay unique when sets number their images alike. */
class IdKeeper {
  readonly #taken = new Set<number | string>();

  unique(sample: Sample): Sample {
    let id = sample.id;
    for (let number = 2; this.#taken.has(id); number++) id = `${sample.id}#${number}`;
    this.#taken.add(id);
    return id === sample.id ? sample : { ...sample, id };
  }
}

/** More than the largest public sets have. */
const MOST_SAMPLES = 20_000_000;

/** Each sample floor(times) times, and evenly chosen ones once more, so that the total is `times` times as many. */
function repeated(samples: readonly Sample[], times: number): Sample[] {
  if (samples.length * times > MOST_SAMPLES) {
    throw new DatasetError(
      `weights that differ by ${times} make ${Math.round(samples.length * times)} training images of ${samples.length}; at most ${MOST_SAMPLES} are dealt with`,
    );
  }
  return samples.flatMap((sample, index) => {
    const count = Math.round((index + 1) * times) - Math.round(index * times);
    return Array.from({ length: Math.max(count, 1) }, () => sample);
  });
}

function mapSamples(splits: Splits, change: (sample: Sample) => Sample): Splits {
  return Object.fromEntries(Object.entries(splits).map(([split, samples]) => [split, samples.map(change)]));
}

/** A sample with new class numbers; rows whose new number is negative are dropped. */
function relabel(sample: Sample, target: Int32Array): Sample {
  const classes = sample.classes.map((index) => target[index] ?? -1);
  if (!classes.includes(-1)) return { ...sample, classes };
  const rows = [...classes.keys()].filter((row) => classes[row]! >= 0);
  return selectRows({ ...sample, classes }, rows);
}

/** Some rows of a sample, in the order given. */
export function selectRows(sample: Sample, rows: readonly number[]): Sample {
  const stride = sample.keypoints ? sample.keypoints.length / sample.classes.length : 0;
  const { polygons, masks, attributes, keypoints, places } = sample;
  return {
    id: sample.id,
    path: sample.path,
    width: sample.width,
    height: sample.height,
    boxes: Float32Array.from(rows.flatMap((row) => [...sample.boxes.subarray(row * 4, row * 4 + 4)])),
    classes: Int32Array.from(rows, (row) => sample.classes[row]!),
    crowd: Uint8Array.from(rows, (row) => sample.crowd[row]!),
    areas: Float64Array.from(rows, (row) => sample.areas[row]!),
    ...(polygons && rows.some((row) => polygons[row]!.length > 0) && { polygons: rows.map((row) => polygons[row]!) }),
    ...(keypoints && {
      keypoints: Float32Array.from(rows.flatMap((row) => [...keypoints.subarray(row * stride, (row + 1) * stride)])),
    }),
    ...(masks && rows.some((row) => masks[row]) && { masks: rows.map((row) => masks[row]) }),
    ...(attributes && rows.some((row) => attributes[row]) && { attributes: rows.map((row) => attributes[row]) }),
    ...(places && { places: rows.map((row) => places[row]!) }),
  };
}
