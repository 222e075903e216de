import { describe, expect, it } from "vitest";
import {
  concatFeatures,
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
  { channels: [32, 48], kernel: 3, padding: 1 },
  { channels: [64, 32], kernel: 3, padding: 1, bias: true },
  { channels: [80, 96], kernel: 3, padding: 1 },
  { channels: [40, 70], kernel: 1 },
  { channels: [80, 3], kernel: 1 },
  { channels: [3, 8], kernel: 1, stride: 2 },
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

/** Gradients of input and weight where the output, the input or both are used, the input perhaps as a slice of something wider. */
function gradientsOfUses(conv: Conv2d, input: Tensor, uses: "both" | "slice" | "output" | "input"): number[][] {
  return scope(() => {
    const x = input.clone().detach();
    x.requiresGrad = true;
    const [y, passed] = conv.pass(x);
    manualSeed(2);
    const weighted = (values: Tensor): Tensor => values.mul(randn(values.shape).to({ dtype: values.dtype })).sum();
    const wider = (): Tensor => concatFeatures([passed.mul(2), passed, passed]);
    const terms = {
      both: () => [weighted(y), weighted(passed)],
      slice: () => [weighted(y), weighted(wider())],
      output: () => [weighted(y)],
      input: () => [weighted(passed)],
    }[uses]();
    terms.reduce((sum, term) => sum.add(term)).backward();
    const gradients = [x.grad!, ...(uses === "input" ? [] : [conv.weight.grad!])];
    const numbers = gradients.map((gradient) => Array.from(gradient.toArray(), Number));
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

    it.each(dtypes)("passes its input on in %s, and adds the gradient of its other use", (dtype) => {
      manualSeed(1);
      const conv = new Conv2d(...channels, kernel, options);
      conv.to({ memoryFormat: "channels_last" });
      const input = randn([2, channels[0], 9, 11]).to({ dtype, memoryFormat: "channels_last" });
      for (const uses of ["both", "slice", "output", "input"] as const) {
        const own = gradientsOfUses(conv, input, uses);
        const plain = withPlainKernels(() => gradientsOfUses(conv, input, uses));
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

/** Output and what it should be, of a kernel that keeps the image's size, over the stride: in bfloat16, and in float64 on the same rounded numbers. */
function ownAndExact(height: number, width: number, conv: Conv2d, narrowed: boolean): [own: Tensor, exact: Tensor] {
  const [outChannels, inChannels] = conv.weight.shape as [number, number];
  conv.weight.copy_(conv.weight.to({ dtype: "bfloat16" }).to({ dtype: "float32" }).detach());
  const wide = randn([2, narrowed ? inChannels + 5 : inChannels, height, width]).to({ dtype: "bfloat16" });
  const last = wide.to({ memoryFormat: "channels_last" });
  const x = narrowed ? last.narrow(1, 3, inChannels) : last;
  const own = noGrad(() => conv.forward(x, "silu"));
  expect(own.shape.slice(0, 2)).toEqual([2, outChannels]);
  const { kernel, stride, padding } = conv;
  const exact = new Conv2d(inChannels, outChannels, kernel, { stride, padding, bias: true }).to({ dtype: "float64" });
  noGrad(() => {
    exact.weight.copy_(conv.weight);
    exact.bias!.copy_(conv.bias!);
  });
  const expected = noGrad(() => withPlainKernels(() => exact.forward(x.to({ dtype: "float64" }), "silu")));
  return [own.to({ dtype: "float64" }), expected];
}

describe.runIf(cpuMultipliesBfloat16())("convolution in bfloat16, with bias and SiLU", () => {
  const channels: [number, number][] = [
    [3, 16],
    [8, 3],
    [16, 40],
    [24, 24],
    [40, 80],
    [80, 17],
  ];
  const kinds = [1, 3].flatMap((kernel) => [1, 2].map((stride) => ({ kernel, stride })));
  it.each(kinds)("is the float64 one, rounded once: kernel $kernel, stride $stride", ({ kernel, stride }) => {
    manualSeed(3);
    for (const [inChannels, outChannels] of channels) {
      const conv = new Conv2d(inChannels, outChannels, kernel, { stride, padding: (kernel - 1) / 2, bias: true });
      noGrad(() => {
        for (let width = 1; width <= 40; width += width < 16 ? 1 : 8) {
          const error = scope(() => {
            const [own, exact] = ownAndExact(1 + (width % 3), width, conv, width % 2 === 0);
            return own.sub(exact).abs().div(exact.abs().add(0.05)).max().item();
          });
          expect(error).toBeLessThan(5e-3);
        }
      });
    }
  });
});

describe.runIf(cpuMultipliesBfloat16())("convolution in bfloat16 by minimal filtering", () => {
  const channels: [number, number][] = [
    [32, 32],
    [48, 64],
    [80, 32],
  ];
  it.each(channels)(
    "is the float64 one to 0.7 %% of the outputs' size: %i to %i channels",
    (inChannels, outChannels) => {
      manualSeed(5);
      const conv = new Conv2d(inChannels, outChannels, 3, { padding: 1, bias: true });
      noGrad(() => {
        for (let width = 4; width <= 44; width += width < 16 ? 1 : 7) {
          const error = scope(() => {
            const [own, exact] = ownAndExact(4 + (width % 3), width, conv, width % 2 === 0);
            return own.sub(exact).square().mean().div(exact.square().mean()).sqrt().item();
          });
          expect(error).toBeLessThan(7e-3);
        }
      });
    },
  );
});

describe("convolution", () => {
  it("names the shapes that do not fit", () => {
    expect(() => new Conv2d(4, 4, 3).forward(randn([1, 5, 8, 8]))).toThrow(
      /\[4, 4, 3, 3\].*\[1, 5, 8, 8\]|5 channels/s,
    );
  });
});
