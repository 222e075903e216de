/**
 * Task-aligned assigner (Feng et al. 2021, as YOLOv9 uses it): which anchors learn which object of one image, and how strongly. It works
 * on plain numbers, without a gradient, and only on anchors whose centre lies in a box; no [objects x anchors] table is made.
 *
 * Notation: G objects, A anchors, C classes; overlap o = max(0, CIoU), metric m = score^alpha · o^beta.
 */
import type { AnchorGrid } from "./anchor-grid.js";
import { positiveCiou } from "./ciou.js";

/** What the network says about one image. */
export interface ImagePredictions {
  /** [A, 4] decoded boxes, x1 y1 x2 y2 in pixels. */
  readonly boxes: Float32Array;
  /** [A, C] class logits. */
  readonly logits: Float32Array;
  readonly classCount: number;
  /** [A] logits by whose sigmoid the class scores are multiplied, where the head has them. */
  readonly objectness?: Float32Array;
}

/** What is in one image. */
export interface ImageObjects {
  /** [G, 4] x1 y1 x2 y2 in pixels. */
  readonly boxes: Float32Array;
  /** [G] */
  readonly classes: Int32Array;
}

/** The anchors that learn an object; all others learn background. Parallel arrays of one length. */
export interface Assignment {
  /** Index of the anchor, 0 … A-1. */
  readonly anchors: number[];
  /** Index of its object, 0 … G-1. */
  readonly objects: number[];
  /** Target score of the object's class, 0 … 1: an object's best anchor gets about its best overlap. */
  readonly scores: number[];
}

export interface AssignerOptions {
  /** Anchors that an object may claim. */
  readonly topk?: number;
  /** Exponent of the class score. */
  readonly alpha?: number;
  /** Exponent of the overlap. */
  readonly beta?: number;
}

/** Pairs of an object and an anchor inside its box: object g owns entries start[g] … start[g+1]-1, in ascending order of anchors. */
export interface Candidates {
  readonly start: Int32Array;
  readonly anchors: Int32Array;
}

/** In the order of the candidates. */
export interface CandidateMetrics {
  readonly overlaps: Float64Array;
  readonly metrics: Float32Array;
}

interface Claim {
  readonly object: number;
  readonly overlap: number;
}

/** An anchor that was given to an object. */
export interface Positive {
  readonly anchor: number;
  readonly object: number;
  readonly overlap: number;
  readonly metric: number;
}

const DEFAULT_TOPK = 10;
const DEFAULT_ALPHA = 0.5;
const DEFAULT_BETA = 6;
/** Keeps scores of an object whose metrics are all zero finite. */
export const METRIC_EPSILON = 1e-9;

export class TaskAlignedAssigner {
  readonly topk: number;
  readonly alpha: number;
  readonly beta: number;

  constructor({ topk = DEFAULT_TOPK, alpha = DEFAULT_ALPHA, beta = DEFAULT_BETA }: AssignerOptions = {}) {
    this.topk = topk;
    this.alpha = alpha;
    this.beta = beta;
  }

  /** Assigns the anchors of one image. */
  assign(grid: AnchorGrid, predictions: ImagePredictions, objects: ImageObjects): Assignment {
    const candidates = this.keepInsideBoxes(grid, objects);
    const { overlaps, metrics } = this.candidateMetrics(candidates, predictions, objects);
    const claims = this.selectTopK(candidates, metrics, grid.count);
    const positives = this.resolveConflicts(claims, candidates, overlaps, predictions, objects);
    return this.normaliseScores(positives, objects.classes.length);
  }

  /**
   * Anchors whose centre lies inside each box. An object so small that no centre lies in it has none and learns nothing. Rows whose
   * four coordinates do not sum to more than zero are padding.
   */
  keepInsideBoxes(grid: AnchorGrid, { boxes, classes }: ImageObjects): Candidates {
    const count = classes.length;
    const start = new Int32Array(count + 1);
    const anchors: number[] = [];
    for (let g = 0; g < count; g++) {
      const x1 = boxes[4 * g]!;
      const y1 = boxes[4 * g + 1]!;
      const x2 = boxes[4 * g + 2]!;
      const y2 = boxes[4 * g + 3]!;
      if (x1 + y1 + x2 + y2 > 0) grid.forEachInside(x1, y1, x2, y2, (anchor) => anchors.push(anchor));
      start[g + 1] = anchors.length;
    }
    return { start, anchors: new Int32Array(anchors) };
  }

  /** Overlap o and metric m of every candidate pair, in the order of the candidates. */
  candidateMetrics(
    { start, anchors }: Candidates,
    predictions: ImagePredictions,
    objects: ImageObjects,
  ): CandidateMetrics {
    const overlaps = new Float64Array(anchors.length);
    const metrics = new Float32Array(anchors.length);
    for (let g = 0; g + 1 < start.length; g++) {
      for (let c = start[g]!; c < start[g + 1]!; c++) {
        const overlap = positiveCiou(objects.boxes, g, predictions.boxes, anchors[c]!);
        overlaps[c] = overlap;
        metrics[c] = this.#metric(overlap, anchors[c]!, g, predictions, objects);
      }
    }
    return { overlaps, metrics };
  }

  /**
   * The best `topk` anchors of each object. When fewer have a metric above zero, the remaining choices fall on anchors of metric zero
   * from index 0 upwards, of all levels, and only those inside the box count: such an anchor has no weight in the loss, but takes part
   * in conflicts.
   * @returns positions among the candidates, object by object
   */
  selectTopK({ start, anchors }: Candidates, metrics: Float32Array, anchorCount: number): number[] {
    const claims: number[] = [];
    const best = new Int32Array(this.topk);
    for (let g = 0; g + 1 < start.length; g++) {
      const from = start[g]!;
      const to = start[g + 1]!;
      if (from === to) continue;
      const found = this.#largest(metrics, from, to, best);
      for (let i = 0; i < found; i++) claims.push(best[i]!);
      let free = Math.min(this.topk, anchorCount) - found;
      for (let anchor = 0, c = from; free > 0 && anchor < anchorCount; anchor++) {
        const inside = c < to && anchors[c] === anchor;
        if (inside && metrics[c++]! > 0) continue;
        if (inside) claims.push(c - 1);
        free--;
      }
    }
    return claims;
  }

  /**
   * Positions of the `topk` largest metrics above zero in from … to-1; of equal ones the first.
   * @param best receives them, the largest first
   * @returns how many there are
   */
  #largest(metrics: Float32Array, from: number, to: number, best: Int32Array): number {
    let found = 0;
    for (let c = from; c < to; c++) {
      const metric = metrics[c]!;
      if (!(metric > 0)) continue;
      if (found === this.topk && metric <= metrics[best[found - 1]!]!) continue;
      let place = found < this.topk ? found++ : found - 1;
      for (; place > 0 && metrics[best[place - 1]!]! < metric; place--) best[place] = best[place - 1]!;
      best[place] = c;
    }
    return found;
  }

  /**
   * An anchor that several objects claim goes to the one that it overlaps most, of all objects of the image, even one that did not claim
   * it; of equal ones to the first.
   * @param claims positions among the candidates
   */
  resolveConflicts(
    claims: readonly number[],
    { start, anchors }: Candidates,
    overlaps: Float64Array,
    predictions: ImagePredictions,
    objects: ImageObjects,
  ): Positive[] {
    const owner = new Map<number, Claim>();
    let g = 0;
    for (const c of claims) {
      while (c >= start[g + 1]!) g++;
      const anchor = anchors[c]!;
      owner.set(anchor, owner.has(anchor) ? CONTESTED : { object: g, overlap: overlaps[c]! });
    }
    return Array.from(owner, ([anchor, claim]) => {
      const { object, overlap } = claim === CONTESTED ? this.#mostOverlapping(anchor, predictions, objects) : claim;
      return { anchor, object, overlap, metric: this.#metric(overlap, anchor, object, predictions, objects) };
    });
  }

  #mostOverlapping(anchor: number, predictions: ImagePredictions, objects: ImageObjects): Claim {
    let best = { object: 0, overlap: -1 };
    for (let object = 0; object < objects.classes.length; object++) {
      const overlap = positiveCiou(objects.boxes, object, predictions.boxes, anchor);
      if (overlap > best.overlap) best = { object, overlap };
    }
    return best;
  }

  /** Metrics scaled so that each object's largest becomes its largest overlap. */
  normaliseScores(positives: readonly Positive[], objectCount: number): Assignment {
    const largestMetric = new Float32Array(objectCount);
    const largestOverlap = new Float32Array(objectCount);
    for (const { object, metric, overlap } of positives) {
      largestMetric[object] = Math.max(largestMetric[object]!, metric);
      largestOverlap[object] = Math.max(largestOverlap[object]!, overlap);
    }
    return {
      anchors: positives.map(({ anchor }) => anchor),
      objects: positives.map(({ object }) => object),
      scores: positives.map(
        ({ object, metric }) => (metric * largestOverlap[object]!) / (largestMetric[object]! + METRIC_EPSILON),
      ),
    };
  }

  #metric(
    overlap: number,
    anchor: number,
    object: number,
    predictions: ImagePredictions,
    objects: ImageObjects,
  ): number {
    if (overlap === 0) return 0;
    const { logits, classCount, objectness } = predictions;
    const score = sigmoid(logits[anchor * classCount + objects.classes[object]!]!);
    const quality = objectness === undefined ? 1 : sigmoid(objectness[anchor]!);
    return power(score * quality, this.alpha) * power(overlap, this.beta);
  }
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

const CONTESTED: Claim = { object: -1, overlap: -1 };

/** base^exponent; the two exponents of the published recipe go around Math.pow, which is several times slower. */
function power(base: number, exponent: number): number {
  if (exponent === DEFAULT_ALPHA) return Math.sqrt(base);
  if (exponent === DEFAULT_BETA) return base * base * base * (base * base * base);
  return base ** exponent;
}
