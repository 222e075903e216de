/**
 * The loss that a configuration asks of a model, and sums of its terms over batches. What the loss is, is in loss/.
 */
import type { TrainConfig } from "../config/index.js";
import { lossOfModel, type DetectionLoss, type LossItems } from "../loss/index.js";
import type { DetectionModel } from "../model/index.js";

export function trainingLoss(config: TrainConfig, model: DetectionModel): DetectionLoss {
  const { box, cls, dfl, assignerTopk, assignerAlpha, assignerBeta } = config;
  const start = config.auxiliaryWeight ?? model.spec.auxiliaryWeight;
  return lossOfModel(model, {
    gains: { box, cls, dfl },
    auxiliaryWeight: { start, end: config.auxiliaryWeightEnd ?? start },
    assigner: { topk: assignerTopk, alpha: assignerAlpha, beta: assignerBeta },
  });
}

export const NO_LOSSES: LossItems = { box: 0, cls: 0, dfl: 0 };

export function sumOfLosses(a: LossItems, b: LossItems): LossItems {
  return { box: a.box + b.box, cls: a.cls + b.cls, dfl: a.dfl + b.dfl };
}

export function scaledLosses({ box, cls, dfl }: LossItems, factor: number): LossItems {
  return { box: box * factor, cls: cls * factor, dfl: dfl * factor };
}
