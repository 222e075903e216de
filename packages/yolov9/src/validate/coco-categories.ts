/**
 * Category ids for result files. COCO numbers its 80 classes 1 … 90 with gaps; a data set in COCO layout brings the numbers along, one in
 * another layout that has COCO's classes does not.
 */
import type { Dataset } from "../data/index.js";

/** Numbers from 1 to 90 that belong to no class of COCO's detection task. */
const GAPS = new Set([12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);

/** [80] COCO's category id of each class number. */
export const COCO_CATEGORY_IDS: readonly number[] = Array.from({ length: 90 }, (_, i) => i + 1).filter(
  (id) => !GAPS.has(id),
);

/** Some of COCO's classes by number, enough to tell them from any other eighty. */
const COCO_LANDMARKS: readonly (readonly [index: number, name: string])[] = [
  [0, "person"],
  [11, "stop sign"],
  [39, "bottle"],
  [62, "tv"],
  [79, "toothbrush"],
];

/** The category id of each class; undefined where class numbers themselves are the best there is. */
export function categoryIdsOf({
  categoryIds,
  names,
}: Pick<Dataset, "categoryIds" | "names">): readonly number[] | undefined {
  if (categoryIds !== undefined) return categoryIds;
  const isCoco =
    names.length === COCO_CATEGORY_IDS.length && COCO_LANDMARKS.every(([index, name]) => names[index] === name);
  return isCoco ? COCO_CATEGORY_IDS : undefined;
}
