import { describe, expect, it } from "vitest";
import {
  Conv2d,
  cpuMultipliesBfloat16,
  manualSeed,
  noGrad,
  randn,
  scope,
  withPlainKernels,
  type DType,
  type Tensor,
} from "../index.js";

interface Case {
  channels: [number, number];
  kernel: number;
  stride?: number;
  padding?: number;
  dilation?: number;
  groups?: number;
  bias?: boolean;
}

const cases: Case[] = [
  { channels: [3, 16], kernel: 3, stride: 2, padding: 1 },
  { channels: [16, 24], kernel: 1 },
  { channels: [24, 24], kernel: 3, padding: 1, bias: true },
  { channels: [24, 40], kernel: 3, padding: 1 },
  { channels: [24, 40], kernel: 3, padding: 1, stride: 2 },
  { channels: [48, 16], kernel: 3, padding: 1 },
  { channels: [40, 70], kernel: 1 },
  { channels: [64, 64], kernel: 3, padding: 1, groups: 4 },
  { channels: [12, 12], kernel: 3, padding: 1, groups: 12 },
  { channels: [16, 5], kernel: 3, padding: 2, dilation: 2, bias: true },
];

/** Output and gradients of input, weight and bias. */
function run(conv: Conv2d, input: Tensor, layout: "contiguous" | "channels_last"): number[][] {
  return scope(() => {
    const x = input.to({ memoryFormat: layout }).clone().detach();
    x.requiresGrad = true;
    const y = conv.forward(x);
    manualSeed(2);
    y.backward(randn(y.shape).to({ dtype: y.dtype }));
    const results = [y, x.grad!, conv.weight.grad!, ...(conv.bias ? [conv.bias.grad!] : [])];
    expect(conv.weight.grad!.dtype).toBe("float32");
    const numbers = results.map((tensor) => Array.from(tensor.toArray(), Number));
    conv.weight.clearGrad();
    conv.bias?.clearGrad();
    return numbers;
  });
}

function largestDifference(own: number[][], plain: number[][]): number {
  const largest = (values: number[]) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
  return Math.max(
    ...own.map((values, i) => largest(values.map((value, j) => value - plain[i]![j]!)) / largest(plain[i]!)),
  );
}

describe.each(cases)(
  "convolution of $channels channels, kernel $kernel, groups $groups",
  ({ channels, kernel, ...options }) => {
    const dtypes: DType[] = cpuMultipliesBfloat16() ? ["float32", "bfloat16"] : ["float32"];
    it.each(dtypes)("equals libtorch's operator in %s, forward and backward, in both layouts of weights", (dtype) => {
      manualSeed(1);
      const conv = new Conv2d(...channels, kernel, options);
      const input = randn([2, channels[0], 9, 11]).to({ dtype });
      for (const layout of ["contiguous", "channels_last"] as const) {
        conv.to({ memoryFormat: layout });
        const own = run(conv, input, layout);
        const plain = withPlainKernels(() => run(conv, input, layout));
        expect(largestDifference(own, plain)).toBeLessThan(dtype === "float32" ? 1e-5 : 2e-2);
      }
    });

    it("works in float64, which the kernels do not have", () => {
      const conv = new Conv2d(...channels, kernel, options).to({ dtype: "float64" });
      const input = randn([1, channels[0], 5, 5], { dtype: "float64" });
      const [own, plain] = noGrad(() => [conv.forward(input), withPlainKernels(() => conv.forward(input))]);
      expect(own.sub(plain).abs().max().item()).toBeLessThan(1e-12);
    });
  },
);

describe("convolution", () => {
  it("names the shapes that do not fit", () => {
    expect(() => new Conv2d(4, 4, 3).forward(randn([1, 5, 8, 8]))).toThrow(
      /\[4, 4, 3, 3\].*\[1, 5, 8, 8\]|5 channels/s,
    );
  });
});
