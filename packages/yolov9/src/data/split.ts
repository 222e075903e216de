/**
 * Dealing the images of a data set out to training, validation and test: in given shares, each class alike (iterative stratification,
 * Sechidis et al. 2011, over objects), groups never torn apart, the same for the same seed. Writes lists, or a new data set; the images
 * themselves stay where they are.
 */

import { Random } from "./augment/random.js";
import { DatasetTarget, type ImagePlacement } from "./dataset-target.js";
import { descriptionText } from "./description.js";
import { describeDataset, openDataset } from "./dataset.js";
import { formatNamed } from "./formats/registry.js";
import { DatasetError, SPLIT_NAMES, type Dataset, type Sample, type SplitName } from "./sample.js";

export interface DealOptions {
  /** Shares of train, val and test in this order; missing ones are 0. They are scaled to sum to 1. */
  readonly ratio: readonly number[];
  /** Whether every split gets each class in the same share. Default true. */
  readonly stratify?: boolean;
  /** Images whose paths match alike stay together: by the first group in brackets if there is one, else by the whole match. */
  readonly group?: RegExp;
  /** Default 0. */
  readonly seed?: number;
}

/** Images that stay together. */
interface Group {
  readonly samples: readonly Sample[];
  /** [classes + 1] objects of each class, then images. */
  readonly counts: Float64Array;
}

/**
 * Deal samples out.
 * @returns samples of each split with a share, in their original order
 * @throws DatasetError when the shares are unusable or there are fewer groups than splits
 */
export function dealSamples(
  samples: readonly Sample[],
  classCount: number,
  { ratio, stratify = true, group, seed = 0 }: DealOptions,
): Partial<Record<SplitName, Sample[]>> {
  const shares = sharesOf(ratio);
  const groups = shuffled(groupsOf(samples, classCount, group), seed);
  const wanted = SPLIT_NAMES.filter((_, index) => shares[index]! > 0);
  if (groups.length < wanted.length) {
    throw new DatasetError(`${groups.length} groups of images cannot be dealt out to ${wanted.join(", ")}`);
  }
  const dealer = new Dealer(shares, groups, classCount);
  if (stratify) dealer.dealByClass();
  dealer.dealRest();
  const place = new Map(samples.map((sample, index) => [sample, index]));
  const dealt = wanted.map((split) => {
    const own = groups.filter((_, index) => dealer.splitOf(index) === SPLIT_NAMES.indexOf(split));
    const ordered = own.flatMap((each) => each.samples).sort((a, b) => place.get(a)! - place.get(b)!);
    return [split, ordered] as const;
  });
  const empty = dealt.find(([, own]) => own.length === 0);
  if (empty)
    throw new DatasetError(`no image is left for ${empty[0]}: its share is too small for ${groups.length} groups`);
  return Object.fromEntries(dealt);
}

function sharesOf(ratio: readonly number[]): number[] {
  const sum = ratio.reduce((total, share) => total + share, 0);
  if (ratio.length > SPLIT_NAMES.length || !(sum > 0) || ratio.some((share) => !(share >= 0))) {
    throw new DatasetError(
      `ratio ${ratio.join(",")}: give up to three shares, for train, val and test, such as 0.8,0.2`,
    );
  }
  return SPLIT_NAMES.map((_, index) => (ratio[index] ?? 0) / sum);
}

function groupsOf(samples: readonly Sample[], classCount: number, pattern: RegExp | undefined): Group[] {
  const byKey = new Map<string, Sample[]>();
  for (const sample of samples) {
    const match = pattern?.exec(sample.path);
    const key = match ? `group ${match[1] ?? match[0]}` : `image ${sample.path}`;
    const list = byKey.get(key);
    if (list) list.push(sample);
    else byKey.set(key, [sample]);
  }
  return [...byKey.values()].map((own) => {
    const counts = new Float64Array(classCount + 1);
    for (const { classes } of own) for (const index of classes) counts[index]!++;
    counts[classCount] = own.length;
    return { samples: own, counts };
  });
}

function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  const random = new Random(seed, 0, 0);
  return items
    .map((item) => ({ item, key: random.uniform(0, 1) }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/** Gives each group to the split that is furthest behind its share. */
class Dealer {
  readonly #groups: readonly Group[];
  readonly #shares: readonly number[];
  readonly #totals: Float64Array;
  /** For each split, [classes + 1] what it has yet to get. */
  readonly #needs: readonly Float64Array[];
  readonly #split: Int8Array;
  readonly #images: number;

  constructor(shares: readonly number[], groups: readonly Group[], classCount: number) {
    this.#groups = groups;
    this.#shares = shares;
    this.#images = classCount;
    const totals = new Float64Array(classCount + 1);
    for (const { counts } of groups) counts.forEach((count, index) => (totals[index]! += count));
    this.#totals = totals;
    this.#needs = shares.map((share) => totals.map((total) => total * share));
    this.#split = new Int8Array(groups.length).fill(-1);
  }

  splitOf(group: number): number {
    return this.#split[group]!;
  }

  /** Rare classes first, since common ones can still be evened out afterwards; large groups first, for the same reason. */
  dealByClass(): void {
    const classes = [...this.#totals.keys()].slice(0, this.#images);
    for (const index of classes.sort((a, b) => this.#totals[a]! - this.#totals[b]!)) {
      const having = this.#open().filter((group) => this.#groups[group]!.counts[index]! > 0);
      having.sort((a, b) => this.#groups[b]!.counts[index]! - this.#groups[a]!.counts[index]!);
      for (const group of having) this.#give(group, true);
    }
  }

  dealRest(): void {
    for (const group of this.#open()) this.#give(group, false);
  }

  #open(): number[] {
    return [...this.#split.keys()].filter((group) => this.#split[group] === -1);
  }

  #give(group: number, byClass: boolean): void {
    const { counts } = this.#groups[group]!;
    const columns = [...counts.keys()].filter((column) => column === this.#images || (byClass && counts[column]! > 0));
    const open = [...this.#shares.keys()].filter((split) => this.#shares[split]! > 0);
    const behind = open.map((split) => columns.reduce((sum, column) => sum + this.#lack(split, column), 0));
    const split = open[behind.indexOf(Math.max(...behind))]!;
    this.#split[group] = split;
    counts.forEach((count, column) => (this.#needs[split]![column]! -= count));
  }

  /** How much of its part of a class, or of the images, a split has yet to get: 1 all, 0 nothing, less where it has too many. */
  #lack(split: number, column: number): number {
    return this.#needs[split]![column]! / (this.#totals[column]! * this.#shares[split]!);
  }
}

export interface SplitOptions extends DealOptions {
  /** Folder that is made; must not exist or be empty. */
  readonly output: string;
  /** Lists of the images where they are, or a whole new data set. Default "list". */
  readonly images?: ImagePlacement | "list";
}

export interface SplitCounts {
  readonly images: number;
  readonly objects: number;
  /** Objects of each class, in the order of the names. */
  readonly classes: readonly number[];
}

export interface DealtDataset {
  readonly output: string;
  readonly names: readonly string[];
  readonly splits: Readonly<Partial<Record<SplitName, SplitCounts>>>;
  /** What the data set has that its format, written anew, cannot hold. Lists lose nothing. */
  readonly lost: Readonly<Record<string, number>>;
}

/**
 * Deal all images of a data set out anew, whatever splits it has, and write lists and a data.yaml, or a new data set.
 * @throws DatasetError when it cannot be read, dealt out or written
 */
export async function splitDataset(path: string, options: SplitOptions): Promise<DealtDataset> {
  const { output, images = "list", ...deal } = options;
  const dataset = await openDataset(path, { faithful: true, cache: false, maxPixels: Infinity });
  const unique = new Map(SPLIT_NAMES.flatMap((split) => dataset.splits[split] ?? []).map((one) => [one.path, one]));
  const splits = dealSamples([...unique.values()], dataset.names.length, deal);
  const dealt: Dataset = { ...dataset, splits };
  const lost = await (images === "list" ? writeLists(path, dealt, output) : writeWhole(dealt, output, images));
  const counts: Partial<Record<SplitName, SplitCounts>> = {};
  for (const split of SPLIT_NAMES) {
    if (splits[split]) counts[split] = countsOf(splits[split], dataset.names.length);
  }
  return { output, names: dataset.names, splits: counts, lost: Object.fromEntries(lost) };
}

function writeWhole(dataset: Dataset, output: string, images: ImagePlacement): Promise<ReadonlyMap<string, number>> {
  const format = formatNamed(dataset.format === "several" ? "coco" : dataset.format);
  return DatasetTarget.fill(output, images, (target) => format.write(dataset, target));
}

/** Formats whose labels lie beside the images need only lists of them; the others' label files are dealt out too. */
async function writeLists(path: string, dataset: Dataset, output: string): Promise<ReadonlyMap<string, number>> {
  const { format: name, description, parts, classes, singleClass } = await describeDataset(path);
  const format = formatNamed(name);
  if (parts || classes || singleClass || !format.listLine) return writeWhole(dataset, output, "stay");
  return DatasetTarget.fill(output, "stay", async (target) => {
    const lists: [string, string][] = [];
    for (const [split, samples] of Object.entries(dataset.splits)) {
      lists.push([split, target.finalPath(`${split}.txt`)]);
      await target.text(`${split}.txt`, samples.map((sample) => `${format.listLine!(sample, description)}\n`).join(""));
    }
    const text = descriptionText(name, description, dataset.names, Object.fromEntries(lists));
    await target.text("data.yaml", text);
  });
}

function countsOf(samples: readonly Sample[], classCount: number): SplitCounts {
  const classes = new Array<number>(classCount).fill(0);
  for (const sample of samples) for (const index of sample.classes) classes[index]!++;
  return { images: samples.length, objects: classes.reduce((sum, count) => sum + count, 0), classes };
}
