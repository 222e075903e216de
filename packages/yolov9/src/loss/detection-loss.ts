/**
 * The training loss of a detector: lead head plus weighted auxiliary heads (PGI), each with an assignment of its own. Which heads there
 * are is read from the model's output, so a model without an auxiliary branch needs no other loss.
 */
import { scope, stack } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { headLoss } from "./head-loss.js";
import type { HeadLoss, HeadShape } from "./head-loss.js";
import { objectsOfImages } from "./targets.js";
import type { Targets } from "./targets.js";
import { TaskAlignedAssigner } from "./task-aligned-assigner.js";
import type { AssignerOptions } from "./task-aligned-assigner.js";

/** Factors of the three terms. */
export interface LossGains {
  readonly box: number;
  readonly cls: number;
  readonly dfl: number;
}

/** A model's raw levels, [B, 4 * regMax + C, H, W] each; `auxiliaries` is empty for a model without (or in evaluation). */
export interface DetectionOutputs {
  readonly lead: readonly Tensor[];
  readonly auxiliaries: readonly (readonly Tensor[])[];
}

export interface DetectionLossOptions extends HeadShape {
  readonly gains?: LossGains;
  /** Weight of each auxiliary head next to the lead head's 1. */
  readonly auxiliaryWeight?: number;
  readonly assigner?: AssignerOptions;
}

/** The three terms as numbers, gains and auxiliary heads included, so that their sum times the batch is the total. */
export type LossItems = LossGains;

export interface LossResult {
  /** Scalar to call backward on: the weighted sum of the terms times the number of images. */
  readonly total: Tensor;
  readonly items: LossItems;
}

export const DEFAULT_GAINS: LossGains = { box: 7.5, cls: 0.5, dfl: 1.5 };
export const DEFAULT_AUXILIARY_WEIGHT = 0.25;

export class DetectionLoss {
  readonly gains: LossGains;
  readonly auxiliaryWeight: number;
  readonly assigner: TaskAlignedAssigner;
  readonly #shape: HeadShape;

  constructor(options: DetectionLossOptions) {
    this.gains = options.gains ?? DEFAULT_GAINS;
    this.auxiliaryWeight = options.auxiliaryWeight ?? DEFAULT_AUXILIARY_WEIGHT;
    this.assigner = new TaskAlignedAssigner(options.assigner);
    this.#shape = { classCount: options.classCount, strides: options.strides, regMax: options.regMax };
  }

  /** @throws Error when a target names a class or an image that does not exist */
  compute(outputs: DetectionOutputs, targets: Targets): LossResult {
    return scope(() => {
      const objects = objectsOfImages(targets, this.#shape.classCount);
      const ofHead = (levels: readonly Tensor[]) => this.#terms(headLoss(levels, objects, this.assigner, this.#shape));
      const lead = ofHead(outputs.lead);
      const terms = outputs.auxiliaries.reduce(
        (sum, levels) => sum.add(ofHead(levels).mul(this.auxiliaryWeight)),
        lead,
      );
      const [box, cls, dfl] = terms.detach().toArray();
      return {
        total: terms.sum().mul(targets.imageCount),
        items: { box: Number(box), cls: Number(cls), dfl: Number(dfl) },
      };
    });
  }

  /** [3] box, class and distribution term of a head times their gains. */
  #terms({ box, cls, dfl }: HeadLoss): Tensor {
    const none = cls.detach().mul(0);
    return stack([box?.mul(this.gains.box) ?? none, cls.mul(this.gains.cls), dfl?.mul(this.gains.dfl) ?? none]);
  }
}
