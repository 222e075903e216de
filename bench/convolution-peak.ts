// What the processor can do in convolutions: one large enough that nothing but its arithmetic counts.
import { Conv2d, noGrad, randn, scope, type Precision } from "@yolov9/torch";
import { askChild } from "./child.js";
import { median } from "./statistics.js";

const SHAPE = { batch: 8, channels: 128, size: 40, kernel: 3 };
const WARM_UP = 5;
const RUNS = 40;

/** GFLOP/s, in a process of its own. */
export function measurePeak(precision: Precision): number {
  return askChild("peak", precision) as number;
}

export function answerPeak(precision: Precision): number {
  const { batch, channels, size, kernel } = SHAPE;
  const convolution = new Conv2d(channels, channels, kernel, { padding: 1 });
  const input = randn([batch, channels, size, size]).to({ dtype: precision, memoryFormat: "channels_last" });
  const run = (): number => {
    const started = performance.now();
    noGrad(() => scope(() => void convolution.forward(input)));
    return performance.now() - started;
  };
  const times = Array.from({ length: WARM_UP + RUNS }, run).slice(WARM_UP);
  return (2 * batch * channels ** 2 * (size * kernel) ** 2) / median(times) / 1e6;
}
