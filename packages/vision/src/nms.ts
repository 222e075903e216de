/**
 * Non-maximum suppression of one picture's predictions: exact and greedy, each class by itself. It stops once enough boxes are kept, so
 * its cost is bounded by candidates x kept boxes. Boxes stay in model-input pixels; `fromLetterbox` takes them to the source.
 */

/** Kept boxes of one picture, best score first. */
export interface Detections {
  /** [count*4] x1 y1 x2 y2 */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly classes: Int32Array;
  readonly count: number;
}

export interface NmsOptions {
  readonly classCount: number;
  /** Number of anchors A, that is of columns of the predictions. */
  readonly anchors: number;
  /** Candidates score strictly more than this. Default 0.001. */
  readonly confidence?: number;
  /** A box is suppressed by a better one that it overlaps by strictly more than this IoU. Default 0.7. */
  readonly iou?: number;
  readonly maxDetections?: number;
  /** Only the best of this many candidates are looked at. Default 30000. */
  readonly maxCandidates?: number;
  /** Whether an anchor may yield a box for each class above `confidence` (default) or for its best class only. */
  readonly multiLabel?: boolean;
  /** Whether boxes suppress those of other classes too. Default false. */
  readonly agnostic?: boolean;
  /** Class numbers to keep. Default all. */
  readonly classes?: readonly number[];
}

/**
 * Suppress overlapping boxes. Equal scores keep their order: by anchor, then by class.
 * @param predictions one picture, [4 + classCount, anchors] channel-major: rows cx, cy, w, h in pixels, then a score row a class
 * @throws RangeError when the length or a threshold does not fit
 */
export function nonMaxSuppression(predictions: Float32Array, options: NmsOptions): Detections {
  checkOptions(predictions, options);
  const { maxDetections = 300, maxCandidates = 30000, iou = 0.7, agnostic = false } = options;
  let candidates =
    options.multiLabel === false ? bestOfEachAnchor(predictions, options) : allLabels(predictions, options);
  if (candidates.scores.length > maxCandidates) candidates = best(candidates, maxCandidates);
  return suppress(predictions, options.anchors, candidates, { iou, maxDetections, agnostic });
}

/** Candidate boxes in anchor order; a candidate is an anchor with one class. */
interface Candidates {
  readonly scores: Float32Array;
  readonly anchors: Int32Array;
  readonly classes: Int32Array;
}

/** So many candidates can be ordered by whole numbers below 2^53: 31 bits of score above 22 bits of position. */
const MOST_CANDIDATES = 1 << 22;

function checkOptions(predictions: Float32Array, options: NmsOptions): void {
  const { classCount, anchors, confidence = 0, iou = 0, maxCandidates = 0, maxDetections = 0 } = options;
  if (predictions.length !== (4 + classCount) * anchors) {
    throw new RangeError(
      `predictions of ${classCount} classes and ${anchors} anchors are ${(4 + classCount) * anchors} numbers ` +
        `(one picture, [4 + classes, anchors]), not ${predictions.length}`,
    );
  }
  if (!(confidence >= 0 && confidence <= 1)) throw new RangeError(`confidence ${confidence} is not within 0 … 1`);
  if (!(iou >= 0 && iou <= 1)) throw new RangeError(`IoU threshold ${iou} is not within 0 … 1`);
  if (!(maxDetections >= 0)) throw new RangeError(`maxDetections ${maxDetections} is negative`);
  if (!(maxCandidates >= 0 && maxCandidates <= MOST_CANDIDATES)) {
    throw new RangeError(`maxCandidates ${maxCandidates} is not within 0 … ${MOST_CANDIDATES}`);
  }
}

/** The threshold in the precision of the scores: a score of float32(0.1) is not above 0.1. */
function scoreThreshold({ confidence = 0.001 }: NmsOptions): number {
  return Math.fround(confidence);
}

/** [classCount] 1 where a class is wanted. */
function wantedClasses({ classCount, classes }: NmsOptions): Uint8Array {
  const wanted = new Uint8Array(classCount).fill(classes === undefined ? 1 : 0);
  for (const wantedClass of classes ?? []) {
    if (wantedClass >= 0 && wantedClass < classCount) wanted[wantedClass] = 1;
  }
  return wanted;
}

/** Every class of every anchor that scores above the threshold, in the order of anchors, then classes. */
function allLabels(predictions: Float32Array, options: NmsOptions): Candidates {
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
function bestOfEachAnchor(predictions: Float32Array, options: NmsOptions): Candidates {
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

function emptyCandidates(length: number): Candidates {
  return { scores: new Float32Array(length), anchors: new Int32Array(length), classes: new Int32Array(length) };
}

/** The bit patterns of scores, which for numbers ≥ 0 order as the numbers do. */
function scoreBits(scores: Float32Array): Uint32Array {
  return new Uint32Array(scores.buffer, scores.byteOffset, scores.length);
}

/** The `count` best candidates, still in anchor order; of those that tie for the last places the first ones. */
function best(candidates: Candidates, count: number): Candidates {
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

/** Candidate numbers, best score first, equal scores in their order. One native sort of whole numbers below 2^53, without a comparator. */
function orderByScore(scores: Float32Array): Float64Array {
  const bits = scoreBits(scores);
  const keys = new Float64Array(bits.length);
  const width = bits.length;
  for (let i = 0; i < keys.length; i++) keys[i] = i - bits[i]! * width;
  keys.sort();
  for (let i = 0; i < keys.length; i++) keys[i] = ((keys[i]! % width) + width) % width;
  return keys;
}

interface SuppressOptions {
  readonly iou: number;
  readonly maxDetections: number;
  readonly agnostic: boolean;
}

function suppress(
  predictions: Float32Array,
  anchors: number,
  candidates: Candidates,
  { iou, maxDetections, agnostic }: SuppressOptions,
): Detections {
  const order = orderByScore(candidates.scores);
  const limit = Math.min(maxDetections, order.length);
  const boxes = new Float32Array(limit * 4);
  const areas = new Float64Array(limit);
  const kept = emptyCandidates(limit);
  // Kept boxes of one class form a chain, so that a candidate meets only boxes that can suppress it.
  const chainOf = new Map<number, number>();
  const next = new Int32Array(limit);
  const box = new Float32Array(4);
  let count = 0;
  for (const candidate of order) {
    if (count === limit) break;
    const label = candidates.classes[candidate]!;
    const group = agnostic ? 0 : label;
    const head = chainOf.get(group) ?? -1;
    readBox(predictions, anchors, candidates.anchors[candidate]!, box);
    const area = (box[2]! - box[0]!) * (box[3]! - box[1]!);
    if (isSuppressed(box, area, boxes, areas, next, head, iou)) continue;
    boxes.set(box, count * 4);
    areas[count] = area;
    kept.scores[count] = candidates.scores[candidate]!;
    kept.classes[count] = label;
    next[count] = head;
    chainOf.set(group, count);
    count++;
  }
  return {
    boxes: boxes.slice(0, count * 4),
    scores: kept.scores.slice(0, count),
    classes: kept.classes.slice(0, count),
    count,
  };
}

/** Corners of an anchor's box in float32. */
function readBox(predictions: Float32Array, anchors: number, anchor: number, box: Float32Array): void {
  const centreX = predictions[anchor]!;
  const centreY = predictions[anchors + anchor]!;
  const halfWidth = predictions[2 * anchors + anchor]! / 2;
  const halfHeight = predictions[3 * anchors + anchor]! / 2;
  box[0] = centreX - halfWidth;
  box[1] = centreY - halfHeight;
  box[2] = centreX + halfWidth;
  box[3] = centreY + halfHeight;
}

/** Whether a kept box of the chain that starts at `head` overlaps `box` by more than `iou`. */
function isSuppressed(
  box: Float32Array,
  area: number,
  boxes: Float32Array,
  areas: Float64Array,
  next: Int32Array,
  head: number,
  iou: number,
): boolean {
  const left = box[0]!;
  const top = box[1]!;
  const right = box[2]!;
  const bottom = box[3]!;
  for (let k = head; k >= 0; k = next[k]!) {
    const width = Math.min(right, boxes[k * 4 + 2]!) - Math.max(left, boxes[k * 4]!);
    if (width <= 0) continue;
    const height = Math.min(bottom, boxes[k * 4 + 3]!) - Math.max(top, boxes[k * 4 + 1]!);
    if (height <= 0) continue;
    const intersection = width * height;
    if (intersection / (area + areas[k]! - intersection) > iou) return true;
  }
  return false;
}
