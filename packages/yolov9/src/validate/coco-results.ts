/** Detections as COCO result files have them: one JSON row a box, x y w h, with the data set's own image and category ids. */
import type { ImageDetections } from "@yolov9/vision";
import type { Sample } from "../data/sample.js";

export interface CocoResultRow {
  image_id: number | string;
  category_id: number;
  bbox: [x: number, y: number, width: number, height: number];
  score: number;
}

/** Decimals of coordinates and scores in the result files of the field. */
const BOX_DECIMALS = 3;
const SCORE_DECIMALS = 5;

/**
 * @param categoryIds of each class; class numbers themselves where the data set has none
 * @returns rows in the order of samples, most certain first within each
 */
export function cocoResults(
  samples: readonly Sample[],
  detections: readonly ImageDetections[],
  categoryIds: readonly number[] | undefined,
): CocoResultRow[] {
  return samples.flatMap(({ id: sampleId }, i) => {
    const id = imageId(sampleId);
    const { boxes, scores, classes } = detections[i]!;
    return Array.from({ length: scores.length }, (_, row): CocoResultRow => {
      const [x1, y1, x2, y2] = [0, 1, 2, 3].map((side) => boxes[row * 4 + side]!);
      const bbox = [x1!, y1!, x2! - x1!, y2! - y1!].map((value) => round(value, BOX_DECIMALS));
      return {
        image_id: id,
        category_id: categoryIds?.[classes[row]!] ?? classes[row]!,
        bbox: [bbox[0]!, bbox[1]!, bbox[2]!, bbox[3]!],
        score: round(scores[row]!, SCORE_DECIMALS),
      };
    });
  });
}

/** Files named by numbers, as COCO's are, have those numbers as ids in its annotation files. */
function imageId(id: Sample["id"]): number | string {
  return typeof id === "string" && /^\d+$/.test(id) ? Number(id) : id;
}

function round(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
