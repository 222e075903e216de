/**
 * Looks a data set over: what its reader had to leave out, what its labels and classes are like, and, image by image in worker threads,
 * whether files are whole, what they are, and which of them show the same. Nothing is ever changed.
 */

import { extname } from "node:path";

import { openDataset } from "../dataset.js";
import { DatasetError, SPLIT_NAMES, type Dataset, type SplitName } from "../sample.js";
import { BLANK_SPREAD, findDuplicates, spreadOf } from "./duplicates.js";
import { findingOf, findingsOf, SEVERITIES, sortFindings, strictly, type Finding, type Severity } from "./findings.js";
import { lookAtLabels } from "./look-at-labels.js";
import type { ScannedImage } from "./scan-image.js";
import { scanImages, type ScanOptions } from "./scan-images.js";
import { statisticsOf, type Statistics } from "./statistics.js";

export interface CheckOptions extends Partial<ScanOptions> {
  /** Whether images are decoded. Default true. */
  readonly pixels?: boolean;
  /** Images of more pixels are a finding, and not looked at. Default 100 million. */
  readonly maxPixels?: number;
  /** Whether warnings count as errors. Default false. */
  readonly strict?: boolean;
}

export interface CheckResult {
  readonly path: string;
  /** Absent when the data set cannot be read at all; then the one finding says why. */
  readonly dataset?: Dataset;
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Record<Severity, number>>;
  readonly statistics?: Statistics;
}

export async function checkDataset(path: string, options: CheckOptions = {}): Promise<CheckResult> {
  const { maxPixels } = options;
  let dataset: Dataset;
  try {
    const limit = maxPixels === undefined ? {} : { maxPixels };
    dataset = await openDataset(path, { thorough: true, deriveVal: true, cache: false, ...limit });
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error;
    return result(path, [findingOf("dataset-unusable", { file: path, reason: error.message })], options);
  }
  const statistics = statisticsOf(dataset);
  // Which classes validation images lack says nothing about the data where they were only set apart by us.
  const isDerived = dataset.labelFiles !== undefined && dataset.labelFiles.entries.val === undefined;
  const findings = [
    ...findingsOf([...dataset.problems, ...dataset.remarks]),
    ...emptySplits(dataset),
    ...nothingToLearn(dataset, statistics),
    ...lookAtLabels(dataset, statistics).filter(({ kind }) => !isDerived || kind !== "class-missing-in-split"),
    ...(await lookAtImages(dataset, options)),
  ];
  return { ...result(path, findings, options), dataset, statistics };
}

function result(
  path: string,
  all: readonly Finding[],
  { strict = false }: CheckOptions,
): Pick<CheckResult, "path" | "findings" | "counts"> {
  const findings = strict ? strictly(all) : all;
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  const counts = { error: count("error"), warning: count("warning"), info: count("info") };
  return { path, findings: sortFindings(findings), counts };
}

/** Whether anything as grave as `severity` was found. */
export function isAtLeast({ counts }: Pick<CheckResult, "counts">, severity: Severity): boolean {
  return SEVERITIES.slice(0, SEVERITIES.indexOf(severity) + 1).some((grave) => counts[grave] > 0);
}

function emptySplits({ splits, root }: Dataset): Finding[] {
  return SPLIT_NAMES.filter((split) => splits[split]?.length === 0).map((split) =>
    findingOf("split-empty", { file: root, split, reason: `no image of "${split}" can be used` }),
  );
}

function nothingToLearn({ root }: Dataset, { splits }: Statistics): Finding[] {
  const { train } = splits;
  if (!train || train.images === 0 || train.objects > 0) return [];
  const reason = `none of the ${train.images} training images has an object`;
  return [findingOf("nothing-to-learn", { file: root, split: "train", reason })];
}

interface Seen {
  readonly path: string;
  readonly split: SplitName;
  readonly image: ScannedImage;
}

async function lookAtImages({ splits }: Dataset, { pixels = true, ...scan }: CheckOptions): Promise<Finding[]> {
  const splitOf = new Map<string, SplitName>();
  const findings: Finding[] = [];
  for (const split of SPLIT_NAMES) {
    for (const { path } of splits[split] ?? []) {
      const earlier = splitOf.get(path);
      if (earlier === undefined) splitOf.set(path, split);
      else if (earlier !== split) {
        const reason = `is in ${earlier} and in ${split}`;
        findings.push(findingOf("image-across-splits", { file: path, image: path, split, reason }));
      }
    }
  }
  const entries = [...splitOf];
  const scanned = await scanImages(entries.map(([path]) => path), { ...scan, pixels }); // prettier-ignore
  const seen: Seen[] = [];
  for (const [index, [path, split]] of entries.entries()) {
    const image = scanned[index]!;
    if ("error" in image) {
      findings.push(findingOf("image-unreadable", { file: path, image: path, split, reason: image.error }));
    } else seen.push({ path, split, image });
  }
  return [...findings, ...seen.flatMap(lookAtImage), ...lookForDuplicates(seen)];
}

/** Extensions that name a file of a type rightly. */
const EXTENSIONS: Readonly<Record<string, readonly string[]>> = {
  jpeg: [".jpg", ".jpeg", ".mpo"],
  png: [".png"],
  webp: [".webp"],
  tiff: [".tif", ".tiff"],
  gif: [".gif"],
  heif: [".avif", ".heif", ".heic"],
};

function lookAtImage({ path, split, image }: Seen): Finding[] {
  const findings: Finding[] = [];
  const tell = (kind: Finding["kind"], reason: string) =>
    void findings.push(findingOf(kind, { file: path, image: path, split, reason }));
  const extension = extname(path).toLowerCase();
  const { format, orientation, space, bitsOver8, hasAlpha, frames, damage, sketch } = image;
  if (damage !== undefined) tell("image-damaged", damage);
  if (!(EXTENSIONS[format] ?? [extension]).includes(extension)) {
    tell("image-wrong-extension", `a ${format.toUpperCase()} file named ${extension}`);
  }
  if (orientation > 1) tell("image-rotated", `EXIF orientation ${orientation}`);
  if (space === "cmyk") tell("image-cmyk", "stored in CMYK");
  if (bitsOver8) tell("image-16-bit", `more than 8 bits a channel (${space})`);
  if (hasAlpha) tell("image-alpha", "has an alpha channel");
  if (frames > 1) tell("image-animated", `has ${frames} frames`);
  if (sketch && spreadOf(sketch) < BLANK_SPREAD) tell("image-blank", "has one colour all over");
  return findings;
}

function lookForDuplicates(seen: readonly Seen[]): Finding[] {
  return findDuplicates(seen.map(({ image }) => image)).flatMap(({ members, exact }) =>
    members.slice(1).map((member, place) => {
      const { path, split } = seen[member]!;
      const earlier = members.slice(0, place + 1).map((index) => seen[index]!);
      const other = earlier.find((one) => one.split !== split) ?? earlier[0]!;
      const across = other.split !== split;
      const same = exact[place]! && seen[member]!.image.digest === other.image.digest;
      const kind = same
        ? across
          ? "image-across-splits"
          : "image-duplicate"
        : across
          ? "image-near-across-splits"
          : "image-near-duplicate";
      const where = across ? ` (${split}, ${other.split})` : "";
      const reason = `${same ? "the same file as" : "nearly the same picture as"} ${other.path}${where}`;
      return findingOf(kind, { file: path, image: path, split, other: other.path, reason });
    }),
  );
}
