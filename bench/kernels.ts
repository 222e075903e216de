// Every kernel of the bridge, forward and backward, next to libtorch's separate operators in the same memory layout.
import {
  BatchNorm2d,
  batchNormActivation,
  concatFeatures,
  Conv2d,
  cpuMultipliesBfloat16,
  enlarge,
  fanOut,
  randn,
  scope,
  smooth,
  withPlainKernels,
  type Precision,
  type Tensor,
} from "@yolov9/torch";
import { flatPredictions, headLoss, type FlatPredictions, type Foreground } from "yolov9";
import type { Report } from "./main.js";
import { median, table } from "./statistics.js";

/** Features of yolov9-t at 320 pixels, batch 16. */
const SHAPE = [16, 64, 40, 40];
const WARM_UP = 3;
const RUNS = 15;

interface Kernel {
  title: string;
  body: (x: Tensor) => Tensor;
}

function kernels(): Kernel[] {
  const channels = SHAPE[1]!;
  const [first, second] = [new BatchNorm2d(channels), new BatchNorm2d(channels)];
  const wide = new Conv2d(channels, channels, 3, { padding: 1 });
  const narrow = new Conv2d(channels, channels, 1);
  return [
    { title: "convolution 3 x 3", body: (x) => wide.forward(x) },
    { title: "convolution 1 x 1", body: (x) => narrow.forward(x) },
    { title: "batch norm, SiLU", body: (x) => batchNormActivation({ input: x, norm: first }, undefined, "silu") },
    {
      title: "two batch norms, add, SiLU",
      body: (x) => batchNormActivation({ input: x, norm: first }, { input: x, norm: second }, "silu"),
    },
    { title: "2 x 2 means", body: smooth },
    { title: "enlarging by 2", body: enlarge },
    { title: "concatenation of two", body: (x) => concatFeatures([x, x]) },
    { title: "four uses, concatenated", body: (x) => concatFeatures(fanOut(x, 4)) },
    { title: "convolution 1 x 1 and another use", body: (x) => concatFeatures(narrow.pass(x)) },
    { title: "losses of a head", body: lossOfHead },
  ];
}

/** The features taken for the raw output of a head, of which every eighth anchor learns an object. */
function lossOfHead(x: Tensor): Tensor {
  const predictions = flatPredictions([x], { classCount: CLASSES, strides: [8], regMax: REG_MAX });
  const { box, cls, dfl } = headLoss(predictions, everyEighth(predictions.grid), REG_MAX);
  return cls.add(box!).add(dfl!);
}

const CLASSES = 16;
const REG_MAX = 12;

function everyEighth({ count, x, y, stride }: FlatPredictions["grid"]): Foreground {
  const rows = Array.from({ length: (SHAPE[0]! * count) / 8 }, (_, i) => 8 * i);
  const centres = rows.map((row) => [x, y].map((axis) => axis[row % count]! / stride[row % count]!));
  return {
    rows: new Int32Array(rows),
    classes: new Int32Array(rows.map((row) => row % CLASSES)),
    scores: new Float64Array(rows.length).fill(0.5),
    anchors: new Float32Array(centres.flatMap(([cx, cy]) => [cx!, cy!, cx!, cy!])),
    boxes: new Float32Array(centres.flatMap(([cx, cy]) => [cx! - 2.5, cy! - 3, cx! + 4, cy! + 1.5])),
  };
}

export function benchKernels(): Report {
  const precisions: Precision[] = cpuMultipliesBfloat16() ? ["float32", "bfloat16"] : ["float32"];
  const measured = precisions.flatMap((precision) =>
    kernels().map(({ title, body }) => {
      const own = measure(body, precision);
      const separate = withPlainKernels(() => measure(body, precision));
      return { kernel: title, precision, own, separate, ratio: separate / own };
    }),
  );
  const rows = measured.map(({ kernel, precision, own, separate, ratio }) => [
    `${kernel}, ${precision}`,
    own.toFixed(2),
    separate.toFixed(2),
    ratio.toFixed(2),
  ]);
  return {
    data: { shape: SHAPE, measured },
    table: table([[`forward and backward, [${SHAPE.join(", ")}]`, "ms", "separate operators", "ratio"], ...rows]),
  };
}

/** Median milliseconds of forward and backward. */
function measure(body: (x: Tensor) => Tensor, dtype: Precision): number {
  const features = () => scope(() => randn(SHAPE).to({ dtype, memoryFormat: "channels_last" }));
  const input = features();
  input.requiresGrad = true;
  const run = (): number =>
    scope(() => {
      const gradient = scope(() => like(body(input)));
      const started = performance.now();
      body(input).backward(gradient);
      const elapsed = performance.now() - started;
      input.clearGrad();
      return elapsed;
    });
  const times = Array.from({ length: WARM_UP + RUNS }, run).slice(WARM_UP);
  input.dispose();
  return median(times);
}

/** Random numbers for a gradient. */
function like({ shape, dtype }: Tensor): Tensor {
  return randn(shape).to({ dtype, ...(shape.length === 4 && { memoryFormat: "channels_last" }) });
}
