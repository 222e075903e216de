/**
 * The training loss of a detector: lead head plus weighted auxiliary heads (PGI), and who decides which anchors each of them learns
 * from. Which heads there are is read from the model's output, so a model without an auxiliary branch needs no other loss.
 */
import { scope, stack } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import type { DetectionModel } from "../model/detection-model.js";
import type { Guidance } from "../model/guidance.js";
import { assignDensely, type DenseAssignment } from "./dense-assignment.js";
import { denseHeadLoss } from "./dense-head-loss.js";
import { denseTargets } from "./dense-targets.js";
import { assignAnchors, type Foreground } from "./foreground.js";
import { headLoss, type HeadLoss } from "./head-loss.js";
import { flatPredictions, type FlatPredictions, type HeadShape } from "./predictions.js";
import { objectsOfImages, type Targets } from "./targets.js";
import { TaskAlignedAssigner, type AssignerOptions } from "./task-aligned-assigner.js";

/** Factors of the three terms. */
export interface LossGains {
  readonly box: number;
  readonly cls: number;
  readonly dfl: number;
}

/** A model's raw levels, [B, 4 * regMax + C (+ 1), H, W] each; `auxiliaries` is empty for a model without (or in evaluation). */
export interface DetectionOutputs {
  readonly lead: readonly Tensor[];
  readonly auxiliaries: readonly (readonly Tensor[])[];
}

/** Of each auxiliary head next to the lead head's 1: constant, or from `start` to `end` in a straight line over the training. */
export type AuxiliaryWeight = number | { readonly start: number; readonly end: number };

export interface DetectionLossOptions extends HeadShape {
  readonly gains?: LossGains | undefined;
  readonly auxiliaryWeight?: AuxiliaryWeight | undefined;
  readonly assigner?: AssignerOptions | undefined;
  readonly guidance?: Guidance | undefined;
  /** Which of the auxiliary heads is the coarse one; needed for coarse-to-fine guidance. */
  readonly coarseHead?: number | undefined;
}

/** The three terms as numbers, gains and auxiliary heads included, so that their sum times the batch is the total. */
export type LossItems = LossGains;

/** What a batch loses. */
export class LossResult {
  /** Scalar to call backward on: the weighted sum of the terms times the number of images. */
  readonly total: Tensor;
  /** [3] box, classes and distribution without a gradient, gains and auxiliary heads included. */
  readonly terms: Tensor;

  constructor(total: Tensor, terms: Tensor) {
    this.total = total;
    this.terms = terms;
  }

  /** The terms as numbers; a GPU is waited for. */
  get items(): LossItems {
    return lossItems(Array.from(this.terms.toArray(), Number));
  }
}

export function lossItems([box, cls, dfl]: readonly number[]): LossItems {
  return { box: box!, cls: cls!, dfl: dfl! };
}

export const DEFAULT_GAINS: LossGains = { box: 7.5, cls: 0.5, dfl: 1.5 };
const DEFAULT_AUXILIARY_WEIGHT = 0.25;

/** Anchors that an object may claim in a head whose boxes are used without suppression. */
const ONE_TO_ONE = 1;

/** A way to choose what anchors learn and to tell what a head loses by it. */
interface Method<Assignment> {
  assign(predictions: FlatPredictions, assigner: TaskAlignedAssigner): Assignment;
  loss(predictions: FlatPredictions, assignment: Assignment): HeadLoss;
}

/** The assignments of all heads of a batch. */
interface Guided<Assignment> {
  readonly lead: Assignment;
  readonly auxiliaries: readonly Assignment[];
}

export class DetectionLoss {
  readonly gains: LossGains;
  readonly assigner: TaskAlignedAssigner;
  readonly #shape: HeadShape;
  readonly #guidance: Guidance;
  readonly #coarseHead: number | undefined;
  readonly #oneToOne: TaskAlignedAssigner;
  readonly #auxiliaryWeight: AuxiliaryWeight;
  #progress = 0;

  /** @throws Error for coarse-to-fine guidance without a coarse head */
  constructor(options: DetectionLossOptions) {
    const { gains, auxiliaryWeight, assigner, guidance = "independent", coarseHead, ...shape } = options;
    this.gains = gains ?? DEFAULT_GAINS;
    this.assigner = new TaskAlignedAssigner(assigner);
    this.#oneToOne = new TaskAlignedAssigner({ ...assigner, topk: ONE_TO_ONE });
    this.#shape = shape;
    this.#guidance = guidance;
    this.#coarseHead = coarseHead;
    this.#auxiliaryWeight = auxiliaryWeight ?? DEFAULT_AUXILIARY_WEIGHT;
  }

  /** Says how far training is, 0 … 1, for an auxiliary weight that changes. */
  set progress(fraction: number) {
    this.#progress = fraction;
  }

  /** Of each auxiliary head, now. */
  get auxiliaryWeight(): number {
    if (typeof this.#auxiliaryWeight === "number") return this.#auxiliaryWeight;
    const { start, end } = this.#auxiliaryWeight;
    return start + (end - start) * this.#progress;
  }

  /**
   * On the CPU the assigner looks only at anchors inside boxes and the loss only at those that were assigned; elsewhere everything
   * happens on whole tensors.
   * @throws Error when a target names a class or an image that does not exist
   */
  compute(outputs: DetectionOutputs, targets: Targets): LossResult {
    const { device } = outputs.lead[0]!;
    const { classCount, regMax } = this.#shape;
    if (device !== "cpu") return this.computeDense(outputs, denseTargets(targets, classCount, device));
    const objects = objectsOfImages(targets, classCount);
    return this.#compute<Foreground>(outputs, {
      assign: (predictions, assigner) => assignAnchors(predictions, objects, assigner, this.#shape),
      loss: (predictions, foreground) => headLoss(predictions, foreground, regMax),
    });
  }

  /**
   * The same without anything that a device must be waited for, on any device.
   * @param objects [B, G, 5] from `denseTargets`
   */
  computeDense(outputs: DetectionOutputs, objects: Tensor): LossResult {
    return this.#compute<DenseAssignment>(outputs, {
      assign: (predictions, assigner) => assignDensely(predictions, objects, assigner),
      loss: (predictions, assignment) => denseHeadLoss(predictions, assignment, this.#shape.regMax),
    });
  }

  #compute<Assignment>(outputs: DetectionOutputs, method: Method<Assignment>): LossResult {
    const { total, terms } = scope(() => {
      const lead = flatPredictions(outputs.lead, this.#shape);
      const auxiliaries = outputs.auxiliaries.map((levels) => flatPredictions(levels, this.#shape));
      const guided = this.#guide(lead, auxiliaries, (...given) => method.assign(...given));
      const ofHead = (predictions: FlatPredictions, assignment: Assignment): Tensor =>
        this.#terms(method.loss(predictions, assignment));
      const sum = auxiliaries.reduce(
        (terms, predictions, i) => terms.add(ofHead(predictions, guided.auxiliaries[i]!).mul(this.auxiliaryWeight)),
        ofHead(lead, guided.lead),
      );
      return { total: sum.sum().mul(outputs.lead[0]!.shape[0]!), terms: sum.detach() };
    });
    return new LossResult(total, terms);
  }

  #guide<Assignment>(
    lead: FlatPredictions,
    auxiliaries: readonly FlatPredictions[],
    assign: Method<Assignment>["assign"],
  ): Guided<Assignment> {
    const by = (predictions: FlatPredictions, assigner = this.assigner): Assignment => assign(predictions, assigner);
    switch (this.#guidance) {
      case "independent":
        return { lead: by(lead), auxiliaries: auxiliaries.map((predictions) => by(predictions)) };
      case "lead": {
        const guide = by(lead);
        return { lead: guide, auxiliaries: auxiliaries.map(() => guide) };
      }
      case "coarse-to-fine": {
        const fine = by(lead, this.#oneToOne);
        if (auxiliaries.length === 0) return { lead: fine, auxiliaries: [] };
        const coarse = auxiliaries[this.#coarseHead ?? -1];
        if (coarse === undefined) throw new Error(NO_COARSE_HEAD);
        const guide = by(coarse);
        return { lead: fine, auxiliaries: auxiliaries.map(() => guide) };
      }
    }
  }

  /** [3] box, class and distribution term of a head times their gains. */
  #terms({ box, cls, dfl }: HeadLoss): Tensor {
    const none = cls.detach().mul(0);
    return stack([box?.mul(this.gains.box) ?? none, cls.mul(this.gains.cls), dfl?.mul(this.gains.dfl) ?? none]);
  }
}

const NO_COARSE_HEAD =
  "coarse-to-fine guidance needs an auxiliary head on the same features as the lead head (the coarse one), as yolov9-cf has";

/**
 * The loss that belongs to a model: its outputs' shape, and its guidance and auxiliary weight unless others are given.
 * @throws Error when the guidance needs a head that the model does not have
 */
export function lossOfModel(
  model: DetectionModel,
  options: Omit<DetectionLossOptions, keyof HeadShape | "coarseHead"> = {},
): DetectionLoss {
  const { classCount, strides, regMax, objectness, coarseHead, spec, hasAuxiliary } = model;
  const guidance = options.guidance ?? spec.guidance;
  if (guidance === "coarse-to-fine" && hasAuxiliary && coarseHead === undefined) {
    throw new Error(`${spec.name}: ${NO_COARSE_HEAD}`);
  }
  const auxiliaryWeight = options.auxiliaryWeight ?? spec.auxiliaryWeight;
  return new DetectionLoss({
    ...options,
    classCount,
    strides,
    regMax,
    objectness,
    guidance,
    auxiliaryWeight,
    coarseHead,
  });
}
