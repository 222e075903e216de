/**
 * Matching as COCO defines it: the detections of one class in one picture, best first, each take the free object that they resemble
 * most. What "resemble" means (box IoU, mask IoU, keypoint similarity) is decided by the caller, who gives the numbers.
 */

export const MATCH = {
  /** The detection is counted and took nothing. */
  falsePositive: 0,
  truePositive: 1,
  /** The detection is not counted. */
  ignored: 2,
} as const;

/** The objects and detections of one class in one picture, in memory that grows with the largest such problem met. */
export class MatchingSpace {
  truthCount = 0;
  /** Detections come best first. */
  detectionCount = 0;
  /** [detectionCount * truthCount] similarities, row-major */
  similarities = new Float64Array(0);
  /** [truthCount] 1: the object is not counted (a crowd, or outside the range of areas) */
  ignored = new Uint8Array(0);
  /** [truthCount] 1: any number of detections may take it */
  crowd = new Uint8Array(0);
  /** [truthCount] 1: a detection that takes it is judged as if it had taken nothing */
  uncredited = new Uint8Array(0);
  /** [detectionCount] 1: not a false positive if it takes nothing, since it is outside the range of areas */
  excused = new Uint8Array(0);
  /** [truthCount] used while matching */
  taken = new Uint8Array(0);
  /** [truthCount] counted objects first: a detection takes an ignored one only when no counted one fits */
  order = new Int32Array(0);

  /** Contents are lost where memory has to grow. */
  resize(truthCount: number, detectionCount: number): void {
    this.truthCount = truthCount;
    this.detectionCount = detectionCount;
    if (this.similarities.length < truthCount * detectionCount) {
      this.similarities = new Float64Array(2 * truthCount * detectionCount);
    }
    if (this.excused.length < detectionCount) this.excused = new Uint8Array(2 * detectionCount);
    if (this.ignored.length >= truthCount) return;
    this.ignored = new Uint8Array(2 * truthCount);
    this.crowd = new Uint8Array(2 * truthCount);
    this.uncredited = new Uint8Array(2 * truthCount);
    this.taken = new Uint8Array(2 * truthCount);
    this.order = new Int32Array(2 * truthCount);
  }
}

/**
 * Match at every threshold.
 * @param verdicts receives a `MATCH` value for detection d at threshold t at index `t * stride + offset + d`
 */
export function matchDetections(
  space: MatchingSpace,
  thresholds: readonly number[],
  verdicts: Uint8Array,
  stride: number,
  offset: number,
): void {
  const { truthCount, detectionCount, ignored, uncredited, excused, taken } = space;
  orderCountedFirst(space);
  for (let t = 0; t < thresholds.length; t++) {
    taken.fill(0, 0, truthCount);
    const row = t * stride + offset;
    for (let d = 0; d < detectionCount; d++) {
      const match = bestFreeObject(space, d, thresholds[t]!);
      let verdict: number = excused[d] === 1 ? MATCH.ignored : MATCH.falsePositive;
      if (match >= 0) {
        taken[match] = 1;
        if (ignored[match] === 1) verdict = MATCH.ignored;
        else if (uncredited[match] === 0) verdict = MATCH.truePositive;
      }
      verdicts[row + d] = verdict;
    }
  }
}

function orderCountedFirst({ ignored, truthCount, order }: MatchingSpace): void {
  let to = 0;
  for (let g = 0; g < truthCount; g++) if (ignored[g] === 0) order[to++] = g;
  for (let g = 0; g < truthCount; g++) if (ignored[g] === 1) order[to++] = g;
}

/** The last most similar object at or above the threshold, or -1. */
function bestFreeObject(
  { truthCount, similarities, ignored, crowd, taken, order }: MatchingSpace,
  detection: number,
  threshold: number,
): number {
  let best = -1;
  let least = Math.min(threshold, 1 - 1e-10);
  const row = detection * truthCount;
  for (let k = 0; k < truthCount; k++) {
    const g = order[k]!;
    if (taken[g] === 1 && crowd[g] === 0) continue;
    if (best >= 0 && ignored[best] === 0 && ignored[g] === 1) break;
    const similarity = similarities[row + g]!;
    if (similarity < least) continue;
    least = similarity;
    best = g;
  }
  return best;
}
