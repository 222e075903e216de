/**
 * The loss of one detection head (head-loss.ts) over all anchors at once, those of background with weight zero: nothing depends on how
 * many anchors learn an object, so nothing has to be waited for. A test holds the two equal.
 */
import { cat } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { ciou } from "./ciou.js";
import { boxesFromDistances, type DenseAssignment } from "./dense-assignment.js";
import { expectedDistance, LAST_BIN_MARGIN } from "./distribution-focal-loss.js";
import type { HeadLoss } from "./head-loss.js";
import type { FlatPredictions } from "./predictions.js";

export function denseHeadLoss(predictions: FlatPredictions, assignment: DenseAssignment, regMax: number): HeadLoss {
  const { classes, objectness } = predictions;
  const { scores } = assignment;
  const scoreSum = scores.sum().clamp_min(1);
  const ofObjects = classes.gather(2, assignment.classes.unsqueeze(2)).squeeze(2);
  const cls =
    objectness === undefined
      ? classes.softplus().sum().sub(ofObjects.mul(scores).sum())
      : qualityLoss(objectness.squeeze(2), scores).add(classes.softplus().sum([2]).sub(ofObjects).mul(scores).sum());
  return { cls: cls.div(scoreSum), ...boxLosses(predictions.boxes, assignment, scores.div(scoreSum), regMax) };
}

function qualityLoss(logits: Tensor, scores: Tensor): Tensor {
  return logits.softplus().sub(logits.mul(scores)).sum();
}

function boxLosses(
  boxes: Tensor,
  { boxes: targets, anchors }: DenseAssignment,
  weights: Tensor,
  regMax: number,
): { box: Tensor; dfl: Tensor } {
  const logProbabilities = boxes.view([boxes.shape[0]!, boxes.shape[1]!, 4, regMax]).log_softmax(-1);
  const predicted = boxesFromDistances(anchors, expectedDistance(logProbabilities.exp()));
  return {
    box: ciou(predicted, targets).rsub(1).mul(weights).sum(),
    dfl: focalLoss(logProbabilities, distancesToSides(targets, anchors), regMax).mul(weights).sum(),
  };
}

/** [B, A, 4] distances from each anchor to the left, top, right and bottom of its object. */
function distancesToSides(boxes: Tensor, anchors: Tensor): Tensor {
  return cat([anchors.sub(boxes.narrow(2, 0, 2)), boxes.narrow(2, 2, 2).sub(anchors)], 2);
}

/** [B, A] cross-entropy with the two bins next to each distance, averaged over the four sides. */
function focalLoss(logProbabilities: Tensor, distances: Tensor, regMax: number): Tensor {
  const bounded = distances.clamp(0, regMax - 1 - LAST_BIN_MARGIN);
  const left = bounded.floor();
  const bin = left.to({ dtype: "int64" }).unsqueeze(3);
  const share = bounded.sub(left);
  const [ofLeft, ofRight] = [logProbabilities.gather(3, bin), logProbabilities.gather(3, bin.add(1))];
  return ofLeft.squeeze(3).mul(share.rsub(1)).add(ofRight.squeeze(3).mul(share)).mean([2]).neg();
}
