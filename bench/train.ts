// The training step in several ways side by side: by libtorch's separate operators, which is what the reference executes, and
// by this project's kernels and memory layout.
import { cpuMultipliesBfloat16 } from "@yolov9/torch";
import type { Report } from "./main.js";
import { table } from "./statistics.js";
import { measureStep, phases, type StepOptions, type StepVariant } from "./training-step.js";

/** The first is what the reference executes; ratios are against it. */
const variants: readonly (StepVariant & { name: string; title: string })[] = [
  {
    name: "plain",
    title: "separate operators, float32, channels first",
    precision: "float32",
    channelsLast: false,
    fused: false,
  },
  {
    name: "fused",
    title: "fused kernels, float32, channels last",
    precision: "float32",
    channelsLast: true,
    fused: true,
  },
  {
    name: "bfloat16",
    title: "fused kernels, bfloat16, channels last",
    precision: "bfloat16",
    channelsLast: true,
    fused: true,
  },
];

export function benchTrain(options: StepOptions): Report {
  const possible = variants.filter(({ precision }) => precision === "float32" || cpuMultipliesBfloat16());
  const measured = possible.map((variant) => ({ ...variant, ...measureStep(variant, options) }));
  const [plain] = measured;
  const results = measured.map(({ name, title, step, phases: times, peakMegabytes }) => ({
    name,
    title,
    step,
    phases: times,
    peakMegabytes,
    imagesPerSecond: (options.batch / step) * 1000,
    ratio: plain!.step / step,
    memoryRatio: peakMegabytes / plain!.peakMegabytes,
  }));
  const rows = results.map((result) => [
    result.title,
    result.imagesPerSecond.toFixed(1),
    result.ratio.toFixed(2),
    ...phases.map((phase) => result.phases[phase].toFixed(0)),
    result.peakMegabytes.toFixed(0),
    result.memoryRatio.toFixed(2),
  ]);
  const head = [
    `${options.model}, ${options.size} px, batch ${options.batch}`,
    "img/s",
    "ratio",
    ...phases.map((name) => `${name} ms`),
    "peak MB",
    "of first",
  ];
  return { data: { ...options, ratio: results.at(-1)!.ratio, variants: results }, table: table([head, ...rows]) };
}
