/**
 * The rows of COCO's annotation and result JSON, already parsed, picture by picture: which of them are looked at follows the original COCO API.
 * What becomes of them is in coco-input.ts.
 */

import type { CocoSegmentation } from "./coco-segmentation.js";

export type CocoImageId = number | string;

export interface CocoAnnotation {
  readonly id?: number | string | null | undefined;
  readonly image_id: CocoImageId;
  readonly category_id: number;
  /** x, y, width, height in pixels */
  readonly bbox?: readonly number[] | null | undefined;
  readonly area?: number | null | undefined;
  readonly iscrowd?: number | boolean | null | undefined;
  readonly segmentation?: CocoSegmentation | null | undefined;
  /** x, y and visibility of each point */
  readonly keypoints?: readonly number[] | null | undefined;
  readonly num_keypoints?: number | null | undefined;
}

export interface CocoAnnotations {
  readonly images: readonly {
    readonly id: CocoImageId;
    readonly width?: number | undefined;
    readonly height?: number | undefined;
  }[];
  readonly annotations: readonly CocoAnnotation[];
  /** Where it is given, objects and detections of other categories are left out. */
  readonly categories?: readonly { readonly id: number }[] | undefined;
}

export interface CocoDetection {
  readonly image_id: CocoImageId;
  readonly category_id: number;
  readonly score: number;
  /** x, y, width, height in pixels */
  readonly bbox?: readonly number[] | null | undefined;
  readonly segmentation?: CocoSegmentation | null | undefined;
  readonly keypoints?: readonly number[] | null | undefined;
}

/** Rows that the COCO API passes over silently. */
export interface SkippedRows {
  /** Objects in pictures that are not listed, or of categories that are not. */
  readonly annotations: number;
  /** Detections of categories that are not listed. */
  readonly detections: number;
}

/** The rows that are looked at, picture by picture. */
export interface CocoRows {
  readonly images: readonly CocoAnnotations["images"][number][];
  readonly truth: readonly CocoAnnotation[][];
  readonly found: readonly CocoDetection[][];
  /** What the first detection says about all of them: where areas come from. */
  readonly areaSource: "bbox" | "segmentation" | "keypoints";
  readonly skipped: SkippedRows;
  /** Objects that were taken for a later one with the same id. */
  readonly replaced: number;
}

/** @throws RangeError when a detection is of a picture that is not listed */
export function groupRows(
  { images, annotations, categories }: CocoAnnotations,
  detections: readonly CocoDetection[],
): CocoRows {
  const byId = new Map(images.map((image) => [image.id, image]));
  const ids = [...byId.keys()].sort(compareIds);
  const indexOf = new Map(ids.map((id, i) => [id, i]));
  const wanted = categories === undefined ? undefined : new Set(categories.map(({ id }) => id));
  const isWanted = (category: number) => wanted === undefined || wanted.has(category);
  const skipped = { annotations: 0, detections: 0 };
  const imageOfObject = (row: CocoAnnotation) => (isWanted(row.category_id) ? indexOf.get(row.image_id) : undefined);
  const lookedUp = asFoundById(annotations);
  const truth = groupByImage(ids.length, lookedUp, (row, i) => {
    const image = imageOfObject(annotations[i]!) === undefined ? undefined : imageOfObject(row);
    if (image === undefined) skipped.annotations++;
    return image;
  });
  const found = groupByImage(ids.length, detections, (row, i) => {
    const image = indexOf.get(row.image_id);
    if (image === undefined) {
      throw new RangeError(
        `detection ${i} is of image_id ${JSON.stringify(row.image_id)}, which "images" does not list; are these detections of another data set?`,
      );
    }
    if (isWanted(row.category_id)) return image;
    skipped.detections++;
    return undefined;
  });
  const areaSource = areaSourceOf(detections[0]);
  const replaced = lookedUp.filter((row, i) => row !== annotations[i]).length;
  return { images: ids.map((id) => byId.get(id)!), truth, found, areaSource, skipped, replaced };
}

/** The COCO API looks objects up by their id, and so takes each of several with one id for the last of them. */
function asFoundById(annotations: readonly CocoAnnotation[]): readonly CocoAnnotation[] {
  const byId = new Map(annotations.map((row) => [row.id, row]));
  if (byId.size === annotations.length) return annotations;
  return annotations.map((row) => (row.id === undefined || row.id === null ? row : byId.get(row.id)!));
}

/** Rows by picture, in their order; those without one are left out. Rows are counted first, so that no list has to grow. */
function groupByImage<Row>(
  imageCount: number,
  rows: readonly Row[],
  imageOf: (row: Row, index: number) => number | undefined,
): Row[][] {
  const images = new Int32Array(rows.length);
  const counts = new Int32Array(imageCount);
  for (let i = 0; i < rows.length; i++) {
    const image = imageOf(rows[i]!, i) ?? -1;
    images[i] = image;
    if (image >= 0) counts[image] = counts[image]! + 1;
  }
  const groups = Array.from(counts, (count) => new Array<Row>(count));
  counts.fill(0);
  for (let i = 0; i < rows.length; i++) {
    const image = images[i]!;
    if (image < 0) continue;
    groups[image]![counts[image]!] = rows[i]!;
    counts[image] = counts[image]! + 1;
  }
  return groups;
}

function compareIds(a: CocoImageId, b: CocoImageId): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a) < String(b) ? -1 : 1;
}

function areaSourceOf(first: CocoDetection | undefined): CocoRows["areaSource"] {
  if (first?.bbox && first.bbox.length > 0) return "bbox";
  if (first?.segmentation) return "segmentation";
  return first?.keypoints ? "keypoints" : "bbox";
}
