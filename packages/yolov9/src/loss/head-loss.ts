/**
 * The loss of one detection head: box, class and distribution terms over its own assignment, without gains. Only what has to be
 * differentiated happens on tensors, and of the boxes only those of the assigned anchors.
 */
import { cat, noGrad, tensor } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { AnchorGrid } from "./anchor-grid.js";
import { ciou } from "./ciou.js";
import { distributionFocalLoss, expectedDistance, twoBinDistribution } from "./distribution-focal-loss.js";
import type { ImageObjects, TaskAlignedAssigner } from "./task-aligned-assigner.js";

export interface HeadShape {
  readonly classCount: number;
  /** Pixels a cell, level by level. */
  readonly strides: readonly number[];
  /** Bins of the distance distribution of a side. */
  readonly regMax: number;
}

/** Scalars with a gradient, each divided by the sum of the target scores. */
export interface HeadLoss {
  readonly box: Tensor | undefined;
  readonly cls: Tensor;
  readonly dfl: Tensor | undefined;
}

/** A head's raw output with all levels in one row of anchors. */
interface FlatPredictions {
  /** [B, A, 4 * regMax] */
  readonly boxes: Tensor;
  /** [B, A, C] */
  readonly classes: Tensor;
  readonly grid: AnchorGrid;
}

/** The assigned anchors of all images, as parallel lists of length F. */
interface Foreground {
  /** Row of the anchor among the B * A of the batch. */
  readonly rows: number[];
  /** Position of the object's class logit among the B * A * C. */
  readonly logits: number[];
  readonly scores: number[];
  /** [F * 4] x y x y of the anchor in cells. */
  readonly anchors: number[];
  /** [F * 4] x1 y1 x2 y2 of the object in cells of the anchor's level. */
  readonly boxes: number[];
}

/**
 * @param levels raw output, [B, 4 * regMax + C, H, W] a level
 * @param objects what each of the B images contains
 * @returns box and dfl are undefined when no anchor was assigned
 */
export function headLoss(
  levels: readonly Tensor[],
  objects: readonly ImageObjects[],
  assigner: TaskAlignedAssigner,
  shape: HeadShape,
): HeadLoss {
  const predictions = flattenLevels(levels, shape);
  const foreground = assignAnchors(predictions, objects, assigner, shape);
  const scoreSum = Math.max(
    foreground.scores.reduce((sum, score) => sum + score, 0),
    1,
  );
  return {
    cls: classLoss(predictions.classes, foreground).div(scoreSum),
    ...(foreground.rows.length === 0 ? NO_BOXES : boxLosses(predictions.boxes, foreground, scoreSum, shape.regMax)),
  };
}

const NO_BOXES = { box: undefined, dfl: undefined };

function flattenLevels(levels: readonly Tensor[], { classCount, strides, regMax }: HeadShape): FlatPredictions {
  const parts = levels.map((level) => level.split_with_sizes([4 * regMax, classCount], 1).map(anchorsFirst));
  return {
    boxes: cat(parts.map(([boxes]) => boxes!), 1), // prettier-ignore
    classes: cat(parts.map(([, classes]) => classes!), 1), // prettier-ignore
    grid: new AnchorGrid(levels.map(({ shape }) => ({ height: shape[2]!, width: shape[3]! })), strides), // prettier-ignore
  };
}

/** [B, C, H, W] → [B, H * W, C] in float32. */
function anchorsFirst(level: Tensor): Tensor {
  const [batch, channels] = level.shape;
  return level.permute([0, 2, 3, 1]).reshape([batch!, -1, channels!]).to({ dtype: "float32" });
}

/** Runs the assigner on every image, without a gradient. */
function assignAnchors(
  { boxes, classes, grid }: FlatPredictions,
  objects: readonly ImageObjects[],
  assigner: TaskAlignedAssigner,
  { classCount, regMax }: HeadShape,
): Foreground {
  const foreground: Foreground = { rows: [], logits: [], scores: [], anchors: [], boxes: [] };
  if (objects.every(({ classes: labels }) => labels.length === 0)) return foreground;
  const distances = noGrad(() =>
    floats(expectedDistance(boxes.view([objects.length, grid.count, 4, regMax]).softmax(-1))),
  );
  const logits = floats(classes.detach());
  const decoded = new Float32Array(grid.count * 4);
  objects.forEach((ofImage, image) => {
    if (ofImage.classes.length === 0) return;
    grid.decode(distances.subarray(image * grid.count * 4, (image + 1) * grid.count * 4), decoded);
    const ofPrediction = logits.subarray(image * grid.count * classCount, (image + 1) * grid.count * classCount);
    const assignment = assigner.assign(grid, { boxes: decoded, logits: ofPrediction, classCount }, ofImage);
    assignment.anchors.forEach((anchor, i) => {
      const object = assignment.objects[i]!;
      const stride = grid.stride[anchor]!;
      const row = image * grid.count + anchor;
      foreground.rows.push(row);
      foreground.logits.push(row * classCount + ofImage.classes[object]!);
      foreground.scores.push(assignment.scores[i]!);
      for (let side = 0; side < 4; side++) {
        foreground.anchors.push((side % 2 === 0 ? grid.x[anchor]! : grid.y[anchor]!) / stride);
        foreground.boxes.push(ofImage.boxes[4 * object + side]! / stride);
      }
    });
  });
  return foreground;
}

/**
 * Binary cross-entropy of every anchor and class, summed. With target t and logit x it is softplus(x) - t·x, and t is zero but for the
 * assigned anchors' own class, so no table of targets is needed.
 */
function classLoss(classes: Tensor, { logits, scores }: Foreground): Tensor {
  const everywhere = classes.softplus().sum();
  if (logits.length === 0) return everywhere;
  const { device } = classes;
  const assigned = classes.view([-1]).index_select(0, tensor(new Int32Array(logits), { device }));
  return everywhere.sub(assigned.mul(tensor(new Float32Array(scores), { device })).sum());
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
  const on = (values: ArrayLike<number>, ...dimensions: number[]) =>
    tensor(new Float32Array(values), { shape: dimensions, device });
  const distributions = boxes
    .view([-1, 4 * regMax])
    .index_select(0, tensor(new Int32Array(foreground.rows), { device }))
    .view([count, 4, regMax]);
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

function floats(values: Tensor): Float32Array {
  const array = values.toArray();
  if (!(array instanceof Float32Array)) throw new Error(`expected float32 predictions, got ${values.dtype}`);
  return array;
}
