/**
 * Object keypoint similarity (OKS): how near the found points of a body are to the annotated ones, measured against the object's size and
 * how precisely each point can be annotated at all. As COCO defines it.
 */

/** How far annotators differ on each of COCO's 17 points of a person, as a share of the square root of its area. */
export const PERSON_SIGMAS: readonly number[] = [
  0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089,
];

/** Added to areas, so that one of 0 does no harm: the distance from 1 to the next double. */
const SPACING = Number.EPSILON;

export interface AnnotatedKeypoints {
  /** [k*3] x, y and visibility (0: not annotated) of each point. */
  readonly keypoints: ArrayLike<number>;
  /** x y w h */
  readonly box: readonly [x: number, y: number, width: number, height: number];
  readonly area: number;
}

/**
 * @param found [k*3] x, y and anything
 * @param sigmas [k]
 * @returns 0 … 1. Of an object without annotated points: how near all points are to its box made thrice as large.
 */
export function keypointSimilarity(
  found: ArrayLike<number>,
  { keypoints, box, area }: AnnotatedKeypoints,
  sigmas: readonly number[],
): number {
  const annotated = sigmas.some((_, k) => keypoints[k * 3 + 2]! > 0);
  const [left, top] = [box[0] - box[2], box[1] - box[3]];
  const [right, bottom] = [box[0] + box[2] * 2, box[1] + box[3] * 2];
  let sum = 0;
  let count = 0;
  for (let k = 0; k < sigmas.length; k++) {
    if (annotated && !(keypoints[k * 3 + 2]! > 0)) continue;
    const x = found[k * 3]!;
    const y = found[k * 3 + 1]!;
    const dx = annotated ? x - keypoints[k * 3]! : Math.max(0, left - x) + Math.max(0, x - right);
    const dy = annotated ? y - keypoints[k * 3 + 1]! : Math.max(0, top - y) + Math.max(0, y - bottom);
    const variance = (sigmas[k]! * 2) ** 2;
    sum += Math.exp(-((dx * dx + dy * dy) / variance / (area + SPACING) / 2));
    count++;
  }
  return count === 0 ? 0 : sum / count;
}

/** The box around all points: x y w h, all 0 where there is none. @param points [k*3] x, y and anything */
export function keypointBox(points: ArrayLike<number>): [x: number, y: number, width: number, height: number] {
  if (points.length === 0) return [0, 0, 0, 0];
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let k = 0; k < points.length; k += 3) {
    left = Math.min(left, points[k]!);
    right = Math.max(right, points[k]!);
    top = Math.min(top, points[k + 1]!);
    bottom = Math.max(bottom, points[k + 1]!);
  }
  return [left, top, right - left, bottom - top];
}
