// One training step (forward, loss, backward, optimiser, moving average) on random images and boxes, in several ways side
// by side. Each runs in a process of its own, so that peak memory is its own too.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import {
  clipGradNorm,
  cpuMultipliesBfloat16,
  manualSeed,
  rand,
  scope,
  SGD,
  withPlainKernels,
  type Precision,
} from "@yolov9/torch";
import { buildModel, DetectionLoss, ExponentialMovingAverage, loadModelSpec, type Targets } from "yolov9";
import type { Report } from "./main.js";
import { seededRandom } from "./random.js";
import { median, table } from "./statistics.js";

export interface TrainBenchOptions {
  model: string;
  size: number;
  batch: number;
  steps: number;
}

interface Variant {
  title: string;
  precision: Precision;
  channelsLast: boolean;
  fused: boolean;
}

/** The first is what the reference executes; ratios are against it. */
const variants: Readonly<Record<string, Variant>> = {
  plain: {
    title: "separate operators, float32, channels first",
    precision: "float32",
    channelsLast: false,
    fused: false,
  },
  fused: { title: "fused kernels, float32, channels last", precision: "float32", channelsLast: true, fused: true },
  bfloat16: { title: "fused kernels, bfloat16, channels last", precision: "bfloat16", channelsLast: true, fused: true },
};

const phases = ["forward", "loss", "backward", "optimiser"] as const;
type Phase = (typeof phases)[number];

interface Measurement {
  /** Median milliseconds a step, and of its phases. */
  step: number;
  phases: Record<Phase, number>;
  peakMegabytes: number;
}

const classes = 3;
const objectsPerImage = 24;
const warmUpSteps = 2;

export function benchTrain(options: TrainBenchOptions): Report {
  const names = Object.keys(variants).filter(
    (name) => variants[name]!.precision === "float32" || cpuMultipliesBfloat16(),
  );
  const measured = names.map((name) => ({ name, ...inOwnProcess(name, options) }));
  const [plain] = measured;
  const results = measured.map((result) => ({
    ...result,
    imagesPerSecond: (options.batch / result.step) * 1000,
    ratio: plain!.step / result.step,
    memoryRatio: result.peakMegabytes / plain!.peakMegabytes,
  }));
  const rows = results.map((result) => [
    variants[result.name]!.title,
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

function inOwnProcess(variant: string, { model, size, batch, steps }: TrainBenchOptions): Measurement {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const flags = Object.entries({ variant, model, imgsz: size, batch, steps }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  return JSON.parse(execFileSync(process.execPath, [main, ...flags], { encoding: "utf8" })) as Measurement;
}

/** Measures one variant in this process. @throws Error if there is no such variant */
export function measureVariant(name: string, options: TrainBenchOptions): Measurement {
  const variant = variants[name];
  if (variant === undefined)
    throw new Error(`there is no variant '${name}' (known: ${Object.keys(variants).join(", ")})`);
  const run = () => measure(variant, options);
  return variant.fused ? run() : withPlainKernels(run);
}

function measure(variant: Variant, { model: modelName, size, batch, steps }: TrainBenchOptions): Measurement {
  manualSeed(0);
  const layout = variant.channelsLast ? "channels_last" : "contiguous";
  const build = () => buildModel(loadModelSpec(modelName), { classCount: classes }).to({ memoryFormat: layout });
  const model = build().train();
  const { strides, regMax } = model;
  const loss = new DetectionLoss({ classCount: classes, strides, regMax });
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
      const { total } = loss.compute(outputs, targets);
      const lossTime = watch();
      total.backward();
      const backward = watch();
      clipGradNorm(parameters, 10);
      optimiser.step();
      optimiser.zeroGrad();
      average.update();
      return { forward, loss: lossTime, backward, optimiser: watch() };
    });
  };
  const timings = Array.from({ length: warmUpSteps + steps }, step).slice(warmUpSteps);
  const medians = phases.map((phase) => [phase, median(timings.map((timing) => timing[phase]))] as const);
  return {
    step: median(timings.map((timing) => phases.reduce((sum, phase) => sum + timing[phase], 0))),
    phases: Object.fromEntries(medians) as Record<Phase, number>,
    peakMegabytes: process.resourceUsage().maxRSS / 1000,
  };
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
