/**
 * Detections of a model file that suppresses overlapping boxes itself: its rows read as what suppression gives elsewhere. The
 * suppression is in the graph and cannot be changed here; its rows can only be filtered further.
 */

import type { Detections } from "@yolov9/vision";

/** How a file's graph suppresses boxes. */
export interface SuppressionCard {
  readonly confidence: number;
  readonly iou: number;
  /** Rows an image. */
  readonly maxDetections: number;
  readonly multiLabel: boolean;
}

/** Numbers of a row: x1 y1 x2 y2 score class. */
export const ROW_LENGTH = 6;

export interface RowFilter {
  /** Rows score more than this. Default 0, which drops the rows that fill up. */
  readonly confidence?: number;
  readonly maxDetections?: number;
  /** Class numbers to keep. Default all. */
  readonly classes?: readonly number[];
}

/** @param rows one image, [n, 6] x1 y1 x2 y2 score class, best first, filled up with rows of zeros */
export function detectionsOfRows(rows: Float32Array, filter: RowFilter = {}): Detections {
  const { confidence = 0, maxDetections = Infinity, classes } = filter;
  const threshold = Math.fround(confidence);
  const kept: number[] = [];
  for (let row = 0; row < rows.length && kept.length < maxDetections; row += ROW_LENGTH) {
    const isWanted = classes?.includes(rows[row + 5]!) ?? true;
    if (rows[row + 4]! > threshold && isWanted) kept.push(row);
  }
  return {
    boxes: Float32Array.from(kept.flatMap((row) => [...rows.subarray(row, row + 4)])),
    scores: Float32Array.from(kept, (row) => rows[row + 4]!),
    classes: Int32Array.from(kept, (row) => rows[row + 5]!),
    count: kept.length,
  };
}

/** What a caller may want of suppression, of which a graph that suppresses has decided most. */
export interface WantedSuppression {
  readonly confidence?: number | undefined;
  readonly iou?: number | undefined;
  readonly agnostic?: boolean | undefined;
  readonly multiLabel?: boolean | undefined;
  readonly method?: string | undefined;
}

/** @throws RangeError for options that the file's own suppression does not fulfil: other ones than it was exported with, or a lower confidence */
export function checkWanted(card: SuppressionCard, wanted: WantedSuppression): void {
  const { confidence = card.confidence, iou = card.iou, multiLabel = card.multiLabel } = wanted;
  const { agnostic = false, method = "greedy" } = wanted;
  const refuse = (what: string): never => {
    throw new RangeError(
      `the model suppresses boxes inside its graph (confidence ${card.confidence}, IoU ${card.iou}, multi-label ${card.multiLabel}, ` +
        `greedily, class by class), so ${what} is not possible; export it again with other options, or without --nms`,
    );
  };
  if (confidence < card.confidence) refuse(`a confidence of ${confidence}`);
  if (iou !== card.iou) refuse(`an IoU of ${iou}`);
  if (multiLabel !== card.multiLabel) refuse(`multi-label ${multiLabel}`);
  if (agnostic) refuse("suppression across classes");
  if (method !== "greedy") refuse(`the method "${method}"`);
}
