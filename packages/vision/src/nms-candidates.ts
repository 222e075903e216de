/**
 * The candidates of non-maximum suppression: which anchors and classes score enough, the best of them, in order. How they suppress one
 * another is in greedy-nms.ts, soft-nms.ts and matrix-nms.ts.
 */

/** What decides which candidates there are; see `NmsOptions`. */
export interface CandidateOptions {
  readonly classCount: number;
  readonly anchors: number;
  readonly confidence?: number;
  readonly multiLabel?: boolean;
  readonly classes?: readonly number[];
}

/** Candidate boxes in anchor order; a candidate is an anchor with one class. */
export interface Candidates {
  readonly scores: Float32Array;
  readonly anchors: Int32Array;
  readonly classes: Int32Array;
}

/** The threshold in the precision of the scores: a score of float32(0.1) is not above 0.1. */
function scoreThreshold({ confidence = 0.001 }: CandidateOptions): number {
  return Math.fround(confidence);
}

/** [classCount] 1 where a class is wanted. */
function wantedClasses({ classCount, classes }: CandidateOptions): Uint8Array {
  const wanted = new Uint8Array(classCount).fill(classes === undefined ? 1 : 0);
  for (const wantedClass of classes ?? []) {
    if (wantedClass >= 0 && wantedClass < classCount) wanted[wantedClass] = 1;
  }
  return wanted;
}

/** Every class of every anchor that scores above the threshold, in the order of anchors, then classes. */
export function allLabels(predictions: Float32Array, options: CandidateOptions): Candidates {
  const { anchors, classCount } = options;
  const threshold = scoreThreshold(options);
  const wanted = wantedClasses(options);
  // Scores are stored class by class but candidates are wanted anchor by anchor: count per anchor, then place.
  const ends = new Int32Array(anchors + 1);
  for (let c = 0; c < classCount; c++) {
    if (wanted[c] === 0) continue;
    const row = (4 + c) * anchors;
    for (let a = 0; a < anchors; a++) if (predictions[row + a]! > threshold) ends[a + 1] = ends[a + 1]! + 1;
  }
  for (let a = 0; a < anchors; a++) ends[a + 1] = ends[a + 1]! + ends[a]!;
  const candidates = emptyCandidates(ends[anchors]!);
  for (let c = 0; c < classCount; c++) {
    if (wanted[c] === 0) continue;
    const row = (4 + c) * anchors;
    for (let a = 0; a < anchors; a++) {
      const score = predictions[row + a]!;
      if (!(score > threshold)) continue;
      const to = ends[a]!;
      ends[a] = to + 1;
      candidates.scores[to] = score;
      candidates.anchors[to] = a;
      candidates.classes[to] = c;
    }
  }
  return candidates;
}

/** The best class of every anchor, where it scores above the threshold and is wanted. */
export function bestOfEachAnchor(predictions: Float32Array, options: CandidateOptions): Candidates {
  const { anchors, classCount } = options;
  const threshold = scoreThreshold(options);
  const wanted = wantedClasses(options);
  const bestScore = new Float32Array(anchors).fill(threshold);
  const bestClass = new Int32Array(anchors).fill(-1);
  for (let c = 0; c < classCount; c++) {
    const row = (4 + c) * anchors;
    for (let a = 0; a < anchors; a++) {
      const score = predictions[row + a]!;
      if (!(score > bestScore[a]!)) continue;
      bestScore[a] = score;
      bestClass[a] = c;
    }
  }
  const kept: number[] = [];
  for (let a = 0; a < anchors; a++) if (bestClass[a]! >= 0 && wanted[bestClass[a]!] === 1) kept.push(a);
  const candidates = emptyCandidates(kept.length);
  for (const [to, anchor] of kept.entries()) {
    candidates.scores[to] = bestScore[anchor]!;
    candidates.anchors[to] = anchor;
    candidates.classes[to] = bestClass[anchor]!;
  }
  return candidates;
}

export function emptyCandidates(length: number): Candidates {
  return { scores: new Float32Array(length), anchors: new Int32Array(length), classes: new Int32Array(length) };
}

/** The bit patterns of scores, which for numbers ≥ 0 order as the numbers do. */
function scoreBits(scores: Float32Array): Uint32Array {
  return new Uint32Array(scores.buffer, scores.byteOffset, scores.length);
}

/** The `count` best candidates, still in anchor order; of those that tie for the last places the first ones. */
export function bestCandidates(candidates: Candidates, count: number): Candidates {
  const bits = scoreBits(candidates.scores);
  const { threshold, ties } = selectBits(bits, count);
  const kept = emptyCandidates(count);
  for (let i = 0, to = 0, tiesLeft = ties; i < bits.length; i++) {
    if (bits[i]! < threshold) continue;
    if (bits[i] === threshold && tiesLeft-- <= 0) continue;
    kept.scores[to] = candidates.scores[i]!;
    kept.anchors[to] = candidates.anchors[i]!;
    kept.classes[to] = candidates.classes[i]!;
    to++;
  }
  return kept;
}

/** The `count`-th largest value and how many values equal to it belong to the `count` largest: two rounds of 16-bit counting. */
function selectBits(bits: Uint32Array, count: number): { threshold: number; ties: number } {
  const histogram = new Uint32Array(1 << 16);
  for (const value of bits) histogram[value >>> 16] = histogram[value >>> 16]! + 1;
  let left = count;
  let high = (1 << 16) - 1;
  for (; histogram[high]! < left; high--) left -= histogram[high]!;
  histogram.fill(0);
  for (const value of bits) if (value >>> 16 === high) histogram[value & 0xffff] = histogram[value & 0xffff]! + 1;
  let low = (1 << 16) - 1;
  for (; histogram[low]! < left; low--) left -= histogram[low]!;
  return { threshold: high * (1 << 16) + low, ties: left };
}

/** Scores are ordered by 11 bits at a time; a score of at most 1 has 30. */
const RADIX_BITS = 11;
const RADIX = 1 << RADIX_BITS;

/** Candidate numbers, best score first, equal scores in their order: a radix sort of the scores' bits. */
export function orderByScore(scores: Float32Array): Int32Array {
  const count = scores.length;
  const bits = scoreBits(scores);
  let from = Int32Array.from({ length: count }, (_, i) => i);
  let to = new Int32Array(count);
  const places = new Int32Array(RADIX + 1);
  for (let shift = 0; shift < 32; shift += RADIX_BITS) {
    places.fill(0);
    // Large digits come first.
    for (let i = 0; i < count; i++) {
      const digit = RADIX - 1 - ((bits[i]! >>> shift) & (RADIX - 1));
      places[digit + 1] = places[digit + 1]! + 1;
    }
    for (let digit = 0; digit < RADIX; digit++) places[digit + 1] = places[digit + 1]! + places[digit]!;
    for (let i = 0; i < count; i++) {
      const candidate = from[i]!;
      const digit = RADIX - 1 - ((bits[candidate]! >>> shift) & (RADIX - 1));
      const place = places[digit]!;
      places[digit] = place + 1;
      to[place] = candidate;
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Boxes of candidates in an order, as separate coordinates. */
export interface OrderedBoxes {
  readonly count: number;
  /** [count] corners in float32 */
  readonly left: Float32Array;
  readonly top: Float32Array;
  readonly right: Float32Array;
  readonly bottom: Float32Array;
  /** [count] in the precision of double */
  readonly area: Float64Array;
  readonly scores: Float32Array;
  readonly classes: Int32Array;
}

/** @param predictions [4 + classes, anchors]: rows cx, cy, w, h, then scores */
export function orderedBoxes(
  predictions: Float32Array,
  anchors: number,
  candidates: Candidates,
  order: Int32Array,
): OrderedBoxes {
  const count = order.length;
  const boxes = {
    count,
    left: new Float32Array(count),
    top: new Float32Array(count),
    right: new Float32Array(count),
    bottom: new Float32Array(count),
    area: new Float64Array(count),
    scores: new Float32Array(count),
    classes: new Int32Array(count),
  };
  const { left, top, right, bottom, area, scores, classes } = boxes;
  for (let i = 0; i < count; i++) {
    const candidate = order[i]!;
    const anchor = candidates.anchors[candidate]!;
    const centreX = predictions[anchor]!;
    const centreY = predictions[anchors + anchor]!;
    const halfWidth = predictions[2 * anchors + anchor]! / 2;
    const halfHeight = predictions[3 * anchors + anchor]! / 2;
    left[i] = centreX - halfWidth;
    top[i] = centreY - halfHeight;
    right[i] = centreX + halfWidth;
    bottom[i] = centreY + halfHeight;
    area[i] = (right[i]! - left[i]!) * (bottom[i]! - top[i]!);
    scores[i] = candidates.scores[candidate]!;
    classes[i] = candidates.classes[candidate]!;
  }
  return boxes;
}

/** Intersection over union of two rows, 0 where they do not meet. */
export function orderedIou({ left, top, right, bottom, area }: OrderedBoxes, i: number, j: number): number {
  const width = Math.min(right[i]!, right[j]!) - Math.max(left[i]!, left[j]!);
  if (!(width > 0)) return 0;
  const height = Math.min(bottom[i]!, bottom[j]!) - Math.max(top[i]!, top[j]!);
  if (!(height > 0)) return 0;
  const intersection = width * height;
  return intersection / (area[i]! + area[j]! - intersection);
}
