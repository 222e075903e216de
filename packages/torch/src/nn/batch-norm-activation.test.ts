import { describe, expect, it } from "vitest";
import {
  BatchNorm2d,
  batchNormActivation,
  manualSeed,
  randn,
  rand,
  scope,
  withPlainKernels,
  type Activation,
  type DType,
} from "../index.js";

const eps = 1e-3;
const momentum = 0.03;

function randomNorm(channels: number, dtype: DType): BatchNorm2d {
  const norm = new BatchNorm2d(channels, { eps, momentum });
  const { weight, bias, running_mean, running_var } = norm;
  scope(() => {
    weight.detach().copy_(rand([channels]).add(0.5));
    bias.detach().copy_(randn([channels]));
    running_mean.copy_(randn([channels]));
    running_var.copy_(rand([channels]).add(0.5));
  });
  return norm.to({ dtype });
}

/** Runs both ways from the same start and gives everything that must agree. */
function compare(dtype: DType, activation: Activation, branches: 1 | 2, training: boolean, shape = [3, 5, 7, 6]) {
  return scope(() => {
    manualSeed(3);
    const inputs = Array.from({ length: branches }, () => randn(shape, { dtype }).mul(2).add(3).detach());
    const upstream = randn(shape, { dtype });
    const norms = inputs.map(() => randomNorm(shape[1]!, dtype));
    const copies = norms.map((norm) => {
      const copy = new BatchNorm2d(shape[1]!, { eps, momentum }).to({ dtype });
      copy.loadStateDict(norm.stateDict());
      return copy;
    });
    [...norms, ...copies].forEach((norm) => norm.train(training));
    const run = (modules: BatchNorm2d[]) => {
      const leaves = inputs.map((input) => input.clone());
      leaves.forEach((leaf) => (leaf.requiresGrad = true));
      const [first, second] = leaves.map((input, index) => ({ input, norm: modules[index]! }));
      const output = batchNormActivation(first!, second, activation);
      output.backward(upstream);
      return [
        output,
        ...leaves.map((leaf) => leaf.grad!),
        ...modules.flatMap((norm) => [norm.weight.grad!, norm.bias.grad!, norm.running_mean, norm.running_var]),
      ].map((tensor) => Array.from(tensor.toArray(), Number));
    };
    const fused = run(norms);
    const plain = withPlainKernels(() => run(copies));
    const difference = (a: number[], b: number[]) => {
      const largest = (values: number[]) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
      return largest(a.map((value, index) => value - b[index]!)) / largest(b);
    };
    return Math.max(...fused.map((values, index) => difference(values, plain[index]!)));
  });
}

describe("batchNormActivation", () => {
  for (const activation of ["none", "silu", "relu"] as const) {
    for (const branches of [1, 2] as const) {
      for (const training of [true, false]) {
        it(`equals the separate operators: ${activation}, ${branches} input(s), ${training ? "training" : "evaluation"}`, () => {
          expect(compare("float64", activation, branches, training)).toBeLessThan(1e-10);
          expect(compare("float32", activation, branches, training)).toBeLessThan(2e-5);
        });
      }
    }
  }

  it("is exact enough over many rows and wide channels", () => {
    expect(compare("float32", "silu", 1, true, [4, 48, 40, 40])).toBeLessThan(2e-5);
    expect(compare("float32", "silu", 2, true, [2, 16, 33, 31])).toBeLessThan(2e-5);
  });

  it("works in bfloat16 with statistics in float32", () => {
    const norm = randomNorm(8, "float32");
    const input = randn([2, 8, 16, 16]);
    const exact = batchNormActivation({ input, norm }, undefined, "silu");
    const half = batchNormActivation({ input: input.to({ dtype: "bfloat16" }), norm }, undefined, "silu");
    expect(half.dtype).toBe("bfloat16");
    expect(half.to({ dtype: "float32" }).sub(exact).abs().max().item()).toBeLessThan(0.05);
  });

  it("refuses inputs that do not fit", () => {
    const norm = randomNorm(4, "float32");
    expect(() => batchNormActivation({ input: randn([1, 3, 2, 2]), norm }, undefined, "silu")).toThrow(
      /weight1 must be \[3\], one for every channel of x1, got float32 \[4\]/,
    );
    const other = { input: randn([1, 4, 3, 2]), norm };
    expect(() => batchNormActivation({ input: randn([1, 4, 2, 2]), norm }, other, "silu")).toThrow(
      /x2 must be \[1, 4, 2, 2\], got float32 \[1, 4, 3, 2\]/,
    );
  });
});
