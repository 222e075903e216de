// One training step (forward, loss, backward, optimiser, moving average) on random images and boxes, measured in a process of
// its own, so that peak memory is its own too. What is compared with what is the business of the benches.
import {
  manualSeed,
  allocatorStatistics,
  noGrad,
  profile,
  rand,
  scope,
  SGD,
  withPlainKernels,
  type AllocatorStatistics,
  type MemoryFormat,
  type OperatorTime,
  type Precision,
} from "@yolov9/torch";
import {
  buildModel,
  Conv,
  ExponentialMovingAverage,
  loadModelSpec,
  lossOfModel,
  RepConv,
  withAuxiliary,
  type AuxiliaryOptions,
  type DetectionLoss,
  type DetectionModel,
  type Targets,
} from "yolov9";
import { askChild } from "./child.js";
import { publishedLoss } from "./published-loss.js";
import { seededRandom } from "./random.js";
import { median } from "./statistics.js";

export interface StepOptions {
  model: string;
  size: number;
  batch: number;
  steps: number;
}

/** How a step is done. */
export interface StepVariant {
  precision: Precision;
  channelsLast: boolean;
  /**
   * With what this project adds to libtorch: kernels, losses by lists of anchors, the caching allocator. Without, a step is what the
   * published code does: libtorch's separate operators, an assigner on whole tables, every tensor's memory from the system.
   */
  fused: boolean;
  /** Without batch norms and activations: what convolutions and data movement alone take. Nothing sensible is learned. */
  bare?: boolean;
  /** Another auxiliary branch than the model's own. */
  auxiliary?: AuxiliaryOptions;
}

export const phases = ["forward", "loss", "backward", "optimiser"] as const;
export type Phase = (typeof phases)[number];

/** What the caching allocator did. */
export interface TensorMemory {
  /** In megabytes. */
  peakInUse: number;
  peakHeld: number;
  /** A step, once warm. */
  allocations: number;
  systemAllocations: number;
}

export interface StepMeasurement {
  /** Median milliseconds a step, and of its phases. */
  step: number;
  phases: Record<Phase, number>;
  /** Of the whole process. */
  peakMegabytes: number;
  /** Undefined where the system's allocator is used. */
  tensorMemory: TensorMemory | undefined;
  /** Milliseconds a step of every kind of operator, most first. */
  operators: OperatorTime[];
}

const classes = 3;
const objectsPerImage = 24;
const warmUpSteps = 2;
const warmUpAssignments = 10;
const profiledSteps = 3;

/** Measures in a new process. */
export function measureStep(variant: StepVariant, options: StepOptions): StepMeasurement {
  const environment = { YOLOV9_ALLOCATOR: variant.fused ? "caching" : "system" };
  return askChild("step", { variant, options }, environment) as StepMeasurement;
}

/** Measures in this process what `measureStep` asked for. */
export function answerStep({ variant, options }: { variant: StepVariant; options: StepOptions }): StepMeasurement {
  const run = () => measure(variant, options);
  return variant.fused ? run() : withPlainKernels(run);
}

function measure(variant: StepVariant, { model: name, size, batch, steps }: StepOptions): StepMeasurement {
  manualSeed(0);
  const layout = variant.channelsLast ? "channels_last" : "contiguous";
  const zoo = loadModelSpec(name);
  const spec = variant.auxiliary === undefined ? zoo : withAuxiliary(zoo, variant.auxiliary);
  const build = () => buildModel(spec, { classCount: classes }).to({ memoryFormat: layout });
  const model = build().train();
  if (variant.bare === true) strip(model);
  const loss = lossOfModel(model);
  const average = new ExponentialMovingAverage(model, build(), { decay: 0.9999, tau: 2000 });
  const parameters = model.parameters().map(([, parameter]) => parameter);
  const optimiser = new SGD([{ parameters, lr: 1e-4, momentum: 0.9, weightDecay: 5e-4, nesterov: true }]);
  const targets = randomTargets(batch, size);

  const step = (): Record<Phase, number> => {
    const watch = stopwatch();
    return scope(() => {
      const images = rand([batch, 3, size, size]).to({ memoryFormat: layout, dtype: variant.precision });
      watch();
      const outputs = model.forward(images);
      const forward = watch();
      const total = variant.fused ? loss.compute(outputs, targets).total : publishedLoss(model, loss, outputs, targets);
      const lossTime = watch();
      total.backward();
      const backward = watch();
      optimiser.step({ maxGradientNorm: 10, average: average.nextUpdate() });
      optimiser.zeroGrad();
      return { forward, loss: lossTime, backward, optimiser: watch() };
    });
  };
  warmUpAssignment(model, loss, targets, { size, layout });
  repeat(warmUpSteps, step);
  const before = allocatorStatistics();
  const timings = repeat(steps, step);
  const tensorMemory = tensorMemoryOf(steps, before, allocatorStatistics());
  const peakMegabytes = process.resourceUsage().maxRSS / 1000;
  const operators = profile(() => repeat(profiledSteps, step)).map(({ name, calls, milliseconds }) => ({
    name,
    calls: calls / profiledSteps,
    milliseconds: milliseconds / profiledSteps,
  }));
  const medians = phases.map((phase) => [phase, median(timings.map((timing) => timing[phase]))] as const);
  return {
    step: median(timings.map((timing) => phases.reduce((sum, phase) => sum + timing[phase], 0))),
    phases: Object.fromEntries(medians) as Record<Phase, number>,
    peakMegabytes,
    tensorMemory,
    operators,
  };
}

function tensorMemoryOf(
  steps: number,
  before: AllocatorStatistics | undefined,
  after: AllocatorStatistics | undefined,
): TensorMemory | undefined {
  if (before === undefined || after === undefined) return undefined;
  return {
    peakInUse: after.peakBytesInUse / 1e6,
    peakHeld: after.peakBytesHeld / 1e6,
    allocations: (after.allocations - before.allocations) / steps,
    systemAllocations: (after.fromSystem - before.fromSystem) / steps,
  };
}

/** The loss assigns anchors in JavaScript, which is compiled only once it has run for a while; a training has long got there. */
function warmUpAssignment(
  model: DetectionModel,
  loss: DetectionLoss,
  targets: Targets,
  { size, layout }: { size: number; layout: MemoryFormat },
): void {
  scope(() => {
    const images = rand([targets.imageCount, 3, size, size]).to({ memoryFormat: layout });
    const outputs = noGrad(() => model.forward(images));
    repeat(warmUpAssignments, () => scope(() => void loss.compute(outputs, targets)));
  });
}

/** Leaves convolutions alone: no norms, no activations. */
function strip(model: DetectionModel): void {
  for (const [, module] of model.modules()) {
    if (module instanceof RepConv) {
      const { spatial, pointwise } = module;
      module.forward = (x) => {
        const [wide, rest] = spatial!.conv.pass(x);
        return wide.add(pointwise!.conv.forward(rest));
      };
      module.pass = (x) => {
        const [wide, rest] = spatial!.conv.pass(x);
        const [narrow, passed] = pointwise!.conv.pass(rest);
        return [wide.add(narrow), passed];
      };
    } else if (module instanceof Conv) {
      module.forward = (x) => module.conv.forward(x);
      module.pass = (x) => module.conv.pass(x);
    }
  }
}

function repeat<T>(times: number, body: () => T): T[] {
  return Array.from({ length: times }, body);
}

/** Milliseconds since its last call. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const elapsed = now - last;
    last = now;
    return elapsed;
  };
}

/** The same boxes at every run, 5 to 25 % of the image wide and high. */
function randomTargets(batch: number, size: number): Targets {
  const random = seededRandom(1);
  const side = () => 0.05 + 0.2 * random();
  const rows = Array.from({ length: batch * objectsPerImage }, (_, index) => {
    const image = Math.floor(index / objectsPerImage);
    return [image, Math.floor(random() * classes), random(), random(), side(), side()];
  });
  return { rows: Float32Array.from(rows.flat()), imageCount: batch, width: size, height: size };
}
