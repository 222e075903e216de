/**
 * Copy-paste (Ghiasi et al. 2021, as the published recipe does it): objects with outlines are pasted once more at their mirrored place on the
 * canvas, where they would cover little of what is there. Chooses rows; which pixels that means is rasterised in the output (render.ts).
 */

import { boxIntersection } from "@yolov9/vision";

import { rectangleArea, type Rectangle } from "./clip-ring.js";
import type { MovedRow } from "./move-rows.js";
import type { CopyPastePlan } from "./plan.js";
import { Random } from "./random.js";

/** Of any box there, less than this share may lie under the mirrored box. */
const MOST_COVERED = 0.3;

/**
 * @param rows everything on a canvas of `width` pixels
 * @returns the rows to paste, still where they are: the paste mirrors them
 */
export function rowsToPaste(rows: readonly MovedRow[], { share, key }: CopyPastePlan, width: number): MovedRow[] {
  if (share === 0) return [];
  const candidates = rows.filter(({ outline, box }) => {
    if (outline.length === 0) return false;
    const mirrored = { ...box, left: width - box.right, right: width - box.left };
    return rows.every((other) => intersection(mirrored, other.box) < MOST_COVERED * rectangleArea(other.box));
  });
  new Random(key).shuffle(candidates);
  return candidates.slice(0, Math.round(share * candidates.length));
}

function intersection(a: Rectangle, b: Rectangle): number {
  return boxIntersection([a.left, a.top, a.right, a.bottom], 0, [b.left, b.top, b.right, b.bottom], 0);
}
