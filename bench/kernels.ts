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
  ];
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
      const gradient = scope(() => randn(body(input).shape).to({ dtype, memoryFormat: "channels_last" }));
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
