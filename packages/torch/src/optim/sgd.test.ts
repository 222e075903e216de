import { describe, expect, it } from "vitest";
import { clipGradNorm, memory, parameter, SGD, tensor } from "../index.js";

/** The update of torch.optim.SGD written out for one number. */
function reference(
  gradientOf: (x: number) => number,
  start: number,
  steps: number,
  lr: number,
  momentum: number,
  decay: number,
) {
  let [x, velocity] = [start, 0];
  for (let step = 0; step < steps; step++) {
    const gradient = gradientOf(x) + decay * x;
    velocity = step === 0 ? gradient : momentum * velocity + gradient;
    x -= lr * (gradient + momentum * velocity);
  }
  return x;
}

describe("SGD", () => {
  it("follows the formula of Nesterov momentum with weight decay", () => {
    const x = parameter(tensor([2], { dtype: "float64" }));
    const optimiser = new SGD([{ parameters: [x], lr: 0.1, momentum: 0.9, weightDecay: 0.01, nesterov: true }]);
    for (let step = 0; step < 5; step++) {
      x.pow(3).sum().backward();
      optimiser.step();
      optimiser.zeroGrad();
    }
    expect(x.item()).toBeCloseTo(
      reference((value) => 3 * value * value, 2, 5, 0.1, 0.9, 0.01),
      12,
    );
  });

  it("continues from saved momentum as if it had never stopped", () => {
    const run = (interrupt: boolean) => {
      const x = parameter(tensor([1, -2], { dtype: "float64" }));
      const make = () => new SGD([{ parameters: [x], lr: 0.05, momentum: 0.8, weightDecay: 0, nesterov: true }]);
      let optimiser = make();
      for (let step = 0; step < 4; step++) {
        if (interrupt && step === 2) {
          const state = optimiser.stateDict();
          optimiser = make();
          optimiser.loadStateDict(state);
        }
        x.square().sum().backward();
        optimiser.step();
        optimiser.zeroGrad();
      }
      return x.toList();
    };
    expect(run(true)).toEqual(run(false));
  });

  it("leaves no tensor behind", () => {
    const x = parameter(tensor([1, 2, 3]));
    const optimiser = new SGD([{ parameters: [x], lr: 0.1, momentum: 0.9, weightDecay: 0.1, nesterov: true }]);
    const step = () => {
      const loss = x.square().sum();
      loss.backward();
      loss.dispose();
      optimiser.step();
      optimiser.zeroGrad();
    };
    step();
    const afterFirst = memory().undisposedTensors;
    step();
    expect(memory().undisposedTensors - afterFirst).toBeLessThanOrEqual(1); // x.square(), which has no scope here
  });
});

describe("clipGradNorm", () => {
  it("scales gradients of all parameters together, and only when they are too long", () => {
    const [a, b] = [tensor([3], { requiresGrad: true }), tensor([4], { requiresGrad: true })];
    a.mul(3).add(b.mul(4)).sum().backward();
    expect(clipGradNorm([a, b], 10)).toBeCloseTo(5, 6);
    expect(a.grad!.item()).toBe(3);
    expect(clipGradNorm([a, b], 1)).toBeCloseTo(5, 6);
    expect([a.grad!.item(), b.grad!.item()]).toEqual([expect.closeTo(0.6, 5), expect.closeTo(0.8, 5)]);
  });
});
