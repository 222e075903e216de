/**
 * Matching as COCO defines it: the detections of one class in one picture, best first, each take the free object that they resemble
 * most. What "resemble" means (box IoU, mask IoU, keypoint similarity) is decided by the caller, who gives the numbers.
 */

/** The objects and detections of one class in one picture. Arrays may be longer than the counts, so that they can be used again. */
export interface MatchingProblem {
  truthCount: number;
  /** Detections come best first. */
  detectionCount: number;
  /** [detectionCount * truthCount] similarities, row-major */
  similarities: Float64Array;
  /** [truthCount] 1: the object is not counted (a crowd, or outside the range of areas) */
  ignored: Uint8Array;
  /** [truthCount] 1: any number of detections may take it */
  crowd: Uint8Array;
  /** [detectionCount] 1: not a false positive if it takes nothing, since it is outside the range of areas */
  excused: Uint8Array;
}

export const MATCH = {
  /** The detection is counted and took nothing. */
  falsePositive: 0,
  truePositive: 1,
  /** The detection is not counted. */
  ignored: 2,
} as const;

/** Counted objects come first: a detection takes an ignored one only when no counted one fits. */
function countedFirst({ ignored, truthCount }: MatchingProblem): Int32Array {
  const order = new Int32Array(truthCount);
  let to = 0;
  for (let g = 0; g < truthCount; g++) if (ignored[g] === 0) order[to++] = g;
  for (let g = 0; g < truthCount; g++) if (ignored[g] === 1) order[to++] = g;
  return order;
}

/**
 * Match at every threshold.
 * @param verdicts receives a `MATCH` value for detection d at threshold t at index `t * stride + offset + d`
 */
export function matchDetections(
  problem: MatchingProblem,
  thresholds: readonly number[],
  verdicts: Uint8Array,
  stride: number,
  offset: number,
): void {
  const { truthCount, detectionCount, ignored, excused } = problem;
  const order = countedFirst(problem);
  const taken = new Uint8Array(truthCount);
  for (const [t, threshold] of thresholds.entries()) {
    taken.fill(0);
    for (let d = 0; d < detectionCount; d++) {
      const match = truthCount === 0 ? -1 : bestFreeObject(problem, order, taken, d, threshold);
      let verdict: number = excused[d] === 1 ? MATCH.ignored : MATCH.falsePositive;
      if (match >= 0) {
        taken[match] = 1;
        verdict = ignored[match] === 1 ? MATCH.ignored : MATCH.truePositive;
      }
      verdicts[t * stride + offset + d] = verdict;
    }
  }
}

/** The last most similar object at or above the threshold, or -1. */
function bestFreeObject(
  { truthCount, similarities, ignored, crowd }: MatchingProblem,
  order: Int32Array,
  taken: Uint8Array,
  detection: number,
  threshold: number,
): number {
  let best = -1;
  let least = Math.min(threshold, 1 - 1e-10);
  for (let k = 0; k < truthCount; k++) {
    const g = order[k]!;
    if (taken[g] === 1 && crowd[g] === 0) continue;
    if (best >= 0 && ignored[best] === 0 && ignored[g] === 1) break;
    const similarity = similarities[detection * truthCount + g]!;
    if (similarity < least) continue;
    least = similarity;
    best = g;
  }
  return best;
}
