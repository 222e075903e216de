// The loss by the operators that the published code executes: the assigner on tables of every object with every anchor, boxes and
// distributions of the anchors that its mask chooses. Part of the step that all others are compared with.
import type { Tensor } from "@yolov9/torch";
import {
  assignDensely,
  denseTargets,
  flatPredictions,
  headLoss,
  type DetectionLoss,
  type DetectionModel,
  type DetectionOutputs,
  type Foreground,
  type Targets,
} from "yolov9";

/** @returns what `loss.compute` returns as the total, for a model without guidance by other heads */
export function publishedLoss(
  model: DetectionModel,
  loss: DetectionLoss,
  outputs: DetectionOutputs,
  targets: Targets,
): Tensor {
  const objects = denseTargets(targets, model.classCount, "cpu");
  const { box, cls, dfl } = loss.gains;
  const ofHead = (levels: readonly Tensor[]): Tensor => {
    const predictions = flatPredictions(levels, model);
    const foreground = foregroundOf(assignDensely(predictions, objects, loss.assigner));
    const terms = headLoss(predictions, foreground, model.regMax);
    const total = terms.cls.mul(cls);
    if (terms.box === undefined || terms.dfl === undefined) return total;
    return total.add(terms.box.mul(box)).add(terms.dfl.mul(dfl));
  };
  return outputs.auxiliaries
    .reduce((sum, levels) => sum.add(ofHead(levels).mul(loss.auxiliaryWeight)), ofHead(outputs.lead))
    .mul(targets.imageCount);
}

/** The anchors with a score. */
function foregroundOf({ scores, classes, boxes, anchors }: ReturnType<typeof assignDensely>): Foreground {
  const [batch, count] = scores.shape as [number, number];
  const rows = scores.view([-1]).gt(0).nonzero().squeeze(1);
  const chosen = (values: Tensor, width: number) => values.reshape([-1, width]).index_select(0, rows).toArray();
  const both = anchors.repeat([1, 2]).unsqueeze(0).expand([batch, count, 4]);
  return {
    rows: Int32Array.from(rows.toArray(), Number),
    classes: Int32Array.from(chosen(classes, 1), Number),
    scores: Float64Array.from(chosen(scores, 1), Number),
    anchors: Float32Array.from(chosen(both, 4), Number),
    boxes: Float32Array.from(chosen(boxes, 4), Number),
  };
}
