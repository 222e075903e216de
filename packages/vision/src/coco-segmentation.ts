/** Masks in the forms that COCO's JSON has for them: outlines, boxes, run lengths as numbers or as text. */

import { rleFromPolygons } from "./polygon-rle.js";
import { rleFromCounts, type Rle } from "./rle.js";
import { rleFromString } from "./rle-string.js";

/** Outlines, or run lengths, plain or as text; `size` is height, width. */
export type CocoSegmentation =
  readonly (readonly number[])[] | { readonly size: readonly number[]; readonly counts: string | readonly number[] };

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
