// The training step in several ways side by side: by libtorch's separate operators, which is what the reference executes, by this
// project's kernels and memory layout, and with convolutions alone, which is the floor for all that comes around them.
import { cpuMultipliesBfloat16, type OperatorTime } from "@yolov9/torch";
import { loadModelSpec, profile } from "yolov9";
import { measurePeak } from "./convolution-peak.js";
import type { Report } from "./main.js";
import { table } from "./statistics.js";
import {
  measureStep,
  phases,
  type StepMeasurement,
  type StepOptions,
  type StepVariant,
  type TensorMemory,
} from "./training-step.js";

interface NamedVariant extends StepVariant {
  name: string;
  title: string;
}

/** The first is what the reference executes; ratios are against it. */
const variants: readonly NamedVariant[] = [
  {
    name: "plain",
    title: "separate operators, float32, channels first",
    precision: "float32",
    channelsLast: false,
    fused: false,
  },
  { name: "float32", title: "own kernels, float32", precision: "float32", channelsLast: true, fused: true },
  { name: "bfloat16", title: "own kernels, bfloat16", precision: "bfloat16", channelsLast: true, fused: true },
];

/** Forward, and in backward twice the same: gradients of inputs and of weights. */
const PASSES = 3;

export function benchTrain(options: StepOptions): Report {
  const possible = variants.filter(({ precision }) => precision === "float32" || cpuMultipliesBfloat16());
  const fastest = possible.at(-1)!;
  const floor = {
    ...fastest,
    name: "floor",
    title: `convolutions alone, ${fastest.precision}: no norms, no activations`,
    bare: true,
  };
  const gflop = profile(loadModelSpec(options.model), options.size).gflops.training * PASSES * options.batch;
  const measured = [...possible, floor].map((variant) => ({ ...variant, ...measureStep(variant, options) }));
  const [plain] = measured;
  const results = measured.map(({ name, title, step, phases: times, peakMegabytes, tensorMemory, operators }) => ({
    name,
    title,
    step,
    phases: times,
    peakMegabytes,
    tensorMemory,
    imagesPerSecond: (options.batch / step) * 1000,
    gflopPerSecond: (gflop / step) * 1000,
    ratio: plain!.step / step,
    memoryRatio: peakMegabytes / plain!.peakMegabytes,
    operators: operatorKinds(operators),
  }));
  const best = results.find(({ name }) => name === fastest.name)!;
  const peak = measurePeak(fastest.precision);
  const summary = {
    ratio: best.ratio,
    memoryRatio: best.memoryRatio,
    overFloor: best.step / results.at(-1)!.step,
    lossShare: best.phases.loss / best.step,
    optimiserShare: best.phases.optimiser / best.step,
    convolutionPeak: peak,
    shareOfPeak: best.gflopPerSecond / peak,
  };
  return {
    data: { ...options, ...summary, variants: results },
    table: [
      table([header(options), ...results.map(rowOf)]),
      "",
      `  ${fastest.title}: ${summary.overFloor.toFixed(2)} times the floor; loss ${percent(summary.lossShare)}, optimiser and average ` +
        `${percent(summary.optimiserShare)} of the step; ${percent(summary.shareOfPeak)} of the ${peak.toFixed(0)} GFLOP/s that one large convolution reaches`,
      ...(best.tensorMemory === undefined ? [] : [memoryLine(best.tensorMemory)]),
      "",
      table([
        ["operators of that step", "calls", "ms", "share"],
        ...best.operators.map(({ kind, calls, milliseconds }) => [
          kind,
          calls.toFixed(0),
          milliseconds.toFixed(1),
          percent(milliseconds / best.step),
        ]),
      ]),
    ].join("\n"),
  };
}

function header({ model, size, batch }: StepOptions): string[] {
  const times = phases.map((name) => `${name} ms`);
  return [`${model}, ${size} px, batch ${batch}`, "img/s", "ratio", "GFLOP/s", ...times, "peak MB", "of first"];
}

function rowOf(
  result: Pick<StepMeasurement, "phases" | "peakMegabytes"> & {
    title: string;
    imagesPerSecond: number;
    gflopPerSecond: number;
    ratio: number;
    memoryRatio: number;
  },
): string[] {
  return [
    result.title,
    result.imagesPerSecond.toFixed(1),
    result.ratio.toFixed(2),
    result.gflopPerSecond.toFixed(0),
    ...phases.map((phase) => result.phases[phase].toFixed(0)),
    result.peakMegabytes.toFixed(0),
    result.memoryRatio.toFixed(2),
  ];
}

function memoryLine({ peakInUse, peakHeld, allocations, systemAllocations }: TensorMemory): string {
  const most = `at most ${peakInUse.toFixed(0)} MB of tensors, ${peakHeld.toFixed(0)} MB held for them`;
  return `  ${most}; ${allocations.toFixed(0)} allocations a step, ${systemAllocations.toFixed(2)} of them from the system`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** What an operator or node of a backward pass belongs to, the first that its name matches. */
const KINDS: readonly (readonly [kind: string, names: RegExp])[] = [
  ["convolution, forward", /^(yolov9::convolution|aten::.*convolution(?!_backward)|aten::conv2d)/],
  ["convolution, backward", /ConvolutionFunction|convolution_backward|ConvolutionBackward/],
  ["batch norm and activation", /BatchNorm|batch_norm|silu|relu/i],
  [
    "adding, concatenating, pooling, enlarging",
    /FanOut|fan_out|Concat|::concat|aten::cat|Smooth|smooth|Enlarge|enlarge|pool|upsample|aten::add_?$/,
  ],
  ["optimiser and average", /sgd_step|gradient_norm|follow|clear_gradients|_foreach/],
];

interface KindTime {
  kind: string;
  calls: number;
  milliseconds: number;
}

function operatorKinds(operators: readonly OperatorTime[]): KindTime[] {
  const kinds = new Map<string, KindTime>(
    [...KINDS.map(([kind]) => kind), "all else"].map((kind) => [kind, { kind, calls: 0, milliseconds: 0 }]),
  );
  for (const { name, calls, milliseconds } of operators) {
    const time = kinds.get(KINDS.find(([, names]) => names.test(name))?.[0] ?? "all else")!;
    time.calls += calls;
    time.milliseconds += milliseconds;
  }
  return [...kinds.values()];
}
