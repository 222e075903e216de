/**
 * Non-maximum suppression of one picture's predictions, the one place for Node and browser: candidates, in order, through one of the
 * methods. Boxes stay in model-input pixels; `fromLetterbox` takes them to the source.
 */

import { greedyNms } from "./greedy-nms.js";
import { matrixNms } from "./matrix-nms.js";
import {
  allLabels,
  bestCandidates,
  bestOfEachAnchor,
  orderByScore,
  orderedBoxes,
  type OrderedBoxes,
} from "./nms-candidates.js";
import { softNms, type Rescored } from "./soft-nms.js";

/** Kept boxes of one picture, best score first. */
export interface Detections {
  /** [count*4] x1 y1 x2 y2 */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly classes: Int32Array;
  readonly count: number;
}

/**
 * `greedy` drops boxes that overlap better ones; `soft-linear`, `soft-gaussian` and `matrix` lower their scores instead, and what falls to
 * `confidence` is dropped. `none` keeps the best boxes as they are, for models that were trained to give one an object.
 */
export const NMS_METHODS = ["greedy", "soft-linear", "soft-gaussian", "matrix", "none"] as const;
export type NmsMethod = (typeof NMS_METHODS)[number];

export interface NmsOptions {
  readonly classCount: number;
  /** Number of anchors A, that is of columns of the predictions. */
  readonly anchors: number;
  /** Default "greedy". */
  readonly method?: NmsMethod;
  /** Width of the curve by which `soft-gaussian` and `matrix` lower scores. Default 0.5. */
  readonly sigma?: number;
  /** Candidates score strictly more than this. Default 0.001. */
  readonly confidence?: number;
  /** Greedy: a box is suppressed by a better one that it overlaps by strictly more than this IoU; soft-linear: its score falls. Default 0.7. */
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
  const { maxCandidates = 30000 } = options;
  let candidates =
    options.multiLabel === false ? bestOfEachAnchor(predictions, options) : allLabels(predictions, options);
  if (candidates.scores.length > maxCandidates) candidates = bestCandidates(candidates, maxCandidates);
  const boxes = orderedBoxes(predictions, options.anchors, candidates, orderByScore(candidates.scores));
  const { rows, scores } = suppress(boxes, options);
  return detections(boxes, rows, scores);
}

function suppress(boxes: OrderedBoxes, options: NmsOptions): { rows: Int32Array; scores?: Float64Array } {
  const { method = "greedy", maxDetections = 300, iou = 0.7, agnostic = false, sigma = 0.5 } = options;
  const confidence = Math.fround(options.confidence ?? 0.001);
  if (method === "greedy") return { rows: greedyNms(boxes, { iou, maxDetections, agnostic }) };
  if (method === "none") {
    const count = Math.min(boxes.count, Math.floor(maxDetections));
    return { rows: Int32Array.from({ length: count }, (_, row) => row) };
  }
  const common = { sigma, confidence, maxDetections, agnostic };
  const rescored: Record<Exclude<NmsMethod, "greedy" | "none">, () => Rescored> = {
    "soft-linear": () => softNms(boxes, { ...common, iou, decay: "linear" }),
    "soft-gaussian": () => softNms(boxes, { ...common, iou, decay: "gaussian" }),
    matrix: () => matrixNms(boxes, common),
  };
  return rescored[method]();
}

/** The kept rows as they are handed out; with new scores where a method gives them. */
function detections(boxes: OrderedBoxes, rows: Int32Array, scores: Float64Array | undefined): Detections {
  const count = rows.length;
  const corners = new Float32Array(count * 4);
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    corners[i * 4] = boxes.left[row]!;
    corners[i * 4 + 1] = boxes.top[row]!;
    corners[i * 4 + 2] = boxes.right[row]!;
    corners[i * 4 + 3] = boxes.bottom[row]!;
  }
  return {
    boxes: corners,
    scores: scores === undefined ? Float32Array.from(rows, (row) => boxes.scores[row]!) : Float32Array.from(scores),
    classes: Int32Array.from(rows, (row) => boxes.classes[row]!),
    count,
  };
}

/** Far more than any picture yields; memory for more would hardly be wanted. */
const MOST_CANDIDATES = 1 << 22;

function checkOptions(predictions: Float32Array, options: NmsOptions): void {
  const { classCount, anchors, confidence = 0, iou = 0, maxCandidates = 0, maxDetections = 0, sigma = 1 } = options;
  if (predictions.length !== (4 + classCount) * anchors) {
    throw new RangeError(
      `predictions of ${classCount} classes and ${anchors} anchors are ${(4 + classCount) * anchors} numbers ` +
        `(one picture, [4 + classes, anchors]), not ${predictions.length}`,
    );
  }
  if (options.method !== undefined && !NMS_METHODS.includes(options.method)) {
    throw new RangeError(`there is no suppression "${options.method}"; known: ${NMS_METHODS.join(", ")}`);
  }
  if (!(confidence >= 0 && confidence <= 1)) throw new RangeError(`confidence ${confidence} is not within 0 … 1`);
  if (!(iou >= 0 && iou <= 1)) throw new RangeError(`IoU threshold ${iou} is not within 0 … 1`);
  if (!(sigma > 0)) throw new RangeError(`sigma ${sigma} is not above 0`);
  if (!(maxDetections >= 0)) throw new RangeError(`maxDetections ${maxDetections} is negative`);
  if (!(maxCandidates >= 0 && maxCandidates <= MOST_CANDIDATES)) {
    throw new RangeError(`maxCandidates ${maxCandidates} is not within 0 … ${MOST_CANDIDATES}`);
  }
}
