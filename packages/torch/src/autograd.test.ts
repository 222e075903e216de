import { describe, expect, it } from "vitest";
import {
  conv2d,
  enableGrad,
  isGradEnabled,
  manualSeed,
  noGrad,
  rand,
  randn,
  scope,
  tensor,
  type Tensor,
} from "./index.js";

/** Central differences of a scalar function, one element at a time, in float64. */
function numericalGradient(of: (input: Tensor) => Tensor, at: Tensor, step = 1e-5): number[] {
  const values = Float64Array.from(at.toArray() as Float64Array);
  return Array.from(values, (value, index) =>
    noGrad(() => {
      const shifted = (by: number) => {
        const copy = values.slice();
        copy[index] = value + by;
        return of(tensor(copy, { shape: at.shape })).item();
      };
      return (shifted(step) - shifted(-step)) / (2 * step);
    }),
  );
}

function expectGradient(of: (input: Tensor) => Tensor, shape: number[]): void {
  scope(() => {
    const input = randn(shape, { dtype: "float64" });
    input.requiresGrad = true;
    of(input).backward();
    const analytical = Array.from(input.grad!.toArray() as Float64Array);
    const numerical = numericalGradient(of, input.detach());
    analytical.forEach((value, index) => expect(value).toBeCloseTo(numerical[index]!, 6));
  });
}

describe("autograd", () => {
  it("agrees with finite differences", () => {
    manualSeed(1);
    const kernel = randn([3, 2, 3, 3], { dtype: "float64" });
    expectGradient((x) => conv2d(x, kernel, null, 2, 1).silu().square().sum(), [1, 2, 5, 4]);
    expectGradient((x) => x.softmax(1).mul(x.sigmoid()).log_softmax(0).sum(), [3, 4]);
    expectGradient((x) => x.max_pool2d(2, 1).add(x.avg_pool2d(2, 1)).pow(3).sum(), [1, 1, 3, 4]);
  });

  it("accumulates into leaves and forgets on request", () => {
    const x = tensor([2, 3], { requiresGrad: true });
    x.square().sum().backward();
    x.square().sum().backward();
    expect(x.grad!.toList()).toEqual([8, 12]);
    x.clearGrad();
    expect(x.grad).toBeUndefined();
  });

  it("does not record inside noGrad, even after an error", () => {
    const x = rand([2]);
    x.requiresGrad = true;
    expect(noGrad(() => x.mul(2).requiresGrad)).toBe(false);
    expect(noGrad(() => enableGrad(() => x.mul(2).requiresGrad))).toBe(true);
    expect(() =>
      noGrad(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(isGradEnabled()).toBe(true);
  });

  it("refuses backward on what has no graph", () => {
    expect(() => rand([1]).backward()).toThrow(/does not require grad/);
  });
});
