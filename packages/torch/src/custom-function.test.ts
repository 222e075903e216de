import { describe, expect, it } from "vitest";
import { customFunction, enableGrad, memory, noGrad, randn, scope, tensor, type Tensor } from "./index.js";

/** x³ with a backward that computes its input again as the cube root of what was kept. */
function cube(x: Tensor): Tensor {
  const [y] = customFunction({
    inputs: [x],
    forward: () => {
      const output = x.mul(x).mul(x);
      return { outputs: [output], saved: [output] };
    },
    backward: ([kept], [gradient]) => [
      kept!
        .pow(2 / 3)
        .mul(3)
        .mul(gradient!),
    ],
  });
  return y!;
}

describe("customFunction", () => {
  it("gives the gradients that its backward computes", () => {
    const x = tensor([1, 2, 3], { dtype: "float64", requiresGrad: true });
    cube(x)
      .mul(tensor([1, 10, 100], { dtype: "float64" }))
      .sum()
      .backward();
    const gradient = [...x.grad!.toArray()].map(Number);
    [3, 120, 2700].forEach((value, i) => expect(gradient[i]).toBeCloseTo(value, 9));
  });

  it("composes with recorded operators before and behind it", () => {
    const x = tensor([2], { dtype: "float64", requiresGrad: true });
    cube(cube(x.mul(0.5)).add(1)).backward();
    expect(Number(x.grad!.toArray()[0])).toBeCloseTo(3 * 4 * 3 * 0.5, 9); // ((x/2)³ + 1)³ at 2
  });

  it("lets backward differentiate recorded operators itself, into parameters that are no inputs", () => {
    const weight = tensor([4], { dtype: "float64", requiresGrad: true });
    const x = tensor([3], { dtype: "float64", requiresGrad: true });
    const [y] = customFunction({
      inputs: [x],
      forward: () => ({ outputs: [x.mul(weight)], saved: [x] }),
      backward: ([kept], [gradient]) => {
        const leaf = kept!.detach();
        leaf.requiresGrad = true;
        enableGrad(() => leaf.mul(weight).sum()).backward();
        return [leaf.grad!.mul(gradient!)];
      },
    });
    y!.backward();
    expect([Number(x.grad!.toArray()[0]), Number(weight.grad!.toArray()[0])]).toEqual([4, 3]);
  });

  it("passes undefined for an output that nothing was computed from, and takes undefined for no gradient", () => {
    const x = tensor([1], { requiresGrad: true });
    const seen: boolean[] = [];
    const [first] = customFunction({
      inputs: [x],
      forward: () => ({ outputs: [x.mul(2), x.mul(3)], saved: [] }),
      backward: (_, gradients) => {
        seen.push(...gradients.map((gradient) => gradient !== undefined));
        return [undefined];
      },
    });
    first!.backward();
    expect(seen).toEqual([true, false]);
    expect(x.grad).toBeUndefined();
  });

  it("turns an exception in backward into an error of the whole backward pass", () => {
    const x = tensor([1], { requiresGrad: true });
    const [y] = customFunction({
      inputs: [x],
      forward: () => ({ outputs: [x.mul(2)], saved: [] }),
      backward: () => {
        throw new Error("no way back");
      },
    });
    expect(() => y!.backward()).toThrow(/no way back/);
  });

  it("keeps nothing and records nothing without gradients", () => {
    const x = tensor([1], { requiresGrad: true });
    expect(noGrad(() => cube(x)).requiresGrad).toBe(false);
  });

  it("leaves no tensor alive, whether backward ran or not", () => {
    const x = randn([8]).keep();
    x.requiresGrad = true;
    const step = (backward: boolean) =>
      scope(() => {
        const y = cube(x).sum();
        if (backward) y.backward();
        x.clearGrad();
      });
    step(true);
    step(true);
    const before = memory().undisposedTensors;
    for (let i = 0; i < 5; i++) step(true);
    expect(memory().undisposedTensors).toBe(before);
    for (let i = 0; i < 5; i++) step(false);
    step(true); // what the abandoned ones kept is forgotten by the next
    expect(memory().undisposedTensors).toBe(before);
    x.dispose();
  });
});
