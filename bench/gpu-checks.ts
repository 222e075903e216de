// What a GPU is asked before it is trusted, as one JSON object: whether operators and a training step come to the same as on the
// CPU (`--part compare`), and how long steps and predictions take (`--part time`). `scripts/gpu.mjs` prepares a machine and starts this; with `--device cpu` it compares the CPU
// with itself, which shows that the checks run.
import { parseArgs } from "node:util";
import {
  BatchNorm2d,
  batchNormActivation,
  capabilities,
  conv2d,
  manualSeed,
  rand,
  randn,
  resolveDevice,
  scope,
  SGD,
  tensor,
  type Precision,
  type Tensor,
} from "@yolov9/torch";
import {
  buildModel,
  deployed,
  ExponentialMovingAverage,
  loadModelSpec,
  lossOfModel,
  openTrainingStep,
  TorchPredictor,
  type DetectionModel,
  type Targets,
  type BatchFigures,
  type TrainingBatch,
} from "yolov9";
import { seededRandom } from "./random.js";
import { median } from "./statistics.js";

const { values: flags } = parseArgs({
  options: {
    device: { type: "string", default: "cuda:0" },
    model: { type: "string", default: "yolov9-t" },
    models: { type: "string", default: "yolov9-t,yolov9-s,yolov9-c" },
    imgsz: { type: "string", default: "640" },
    batch: { type: "string", default: "16" },
    steps: { type: "string", default: "20" },
    part: { type: "string", default: "both" },
  },
});

const CLASSES = 3;
const OBJECTS_PER_IMAGE = 8;
const WARM_UP_STEPS = 8;
/** Of the compared step, which a CPU must do too. */
const COMPARED = { size: 160, batch: 4 };
/** Largest relative differences in float32 that count as equal; sums are made in another order. */
const OPERATOR_TOLERANCE = 1e-4;
const STEP_TOLERANCE = 1e-2;

interface Difference {
  name: string;
  /** |other − CPU| / largest |CPU| */
  relative: number;
  ok: boolean;
}

/** Largest difference of two tensors, wherever they are, against the largest value of the first. */
function relativeDifference(expected: Tensor, found: Tensor): number {
  return scope(() => {
    const wide = (each: Tensor) => each.detach().to({ device: "cpu", dtype: "float64" });
    const scale = Math.max(wide(expected).abs().max().item(), Number.MIN_VALUE);
    return wide(found).sub(wide(expected)).abs().max().item() / scale;
  });
}

/** The kinds of operators that a model is made of; each gets the same numbers on both devices. */
const operators: Readonly<Record<string, (x: Tensor, w: Tensor) => Tensor>> = {
  "convolution 3×3": (x, w) => conv2d(x, w, undefined, 1, 1),
  "convolution 3×3, stride 2": (x, w) => conv2d(x, w, undefined, 2, 1),
  "convolution, 4 groups": (x, w) => conv2d(x, w.narrow(1, 0, 4), undefined, 1, 1, 1, 4),
  "batch norm and SiLU": (x) =>
    batchNormActivation({ input: x, norm: new BatchNorm2d(16).to({ device: x.device }) }, undefined, "silu"),
  "maximum pool": (x) => x.max_pool2d(5, 1, 2),
  "nearest neighbour": (x) => x.upsample_nearest2d([32, 32]),
  softmax: (x) => x.softmax(1),
  softplus: (x) => x.softplus(),
  "choice of rows": (x) => x.reshape([-1, 16]).index_select(0, tensor(Int32Array.of(5, 0, 7), { device: x.device })),
};

function compareOperators(device: string): Difference[] {
  manualSeed(1);
  return scope(() => {
    const [x, w] = [randn([2, 16, 16, 16]), randn([16, 16, 3, 3])];
    return Object.entries(operators).map(([name, operator]) => {
      const relative = relativeDifference(operator(x, w), operator(x.to({ device }), w.to({ device })));
      return { name, relative, ok: relative <= OPERATOR_TOLERANCE };
    });
  });
}

function seededModel(device: string): DetectionModel {
  manualSeed(2);
  const model = buildModel(loadModelSpec(flags.model), { classCount: CLASSES });
  return model.to({ device, memoryFormat: "channels_last" }).train();
}

/** The same boxes at every call, 5 to 25 % of the image wide and high. */
function randomTargets(batch: number, size: number): Targets {
  const random = seededRandom(1);
  const side = () => 0.05 + 0.2 * random();
  const rows = Array.from({ length: batch * OBJECTS_PER_IMAGE }, (_, i) => {
    const image = Math.floor(i / OBJECTS_PER_IMAGE);
    return [image, Math.floor(random() * CLASSES), random(), random(), side(), side()];
  });
  return { rows: Float32Array.from(rows.flat()), imageCount: batch, width: size, height: size };
}

/** Losses and the gradients of every parameter after one forward and backward pass. */
function differentiated(model: DetectionModel, images: Tensor, targets: Targets) {
  const { total, items } = lossOfModel(model).compute(model.forward(images), targets);
  total.backward();
  return { items, gradients: model.parameters().map(([path, parameter]) => [path, parameter.grad] as const) };
}

function compareStep(device: string): Difference[] {
  const { size, batch } = COMPARED;
  const [here, there] = [seededModel("cpu"), seededModel(device)];
  const differences = scope(() => {
    const images = rand([batch, 3, size, size]);
    const targets = randomTargets(batch, size);
    const expected = differentiated(here, images, targets);
    const found = differentiated(there, images.to({ device, memoryFormat: "channels_last" }), targets);
    const losses = (["box", "cls", "dfl"] as const).map((name) => ({
      name: `${name} loss`,
      relative: Math.abs(found.items[name] - expected.items[name]) / Math.abs(expected.items[name]),
    }));
    const ofGradients = expected.gradients.flatMap(([, gradient], i) => {
      const other = found.gradients[i]![1];
      return gradient === undefined || other === undefined ? [] : [relativeDifference(gradient, other)];
    });
    return [...losses, { name: "gradients (median of parameters)", relative: median(ofGradients) }];
  });
  here.dispose();
  there.dispose();
  return differences.map((each) => ({ ...each, ok: each.relative <= STEP_TOLERANCE }));
}

/** A batch of one colour gradient and the same boxes every time. */
function batchOf(count: number, size: number): TrainingBatch {
  const images = new Uint8Array(count * 3 * size * size).map((_, i) => (i * 31) % 256);
  return { images, batchSize: count, width: size, height: size, targets: randomTargets(count, size) };
}

/** A model in training, and what does its steps: recorded as a CUDA graph where `recorded` and the device allow it. */
function openSteps(device: string, precision: Precision, model: string, recorded: boolean) {
  process.env.YOLOV9_CUDA_GRAPHS = recorded ? "on" : "off";
  const build = () =>
    buildModel(loadModelSpec(model), { classCount: CLASSES }).to({ device, memoryFormat: "channels_last" });
  manualSeed(2);
  const trained = build().train();
  const parameters = trained.parameters().map(([, parameter]) => parameter);
  const optimizer = new SGD([{ parameters, lr: 1e-4, momentum: 0.9, weightDecay: 5e-4, nesterov: true }]);
  const ema = new ExponentialMovingAverage(trained, build(), { decay: 0.9999 });
  const state = { model: trained, optimizer, ema, device, precision, counters: { iteration: 0 }, config: { clipNorm: 10 } }; // prettier-ignore
  const note = (line: string) => {
    console.error(line);
  };
  const step = openTrainingStep(state, lossOfModel(trained), note);
  return {
    run: (batch: TrainingBatch, count: number): BatchFigures[] => {
      for (let i = 0; i < count; i++) {
        step.backward(batch);
        step.update();
      }
      return step.read();
    },
    close: () => {
      for (const each of [step, optimizer, ema.model, trained]) each.dispose();
    },
  };
}

/** Losses of some steps, recorded and not. */
function compareRecorded(device: string): Difference[] {
  const batch = batchOf(COMPARED.batch, COMPARED.size);
  const [plain, recorded] = [false, true].map((record) => {
    const steps = openSteps(device, "float32", flags.model, record);
    const figures = steps.run(batch, WARM_UP_STEPS);
    steps.close();
    return figures.map(({ losses }) => losses.box + losses.cls + losses.dfl);
  });
  const relative = Math.max(...plain!.map((loss, i) => Math.abs(recorded![i]! - loss) / loss));
  return [{ name: "losses of recorded steps", relative, ok: relative <= STEP_TOLERANCE }];
}

/** Milliseconds of a training step: images to the device, forward, loss, backward, optimiser and moving average. */
function timeTraining(device: string, precision: Precision, model: string, recorded: boolean): number {
  const steps = openSteps(device, precision, model, recorded);
  const batch = batchOf(Number(flags.batch), Number(flags.imgsz));
  const count = Number(flags.steps);
  steps.run(batch, WARM_UP_STEPS);
  const times = Array.from({ length: 3 }, () => {
    const start = performance.now();
    steps.run(batch, count);
    return (performance.now() - start) / count;
  });
  steps.close();
  return median(times);
}

/** Median milliseconds of a deployed model's predictions, from bytes of images until boxes are back. */
async function timeInference(device: string, precision: Precision, model: string, batchSize: number): Promise<number> {
  const size = Number(flags.imgsz);
  manualSeed(2);
  const network = deployed(buildModel(loadModelSpec(model))).to({ device, memoryFormat: "channels_last" });
  const predictor = new TorchPredictor(network, { precision, ownsModel: true });
  const { images } = batchOf(batchSize, size);
  const times: number[] = [];
  for (let i = 0; i < WARM_UP_STEPS + Number(flags.steps); i++) {
    const start = performance.now();
    await predictor.predict({ images, batchSize, width: size, height: size });
    times.push(performance.now() - start);
  }
  await predictor.close();
  return median(times.slice(WARM_UP_STEPS));
}

const PRECISIONS = ["float32", "bfloat16"] as const;

function compare(device: string) {
  const operators = compareOperators(device);
  const step = [...compareStep(device), ...compareRecorded(device)];
  return { operators, step, ok: [...operators, ...step].every((each) => each.ok) };
}

async function time(device: string) {
  const batch = Number(flags.batch);
  const training = flags.models.split(",").flatMap((model) =>
    PRECISIONS.map((precision) => {
      const [milliseconds, notRecorded] = [true, false].map((recorded) =>
        timeTraining(device, precision, model, recorded),
      );
      const imagesPerSecond = (batch * 1000) / milliseconds!;
      return { model, precision, batch, milliseconds, notRecorded, imagesPerSecond };
    }),
  );
  process.env.YOLOV9_CUDA_GRAPHS = "on";
  const inference = [];
  for (const model of flags.models.split(",")) {
    for (const precision of PRECISIONS) {
      for (const count of [1, batch]) {
        const milliseconds = await timeInference(device, precision, model, count);
        inference.push({
          model,
          precision,
          batch: count,
          milliseconds,
          imagesPerSecond: (count * 1000) / milliseconds,
        });
      }
    }
  }
  return { training, inference };
}

async function main(): Promise<void> {
  const device = resolveDevice(flags.device);
  const { version, cuda } = capabilities();
  const comparison = flags.part === "time" ? undefined : compare(device);
  const times = flags.part === "compare" ? undefined : await time(device);
  const report = { ...flags, libtorch: { version, cuda }, ...comparison, ...times };
  console.log(JSON.stringify(report, undefined, 2));
  if (comparison?.ok === false) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
