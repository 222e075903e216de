/**
 * COCO's annotation and result JSON, already parsed, as input of the evaluators: which pictures and categories are looked at, what is ignored,
 * and how areas are found follow the original COCO API, odd corners included. Reading files and checking their form is the caller's; so
 * is reading a whole data set (file names, problems by line).
 */

import type { CocoKeypointFigures, CocoResult } from "./coco-figures.js";
import { evaluateBoxes, evaluateKeypoints, evaluateMasks, keypointExtent } from "./coco-evaluator.js";
import type {
  ImageDetections,
  ImageTruth,
  KeypointDetections,
  KeypointTruth,
  ObjectFlags,
} from "./evaluation-input.js";
import type { MaskDetections, MaskTruth } from "./evaluation-input.js";
import { rleFromBox, rleFromPolygons } from "./polygon-rle.js";
import { rleArea, rleBox, rleFromCounts, type Rle } from "./rle.js";
import { rleFromString } from "./rle-string.js";

/** Outlines, or run lengths, plain or as text; `size` is height, width. */
export type CocoSegmentation =
  readonly (readonly number[])[] | { readonly size: readonly number[]; readonly counts: string | readonly number[] };

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

export const COCO_IOU_TYPES = ["bbox", "segm", "keypoints"] as const;
export type CocoIouType = (typeof COCO_IOU_TYPES)[number];

export interface EvaluateCocoOptions {
  /** What is compared. Default "bbox". */
  readonly iouType?: CocoIouType;
  /** Of keypoints; default those of COCO's persons. */
  readonly sigmas?: readonly number[] | undefined;
}

export interface CocoEvaluation<Figures = CocoResult | CocoResult<CocoKeypointFigures>> {
  readonly iouType: CocoIouType;
  readonly result: Figures;
  readonly images: number;
  /** Rows that the COCO API passes over silently. */
  readonly skipped: {
    /** Objects in pictures that are not listed, or of categories that are not. */
    readonly annotations: number;
    /** Detections of categories that are not listed. */
    readonly detections: number;
  };
  /** Objects with the id 0: what finds them counts as wrong, since the COCO API takes 0 for "nothing found". Number from 1. */
  readonly annotationsNumberedZero: number;
}

/**
 * Evaluate parsed COCO files as the original COCO API does.
 * @throws RangeError when a detection is of a picture that is not listed, or a row lacks what the comparison needs
 */
export function evaluateCoco(
  annotations: CocoAnnotations,
  detections: readonly CocoDetection[],
  { iouType = "bbox", sigmas }: EvaluateCocoOptions = {},
): CocoEvaluation {
  const rows = groupRows(annotations, detections);
  const result = evaluators[iouType](rows, sigmas);
  return {
    iouType,
    result,
    images: rows.truth.length,
    skipped: rows.skipped,
    annotationsNumberedZero: rows.truth.flat().filter(({ id }) => id === 0).length,
  };
}

const evaluators: Readonly<
  Record<CocoIouType, (rows: CocoRows, sigmas?: readonly number[]) => CocoEvaluation["result"]>
> = {
  bbox: (rows) => {
    const { truths, detections } = boxInput(rows);
    return evaluateBoxes(truths, detections, { boxFormat: "xywh" });
  },
  segm: (rows) => {
    const { truths, detections } = maskInput(rows);
    return evaluateMasks(truths, detections);
  },
  keypoints: (rows, sigmas) => {
    const { truths, detections } = keypointInput(rows);
    return evaluateKeypoints(truths, detections, sigmas === undefined ? {} : { sigmas });
  },
};

/**
 * Box evaluator input with boxes x y w h, pictures by ascending id as in the COCO API.
 * @throws RangeError as `evaluateCoco`
 */
export function evaluationInputFromCoco(
  annotations: CocoAnnotations,
  detections: readonly CocoDetection[],
): { truths: ImageTruth[]; detections: ImageDetections[] } {
  return boxInput(groupRows(annotations, detections));
}

/** The rows that are looked at, picture by picture. */
interface CocoRows {
  readonly images: readonly CocoAnnotations["images"][number][];
  readonly truth: readonly CocoAnnotation[][];
  readonly found: readonly CocoDetection[][];
  /** What the first detection says about all of them: where areas come from. */
  readonly areaSource: "bbox" | "segmentation" | "keypoints";
  readonly skipped: CocoEvaluation["skipped"];
}

function groupRows(
  { images, annotations, categories }: CocoAnnotations,
  detections: readonly CocoDetection[],
): CocoRows {
  const byId = new Map(images.map((image) => [image.id, image]));
  const ids = [...byId.keys()].sort(compareIds);
  const indexOf = new Map(ids.map((id, i) => [id, i]));
  const wanted = categories === undefined ? undefined : new Set(categories.map(({ id }) => id));
  const isWanted = (category: number) => wanted === undefined || wanted.has(category);
  const skipped = { annotations: 0, detections: 0 };
  const truth = groupByImage(ids.length, annotations, (row) => {
    const image = isWanted(row.category_id) ? indexOf.get(row.image_id) : undefined;
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
  return { images: ids.map((id) => byId.get(id)!), truth, found, areaSource, skipped };
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

function boxInput({ images, truth, found, areaSource }: CocoRows): {
  truths: ImageTruth[];
  detections: ImageDetections[];
} {
  return {
    truths: truth.map((rows) => ({
      ...flagsOf(rows, ({ area }, i) => area ?? boxArea(boxOf(rows[i]!, "annotation"))),
      boxes: packBoxes(rows, (row) => boxOf(row, "annotation")),
    })),
    detections: found.map((rows, image) => ({
      ...scoresOf(rows),
      boxes: packBoxes(rows, (row) => detectionBox(row, images[image]!, areaSource)),
      ...(areaSource === "segmentation" && { areas: rows.map((row) => rleArea(maskOf(row, images[image]!))) }),
    })),
  };
}

/** The box of a detection; around its mask or points where it has none. */
function detectionBox(
  row: CocoDetection,
  image: CocoRows["images"][number],
  areaSource: CocoRows["areaSource"],
): readonly number[] {
  if (areaSource === "bbox" || (row.bbox && row.bbox.length > 0)) return boxOf(row, "detection");
  return areaSource === "segmentation" ? rleBox(maskOf(row, image)) : pointBox(pointsOf(row, "detection"));
}

function pointBox(points: readonly number[]): number[] {
  const xs = points.filter((_, i) => i % 3 === 0);
  const ys = points.filter((_, i) => i % 3 === 1);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return [left, top, Math.max(...xs) - left, Math.max(...ys) - top];
}

function maskInput({ images, truth, found, areaSource }: CocoRows): {
  truths: MaskTruth[];
  detections: MaskDetections[];
} {
  return {
    truths: truth.map((rows, image) => {
      const masks = rows.map((row) => maskOf(row, images[image]!));
      return { ...flagsOf(rows, ({ area }, i) => area ?? rleArea(masks[i]!)), masks };
    }),
    detections: found.map((rows, image) => {
      const masks = rows.map((row) => maskOf(row, images[image]!));
      // The COCO API takes the area of the box where the results have boxes, even when masks are compared.
      const areas = rows.map(({ bbox }, i) => (areaSource === "bbox" && bbox ? boxArea(bbox) : rleArea(masks[i]!)));
      return { ...scoresOf(rows), masks, areas };
    }),
  };
}

function keypointInput({ truth, found, areaSource }: CocoRows): {
  truths: KeypointTruth[];
  detections: KeypointDetections[];
} {
  return {
    truths: truth.map((rows) => {
      const keypoints = rows.map((row) => pointsOf(row, "annotation"));
      const flags = flagsOf(rows, ({ area }, i) => area ?? boxArea(boxOf(rows[i]!, "annotation")));
      const ignored = rows.map(({ num_keypoints, iscrowd }, i) =>
        iscrowd || (num_keypoints ?? annotatedPoints(keypoints[i]!)) === 0 ? 1 : 0,
      );
      return { ...flags, ignored, keypoints, boxes: packBoxes(rows, (row) => boxOf(row, "annotation")) };
    }),
    detections: found.map((rows) => {
      const keypoints = rows.map((row) => pointsOf(row, "detection"));
      const areas = rows.map(({ bbox }, i) =>
        areaSource === "bbox" && bbox ? boxArea(bbox) : keypointExtent(keypoints[i]!),
      );
      return { ...scoresOf(rows), keypoints, areas };
    }),
  };
}

function annotatedPoints(points: readonly number[]): number {
  return points.filter((visibility, i) => i % 3 === 2 && visibility > 0).length;
}

function flagsOf(rows: readonly CocoAnnotation[], areaOf: (row: CocoAnnotation, index: number) => number): ObjectFlags {
  return {
    classes: Float64Array.from(rows, ({ category_id }) => category_id),
    // The API has an "ignore" flag too, but overwrites it with this one.
    crowd: Uint8Array.from(rows, ({ iscrowd }) => (iscrowd ? 1 : 0)),
    areas: Float64Array.from(rows, areaOf),
    ...(rows.some(({ id }) => id === 0) && { uncredited: Uint8Array.from(rows, ({ id }) => (id === 0 ? 1 : 0)) }),
  };
}

function scoresOf(rows: readonly CocoDetection[]): { classes: Float64Array; scores: Float64Array } {
  const classes = new Float64Array(rows.length);
  const scores = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    classes[i] = rows[i]!.category_id;
    scores[i] = rows[i]!.score;
  }
  return { classes, scores };
}

/** @returns [n*4] */
function packBoxes<Row>(rows: readonly Row[], boxOfRow: (row: Row) => readonly number[]): Float64Array {
  const boxes = new Float64Array(rows.length * 4);
  for (let i = 0; i < rows.length; i++) {
    const box = boxOfRow(rows[i]!);
    for (let side = 0; side < 4; side++) boxes[i * 4 + side] = box[side]!;
  }
  return boxes;
}

function boxArea(box: readonly number[]): number {
  return box[2]! * box[3]!;
}

type Row = CocoAnnotation | CocoDetection;

function boxOf(row: Row, what: string): readonly number[] {
  if (row.bbox?.length === 4) return row.bbox;
  throw new RangeError(`${nameOf(row, what)}: bbox must be x, y, width, height`);
}

function pointsOf(row: Row, what: string): readonly number[] {
  if (row.keypoints) return row.keypoints;
  throw new RangeError(`${nameOf(row, what)} has no keypoints`);
}

/**
 * The mask of a row; of a row that has only a box, the box.
 * @throws RangeError when it has neither, or its outlines need a size that the picture does not have
 */
function maskOf(row: Row, image: CocoRows["images"][number]): Rle {
  const { segmentation } = row;
  const what = "score" in row ? "detection" : "annotation";
  try {
    if (!segmentation) return rleFromBox(boxOf(row, what), ...sizeOf(image));
    return rleFromCoco(segmentation, () => sizeOf(image));
  } catch (error) {
    if (error instanceof RangeError) throw new RangeError(`${nameOf(row, what)}: ${error.message}`);
    throw error;
  }
}

/**
 * A mask from any of COCO's forms. A list whose first entry has four numbers holds boxes x y w h, as in the COCO API.
 * @param size height and width of the picture, asked for only by outlines
 * @throws RangeError when outlines, runs or size cannot be used
 */
export function rleFromCoco(segmentation: CocoSegmentation, size: () => readonly [height: number, width: number]): Rle {
  if (!("counts" in segmentation)) {
    const [height, width] = size();
    if (segmentation.length === 0) return rleFromCounts([height * width], height, width);
    if (segmentation[0]!.length !== 4) return rleFromPolygons(segmentation, height, width);
    return rleFromPolygons(
      segmentation.map(([x = 0, y = 0, w = 0, h = 0]) => [x, y, x, y + h, x + w, y + h, x + w, y]),
      height,
      width,
    );
  }
  const { counts } = segmentation;
  const [height = NaN, width = NaN] = segmentation.size;
  return typeof counts === "string" ? rleFromString(counts, height, width) : rleFromCounts(counts, height, width);
}

function sizeOf({ id, width, height }: CocoRows["images"][number]): [height: number, width: number] {
  if (width !== undefined && height !== undefined) return [height, width];
  throw new RangeError(
    `the image with id ${JSON.stringify(id)} needs width and height, since there are outlines in it`,
  );
}

function nameOf(row: Row, what: string): string {
  const id = "id" in row && row.id !== undefined && row.id !== null ? ` ${row.id}` : "";
  return `${what}${id} of image ${JSON.stringify(row.image_id)}`;
}
