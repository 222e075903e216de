/**
 * COCO's rows as input of the evaluators: what is ignored and how areas are found follow the original COCO API, odd corners included.
 * Reading files and checking their form is the caller's.
 */

import type { CocoAnnotation, CocoDetection, CocoRows } from "./coco-rows.js";
import { rleFromCoco } from "./coco-segmentation.js";
import type {
  ImageDetections,
  ImageTruth,
  KeypointDetections,
  KeypointTruth,
  MaskDetections,
  MaskTruth,
  ObjectFlags,
} from "./evaluation-input.js";
import { keypointBox } from "./keypoint-similarity.js";
import { rleFromBox } from "./polygon-rle.js";
import { rleArea, rleBox, type Rle } from "./rle.js";

/** @throws RangeError when a row lacks what is compared */
export function boxInput({ images, truth, found, areaSource }: CocoRows): {
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
  return areaSource === "segmentation" ? rleBox(maskOf(row, image)) : keypointBox(pointsOf(row, "detection"));
}

/** @throws RangeError when a row lacks what is compared */
export function maskInput({ images, truth, found, areaSource }: CocoRows): {
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

/** @throws RangeError when a row lacks what is compared */
export function keypointInput({ images, truth, found, areaSource }: CocoRows): {
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
    detections: found.map((rows, image) => {
      const keypoints = rows.map((row) => pointsOf(row, "detection"));
      const areas = rows.map((row, i) => {
        if (areaSource === "segmentation") return rleArea(maskOf(row, images[image]!));
        return boxArea(areaSource === "bbox" && row.bbox ? row.bbox : keypointBox(keypoints[i]!));
      });
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
