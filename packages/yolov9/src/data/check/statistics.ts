/** Figures of a data set: how many images and objects each split has, of which classes, how large and where. */

import { boxOf, SPLIT_NAMES, type Dataset, type Sample, type SplitName } from "../sample.js";

export interface SplitFigures {
  readonly images: number;
  /** Images without objects. */
  readonly empty: number;
  readonly objects: number;
  /** [classes] objects of each. */
  readonly classes: readonly number[];
}

/** Counts over equal steps of a value's logarithm to base 2, or of the value itself. */
export interface Histogram {
  /** Lower edge of each bar; the last bar is open. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

export interface Statistics {
  readonly names: readonly string[];
  readonly splits: Readonly<Partial<Record<SplitName, SplitFigures>>>;
  /** Images by size, commonest first: `640x480`. */
  readonly imageSizes: readonly (readonly [size: string, images: number])[];
  /** Objects by the square root of their box's area in pixels. */
  readonly boxSizes: Histogram;
  /** Objects by width / height of their box. */
  readonly aspectRatios: Histogram;
  readonly objectsPerImage: Histogram;
  /** [GRID * GRID] objects by where their box's centre lies, rows from the top. */
  readonly centres: readonly number[];
}

export const CENTRE_GRID = 24;

const BOX_SIZE_EDGES = [0, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024];
const ASPECT_EDGES = [0, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 1.25, 1.5, 2, 3, 5, 10];
const OBJECT_EDGES = [0, 1, 2, 3, 5, 8, 12, 20, 30, 50, 100, 200];

export function statisticsOf({ splits, names }: Pick<Dataset, "splits" | "names">): Statistics {
  const samples = SPLIT_NAMES.flatMap((split) => splits[split] ?? []);
  const boxes = samples.flatMap((sample) => Array.from(sample.classes, (_, row) => sizeOf(sample, row)));
  const sizes = new Map<string, number>();
  for (const { width, height } of samples) {
    const size = `${width}x${height}`;
    sizes.set(size, (sizes.get(size) ?? 0) + 1);
  }
  return {
    names,
    splits: Object.fromEntries(
      Object.entries(splits).map(([split, list]) => [split, figuresOf(list, names.length)] as const),
    ),
    imageSizes: [...sizes].sort(([, a], [, b]) => b - a),
    boxSizes: histogram(boxes.map(({ width, height }) => Math.sqrt(width * height)), BOX_SIZE_EDGES),
    aspectRatios: histogram(boxes.map(({ width, height }) => width / height), ASPECT_EDGES),
    objectsPerImage: histogram(samples.map(({ classes }) => classes.length), OBJECT_EDGES),
    centres: centresOf(samples),
  }; // prettier-ignore
}

function sizeOf(sample: Sample, row: number): { width: number; height: number } {
  const [x1, y1, x2, y2] = boxOf(sample, row);
  return { width: x2 - x1, height: y2 - y1 };
}

function figuresOf(samples: readonly Sample[], classCount: number): SplitFigures {
  const classes = new Array<number>(classCount).fill(0);
  for (const sample of samples) for (const index of sample.classes) classes[index]!++;
  return {
    images: samples.length,
    empty: samples.filter((sample) => sample.classes.length === 0).length,
    objects: classes.reduce((sum, count) => sum + count, 0),
    classes,
  };
}

function histogram(values: readonly number[], edges: readonly number[]): Histogram {
  const counts = new Array<number>(edges.length).fill(0);
  for (const value of values) counts[edges.findLastIndex((edge) => value >= edge)]!++;
  return { edges, counts };
}

function centresOf(samples: readonly Sample[]): number[] {
  const grid = new Array<number>(CENTRE_GRID ** 2).fill(0);
  const cell = (centre: number, size: number) =>
    Math.min(Math.max(Math.floor((centre / size) * CENTRE_GRID), 0), CENTRE_GRID - 1);
  for (const sample of samples) {
    for (let row = 0; row < sample.classes.length; row++) {
      const [x1, y1, x2, y2] = boxOf(sample, row);
      grid[cell((y1 + y2) / 2, sample.height) * CENTRE_GRID + cell((x1 + x2) / 2, sample.width)]!++;
    }
  }
  return grid;
}
