/**
 * The loss of one detection head: box, class and distribution terms of the anchors that were assigned, without gains. Only what has to
 * be differentiated happens on tensors, and of the boxes only those of the assigned anchors.
 */
import { boxLossSums, crossEntropySum, hasLossKernels, tensor } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { ciou } from "./ciou.js";
import { distributionFocalLoss, expectedDistance, twoBinDistribution } from "./distribution-focal-loss.js";
import type { Foreground } from "./foreground.js";
import type { FlatPredictions } from "./predictions.js";

/** Scalars with a gradient, each divided by the sum of the target scores. */
export interface HeadLoss {
  readonly box: Tensor | undefined;
  /** With objectness, the sum of its term and that of the classes. */
  readonly cls: Tensor;
  readonly dfl: Tensor | undefined;
}

/**
 * @param foreground the anchors that learn objects, all others learn background
 * @returns box and dfl are undefined when no anchor was assigned
 */
export function headLoss(predictions: FlatPredictions, foreground: Foreground, regMax: number): HeadLoss {
  // The clamp keeps a batch without objects finite, for guided heads too.
  const scoreSum = Math.max(
    foreground.scores.reduce((sum, score) => sum + score, 0),
    1,
  );
  const { boxes, classes, objectness } = predictions;
  const cls =
    objectness === undefined
      ? classLoss(classes, foreground)
      : qualityLoss(objectness, foreground).add(assignedClassLoss(classes, foreground));
  return {
    cls: cls.div(scoreSum),
    ...(foreground.rows.length === 0 ? NO_BOXES : boxLosses(boxes, foreground, scoreSum, regMax)),
  };
}

const NO_BOXES = { box: undefined, dfl: undefined };

/**
 * Binary cross-entropy of every anchor and class, summed. With target t and logit x it is softplus(x) - t·x, and t is zero but for the
 * assigned anchors' own class, so no table of targets is needed.
 */
function classLoss(classes: Tensor, foreground: Foreground): Tensor {
  return crossEntropy(classes, objectPositions(foreground, classes.shape[2]!), foreground.scores);
}

/** With objectness: how good the box of any anchor is, zero where it was not assigned. */
function qualityLoss(objectness: Tensor, { rows, scores }: Foreground): Tensor {
  return crossEntropy(objectness, rows, scores);
}

/** With objectness: of the assigned anchors only, which class it is; an anchor counts as much as its target score. */
function assignedClassLoss(classes: Tensor, foreground: Foreground): Tensor {
  const { rows, scores } = foreground;
  if (rows.length === 0) return classes.sum().mul(0);
  const { device } = classes;
  const count = classes.shape[2]!;
  const weights = tensor(new Float32Array(scores), { device });
  const assigned = select(classes.view([-1, count]), rows);
  const ofObjects = select(classes.view([-1]), objectPositions(foreground, count));
  return assigned.softplus().sum([1]).sub(ofObjects).mul(weights).sum();
}

/** Σ softplus(x) − t·x, where t is zero but at the given positions of the flattened logits. */
function crossEntropy(logits: Tensor, positions: Int32Array, targets: Float64Array): Tensor {
  if (hasLossKernels(logits)) return crossEntropySum(logits, positions, new Float32Array(targets));
  const everywhere = logits.softplus().sum();
  if (positions.length === 0) return everywhere;
  const wanted = tensor(new Float32Array(targets), { device: logits.device });
  return everywhere.sub(
    select(logits.view([-1]), positions)
      .mul(wanted)
      .sum(),
  );
}

/** Where the logits of the assigned objects' classes lie among the B * A * C. */
function objectPositions({ rows, classes }: Foreground, classCount: number): Int32Array {
  return rows.map((row, i) => row * classCount + classes[i]!);
}

function select(values: Tensor, positions: Int32Array): Tensor {
  return values.index_select(0, tensor(positions, { device: values.device }));
}

/** Box and distribution terms of the assigned anchors, weighted by their target scores. */
function boxLosses(
  boxes: Tensor,
  foreground: Foreground,
  scoreSum: number,
  regMax: number,
): { box: Tensor; dfl: Tensor } {
  const { device } = boxes;
  const count = foreground.rows.length;
  if (hasLossKernels(boxes)) {
    const weights = new Float32Array(foreground.scores).map((score) => score / scoreSum);
    return boxLossSums(boxes.view([-1, 4 * regMax]), foreground, weights);
  }
  const on = (values: ArrayLike<number>, ...dimensions: number[]) =>
    tensor(new Float32Array(values), { shape: dimensions, device });
  const distributions = select(boxes.view([-1, 4 * regMax]), foreground.rows).view([count, 4, regMax]);
  const logProbabilities = distributions.log_softmax(-1);
  const weights = on(foreground.scores, count).div(scoreSum);

  const predicted = expectedDistance(logProbabilities.exp())
    .mul(on(SIDE_SIGNS, 4))
    .add(on(foreground.anchors, count, 4));
  const overlap = ciou(predicted, on(foreground.boxes, count, 4));
  const targets = twoBinDistribution(distancesToSides(foreground), regMax);
  return {
    box: overlap.rsub(1).mul(weights).sum(),
    dfl: distributionFocalLoss(logProbabilities, on(targets, count, 4, regMax))
      .mul(weights)
      .sum(),
  };
}

/** Left and top lie before the anchor, right and bottom behind it. */
const SIDE_SIGNS = [-1, -1, 1, 1];

/** [F * 4] distances from each anchor to the left, top, right and bottom of its object in cells. */
function distancesToSides({ anchors, boxes }: Foreground): Float32Array {
  const distances = new Float32Array(boxes.length);
  for (let i = 0; i < boxes.length; i++) distances[i] = (boxes[i]! - anchors[i]!) * SIDE_SIGNS[i % 4]!;
  return distances;
}
