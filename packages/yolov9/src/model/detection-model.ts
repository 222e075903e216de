/**
 * A detection model that runs: the rows of a model file as modules, their order of execution, and the decoding of raw outputs into
 * boxes. It knows nothing of losses, published names or export.
 */
import { Module, checkpointActivations, decodeLevels, scope, shapesOnly, type DType, type Tensor } from "@yolov9/torch";
import { MOST_CLASSES } from "../class-limit.js";
import { messageOf } from "../error-message.js";
import { AnchorCache } from "./anchors.js";
import type { Activation } from "./activation.js";
import { withinBudget } from "./blocks/budget.js";
import type { FeatureBlock, Head, MultiFeatureBlock } from "./blocks/registry.js";
import { planModel, rowError, type ModelPlan, type PlannedRow } from "./plan.js";
import { IMAGE, type ModelSpec, type SectionName } from "./spec.js";

export interface BuildOptions {
  /** Default: the number of `names`, else that of the model file. */
  classCount?: number | undefined;
  /** Class names. Default: "0", "1", … */
  names?: readonly string[] | undefined;
  activation?: Activation | undefined;
}

/** Raw outputs of the heads, levels finest first: [B, 4 · regMax + classCount (+ 1 with objectness), H / stride, W / stride]. */
export interface ModelOutputs {
  lead: Tensor[];
  /** One list a head of the auxiliary section; empty without. */
  auxiliaries: Tensor[][];
}

interface StepCommon {
  readonly name: string;
  readonly section: SectionName;
  readonly from: readonly string[];
}

interface FeatureStep extends StepCommon {
  readonly kind: "feature";
  readonly block: FeatureBlock;
}

interface FeaturesStep extends StepCommon {
  readonly kind: "features";
  readonly block: MultiFeatureBlock;
}

export interface HeadStep extends StepCommon {
  readonly kind: "head";
  readonly head: Head;
}

/** One row at work. */
export type Step = FeatureStep | FeaturesStep | HeadStep;

/** The rows of one section by their names. */
class Section extends Module {
  /** @throws Error when a name is one that modules use themselves */
  constructor(steps: readonly Step[]) {
    super();
    for (const step of steps) {
      if (step.name in this) throw new Error(`row "${step.name}": modules have a member of that name; choose another`);
      Object.assign(this, { [step.name]: step.kind === "head" ? step.head : step.block });
    }
  }
}

/** Build it with `buildModel`. */
export class DetectionModel extends Module {
  /** Complete: building it again gives the same architecture. */
  readonly spec: ModelSpec;
  readonly names: readonly string[];
  /** Of the output levels, in pixels a cell, finest first. */
  readonly strides: readonly number[];
  /** Whether batch norms are folded into the convolutions (`fuse`). */
  fused = false;
  /** Whether training keeps only what flows between rows, and computes what is inside a row again in backward; on the CPU only. */
  checkpointing = false;
  readonly backbone: Section;
  readonly neck: Section;
  readonly head: Section;
  readonly auxiliary: Section;
  readonly #steps: readonly Step[];
  readonly #anchors = new AnchorCache();

  constructor(spec: ModelSpec, names: readonly string[], strides: readonly number[], steps: readonly Step[]) {
    super();
    this.spec = spec;
    this.names = names;
    this.strides = strides;
    const section = (name: SectionName) => new Section(steps.filter((step) => step.section === name));
    this.backbone = section("backbone");
    this.neck = section("neck");
    this.head = section("head");
    this.auxiliary = section("auxiliary");
    this.#steps = steps;
  }

  get classCount(): number {
    return this.spec.classCount;
  }

  /** Bins of the distance distribution of a box side. */
  get regMax(): number {
    return this.spec.regMax;
  }

  /** Whether the heads' last channel is an objectness logit. */
  get objectness(): boolean {
    return this.spec.objectness;
  }

  /**
   * Which of the auxiliary heads looks at the same features as the lead head: the coarse one of a coarse-to-fine pair.
   * Undefined when none does.
   */
  get coarseHead(): number | undefined {
    const heads = this.#steps.filter((step) => step.kind === "head");
    const lead = heads.find((step) => step.section === "head");
    const auxiliaries = heads.filter((step) => step.section === "auxiliary");
    const index = auxiliaries.findIndex((step) => step.from.join() === lead?.from.join());
    return index < 0 ? undefined : index;
  }

  get hasAuxiliary(): boolean {
    return this.spec.auxiliary.length > 0;
  }

  /** The rows in the order in which they run, for those who translate a model into something else. */
  get steps(): readonly Step[] {
    return this.#steps;
  }

  /**
   * @param images [B, 3, H, W] RGB in 0..1; H and W are multiples of the largest stride
   * @param options.auxiliary whether the auxiliary rows run; default: while training
   */
  forward(images: Tensor, { auxiliary = this.training }: { auxiliary?: boolean } = {}): ModelOutputs {
    const steps = auxiliary ? this.#steps : this.#steps.filter((step) => step.section !== "auxiliary");
    const features = new Map<string, Tensor>([[IMAGE, images]]);
    const outputs: ModelOutputs = { lead: [], auxiliaries: [] };
    for (const [i, step] of steps.entries()) {
      const inputs = step.from.map((name) => features.get(name)!);
      if (step.kind === "feature") {
        features.set(step.name, this.#run(step.block, inputs, (...features) => [step.block.forward(...features)])[0]!);
      } else if (step.kind === "features") {
        // Not checkpointed: these blocks keep little (CBLinear) or have their own way (ReversibleColumns).
        const several = scope(() => step.block.forward(...inputs));
        several.forEach((feature, output) => features.set(`${step.name}.${output}`, feature));
      } else {
        const levels = this.#run(step.head, inputs, (...features) => step.head.forward(...features));
        if (step.section === "auxiliary") outputs.auxiliaries.push(levels);
        else outputs.lead = levels;
      }
      dropUnneeded(features, steps.slice(i + 1), images);
    }
    return outputs;
  }

  /**
   * Raw levels as boxes and scores.
   * @param levels as `forward` gives them
   * @returns [B, 4 + classCount, A] cx cy w h in input pixels, then scores: sigmoids, times the objectness where the heads have it; float32 when the levels are half precision
   */
  decode(levels: readonly Tensor[]): Tensor {
    const anchors = this.#anchors.get(levels, this.strides, decodingType(levels[0]!.dtype));
    return decodeLevels(levels, anchors, { bins: this.regMax, objectness: this.objectness });
  }

  /** One row, checkpointed where that is wanted and there is something to compute again. */
  #run(module: Module, inputs: readonly Tensor[], forward: (...inputs: Tensor[]) => Tensor[]): Tensor[] {
    const checkpointed = this.checkpointing && this.training && module.children().length > 0;
    return checkpointed ? checkpointActivations(inputs, forward) : scope(() => forward(...inputs));
  }

  /** @throws Error for training mode once the batch norms are folded away */
  override train(mode = true): this {
    if (mode && this.fused)
      throw new Error("a fused model has no batch norms left and cannot be trained; build it anew");
    return super.train(mode);
  }

  override dispose(): void {
    this.#anchors.dispose();
    super.dispose();
  }
}

/**
 * Makes a model with fresh weights, initialised as the published training code does: convolutions uniform (seed them with
 * `manualSeed`), batch norms at identity, biases of the heads so that few objects are predicted.
 * @throws Error when options contradict each other
 */
export function buildModel(spec: ModelSpec, options: BuildOptions = {}): DetectionModel {
  const complete = specialise(spec, options);
  const { names = Array.from({ length: complete.classCount }, (_, i) => String(i)) } = options;
  if (names.length !== complete.classCount) {
    throw new Error(`${names.length} class names were given for ${complete.classCount} classes`);
  }
  const plan = planModel(complete);
  refuseImpossible(complete, plan);
  return new DetectionModel(
    complete,
    names,
    plan.strides,
    plan.rows.map((planned) => buildStep(planned, complete, plan.strides)),
  );
}

function buildStep(planned: PlannedRow, spec: ModelSpec, strides: readonly number[]): Step {
  const { row, section } = planned;
  const common = { name: row.name, section, from: row.from };
  if (planned.kind === "feature") return { ...common, kind: "feature", block: planned.build(spec) };
  if (planned.kind === "features") return { ...common, kind: "features", block: planned.build(spec) };
  const head = planned.build(spec);
  head.initialiseBiases(strides);
  return { ...common, kind: "head", head };
}

/** Makes the model of shapes alone first, so that one of absurd size or impossible widths is refused before it takes memory. */
function refuseImpossible(spec: ModelSpec, { rows, strides }: ModelPlan): void {
  const make = (planned: PlannedRow): Module => {
    try {
      const step = buildStep(planned, spec, strides);
      return step.kind === "head" ? step.head : step.block;
    } catch (error) {
      if (error instanceof TypeError) throw error;
      throw rowError(spec, planned.row, messageOf(error));
    }
  };
  const made = shapesOnly(() => withinBudget(() => rows.map(make)));
  for (const module of made) module.dispose();
}

/** The spec with the options written into it, so that it alone rebuilds the model. */
function specialise(spec: ModelSpec, options: BuildOptions): ModelSpec {
  const { activation = spec.activation } = options;
  const classCount = options.classCount ?? options.names?.length ?? spec.classCount;
  if (!(Number.isInteger(classCount) && classCount >= 1 && classCount <= MOST_CLASSES)) {
    throw new Error(`${spec.name}: a model has 1 to ${MOST_CLASSES} classes, not ${classCount}`);
  }
  return { ...spec, activation, classCount };
}

/** Frees the features that no later row takes, unless they are the caller's. */
function dropUnneeded(features: Map<string, Tensor>, later: readonly Step[], images: Tensor): void {
  for (const [name, feature] of features) {
    if (later.some((step) => step.from.includes(name))) continue;
    features.delete(name);
    // A block may give back its input itself, which then has two names.
    if (feature !== images && ![...features.values()].includes(feature)) feature.dispose();
  }
}

/** Boxes of 640 pixels need more digits than half precision has. */
function decodingType(dtype: DType): DType {
  return dtype === "float16" || dtype === "bfloat16" ? "float32" : dtype;
}
