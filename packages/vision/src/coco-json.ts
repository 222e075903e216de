/**
 * COCO's annotation and result JSON, already parsed, as input of the evaluators. Only what evaluation needs is looked at; categories keep
 * their COCO numbers. Reading a whole data set (file names, polygons, problems by line) is not done here.
 */

import type { ImageDetections, ImageTruth } from "./evaluation-input.js";

export interface CocoAnnotations {
  readonly images: readonly { readonly id: number }[];
  readonly annotations: readonly {
    readonly image_id: number;
    readonly category_id: number;
    /** x, y, width, height in pixels */
    readonly bbox: readonly number[];
    readonly area?: number;
    readonly iscrowd?: number;
  }[];
}

export interface CocoDetection {
  readonly image_id: number;
  readonly category_id: number;
  /** x, y, width, height in pixels */
  readonly bbox: readonly number[];
  readonly score: number;
}

/**
 * Evaluator input with boxes x y w h, pictures by ascending id as in the COCO API.
 * @throws RangeError when an annotation or detection names a picture that is not listed
 */
export function evaluationInputFromCoco(
  { images, annotations }: CocoAnnotations,
  results: readonly CocoDetection[],
): { truths: ImageTruth[]; detections: ImageDetections[] } {
  const ids = [...new Set(images.map(({ id }) => id))].sort((a, b) => a - b);
  const annotationsOf = groupByImage(ids, annotations, "annotation");
  const resultsOf = groupByImage(ids, results, "detection");
  return {
    truths: annotationsOf.map((rows) => ({
      boxes: rows.flatMap(({ bbox }) => bbox),
      classes: rows.map((row) => row.category_id),
      crowd: rows.map(({ iscrowd }) => iscrowd ?? 0),
      areas: rows.map(({ area, bbox }) => area ?? bbox[2]! * bbox[3]!),
    })),
    detections: resultsOf.map((rows) => ({
      boxes: rows.flatMap(({ bbox }) => bbox),
      classes: rows.map((row) => row.category_id),
      scores: rows.map(({ score }) => score),
    })),
  };
}

function groupByImage<Row extends { readonly image_id: number }>(
  ids: readonly number[],
  rows: readonly Row[],
  what: string,
): Row[][] {
  const groups = new Map<number, Row[]>(ids.map((id) => [id, []]));
  for (const [i, row] of rows.entries()) {
    const group = groups.get(row.image_id);
    if (group === undefined)
      throw new RangeError(`${what} ${i} is of image_id ${row.image_id}, which "images" does not list`);
    group.push(row);
  }
  return [...groups.values()];
}
