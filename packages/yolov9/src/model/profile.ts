/**
 * Size and cost of a model, computed from shapes: nothing is run. Costs are 2 × the multiply-accumulates of all convolutions. As in
 * the published figures, a head's box distribution counts as a convolution from its bins (frozen weights 0, 1 …) to one number.
 */
import { Conv2d, shapesOnly, type Module } from "@yolov9/torch";
import { Conv } from "./blocks/conv.js";
import { SIDES } from "./blocks/detect.js";
import { RepConv } from "./blocks/rep-conv.js";
import { buildModel, DetectionModel, type Step } from "./detection-model.js";
import { planModel, type PlannedRow } from "./plan.js";
import type { ModelSpec, SectionName } from "./spec.js";

const IMAGE_SIZE = 640;
const FLOPS_PER_MAC = 2;
const GIGA = 1e9;

/** The same quantity with and without what only training needs. */
export interface TrainingAndDeploy {
  /** As built: batch norms, RepConv branches, auxiliary section. */
  readonly training: number;
  /** Auxiliary section dropped, batch norms and RepConv branches folded. */
  readonly deploy: number;
}

export interface RowProfile {
  readonly name: string;
  readonly section: SectionName;
  readonly block: string;
  readonly from: readonly string[];
  /** Of the output; for a head, of its levels. */
  readonly channels: readonly number[];
  readonly strides: readonly number[];
  /** `deploy` is what the row costs in fused form, also when it is auxiliary. */
  readonly parameters: TrainingAndDeploy;
  readonly gflops: TrainingAndDeploy;
}

export interface ModelProfile {
  readonly name: string;
  readonly classCount: number;
  /** Side of the square input in pixels. */
  readonly size: number;
  readonly parameters: TrainingAndDeploy;
  readonly gflops: TrainingAndDeploy;
  readonly rows: readonly RowProfile[];
}

/** @param model a model, or the spec of one; of a fused model, the training form is the fused one too */
export function profile(model: ModelSpec | DetectionModel, size = IMAGE_SIZE): ModelProfile {
  if (!(model instanceof DetectionModel)) {
    const built = shapesOnly(() => buildModel(model));
    const result = profile(built, size);
    built.dispose();
    return result;
  }
  const { rows: planned } = planModel(model.spec);
  const rows = planned.map((row, i) => profileRow(row, model.steps[i]!, model, size));
  const deployed = rows.filter((row) => row.section !== "auxiliary");
  const total = (quantity: "parameters" | "gflops"): TrainingAndDeploy => ({
    training: sum(rows.map((row) => row[quantity].training)),
    deploy: sum(deployed.map((row) => row[quantity].deploy)),
  });
  const { name, classCount } = model.spec;
  return { name, classCount, size, parameters: total("parameters"), gflops: total("gflops"), rows };
}

function profileRow(planned: PlannedRow, step: Step, model: DetectionModel, size: number): RowProfile {
  const { name, block, from } = planned.row;
  const levels = levelsOf(planned, step, model);
  return {
    ...{ name, section: planned.section, block, from },
    channels: levels.map(({ channels }) => channels),
    strides: levels.map(({ stride }) => stride),
    ...profileParts(
      levels.map(({ stride, modules }) => ({ modules, positions: (size / stride) ** 2 })),
      step.kind === "head" ? model.regMax : 0,
    ),
  };
}

/** One output of a row, and the modules that work at its resolution. */
interface Level {
  readonly channels: number;
  readonly stride: number;
  readonly modules: readonly Module[];
}

function levelsOf(planned: PlannedRow, step: Step, model: DetectionModel): Level[] {
  if (planned.kind === "feature" && step.kind === "feature") {
    return [{ ...planned.output, modules: [step.block] }];
  }
  if (planned.kind === "features" && step.kind === "features") {
    return planned.outputs.map((output, i) => ({ ...output, modules: step.block.level(i) }));
  }
  if (planned.kind === "head" && step.kind === "head") {
    const channels = SIDES * model.regMax + model.classCount + Number(model.objectness);
    return planned.inputs.map(({ stride }, i) => ({ channels, stride, modules: step.head.level(i) }));
  }
  throw new Error(`row "${planned.row.name}" was planned as ${planned.kind}, but built as ${step.kind}`);
}

/** Modules whose convolutions all give the same number of positions. */
interface Part {
  readonly modules: readonly Module[];
  readonly positions: number;
}

/** @param bins of the box distribution, 0 for rows that are no head */
function profileParts(parts: readonly Part[], bins: number): Pick<RowProfile, "parameters" | "gflops"> {
  const positions = sum(parts.map((part) => part.positions));
  const form = (sizeOf: (module: Module) => Size): { parameters: number; gflops: number } => {
    const sizes = parts.flatMap(({ modules, positions }) =>
      modules.map((module) => ({ ...sizeOf(module), positions })),
    );
    const macs = sum(sizes.map((size) => size.kernels * size.positions)) + SIDES * bins * positions;
    return {
      parameters: bins + sum(sizes.map((size) => size.parameters)),
      gflops: (FLOPS_PER_MAC * macs) / GIGA,
    };
  };
  const training = form(trainingSize);
  const deploy = form(deploySize);
  return {
    parameters: { training: training.parameters, deploy: deploy.parameters },
    gflops: { training: training.gflops, deploy: deploy.gflops },
  };
}

interface Size {
  readonly parameters: number;
  /** Weights of convolution kernels, which is also the multiply-accumulates of one output position. */
  readonly kernels: number;
}

/** What a module has as it is built, itself and below. */
function trainingSize(module: Module): Size {
  return sizeOfTree(module, trainingSize);
}

/** What remains of a module once `fuse` has folded what it can. */
function deploySize(module: Module): Size {
  if (module instanceof RepConv) return foldedSize(module.fused ?? module.spatial!.conv);
  if (module instanceof Conv) return foldedSize(module.conv);
  return sizeOfTree(module, deploySize);
}

/** @param below the size of a module directly below this one */
function sizeOfTree(module: Module, below: (child: Module) => Size): Size {
  const children = module.children().map(([, child]) => below(child));
  const own = module.ownTensors().filter(([, tensor]) => tensor.role === "parameter");
  return {
    parameters: sum(own.map(([, tensor]) => tensor.numel)) + sum(children.map((size) => size.parameters)),
    kernels: (module instanceof Conv2d ? module.weight.numel : 0) + sum(children.map((size) => size.kernels)),
  };
}

function foldedSize({ weight }: Conv2d): Size {
  return { parameters: weight.numel + weight.shape[0]!, kernels: weight.numel };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
