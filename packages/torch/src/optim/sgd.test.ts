import { describe, expect, it } from "vitest";
import {
  capabilities,
  Conv2d,
  cpuMultipliesBfloat16,
  follow,
  manualSeed,
  memory,
  noGrad,
  parameter,
  randn,
  scope,
  SGD,
  tensor,
  type Tensor,
} from "../index.js";

/** A parameter, its momentum and its average as torch.optim.SGD, clip_grad_norm_ and an averaged model treat them. */
interface Reference {
  value: Tensor;
  velocity: Tensor | undefined;
  average: Tensor;
}

interface Settings {
  lr: number;
  momentum: number;
  weightDecay: number;
  nesterov: boolean;
}

function referenceStep(state: Reference, gradient: Tensor, settings: Settings, decay: number): Reference {
  const { lr, momentum, weightDecay, nesterov } = settings;
  const g = gradient.add(state.value.mul(weightDecay));
  const velocity = state.velocity === undefined ? g : state.velocity.mul(momentum).add(g);
  const value = state.value.sub((nesterov ? g.add(velocity.mul(momentum)) : velocity).mul(lr));
  return { value, velocity, average: state.average.mul(decay).add(value.mul(1 - decay)) };
}

function largestDifference(a: Tensor, b: Tensor): number {
  return a.detach().sub(b.detach()).abs().max().item();
}

const decayed = { lr: 0.05, momentum: 0.9, weightDecay: 0.01, nesterov: true };
const plain = { lr: 0.1, momentum: 0.5, weightDecay: 0, nesterov: false };

/** Parameters of several sizes and layouts: more than one chunk, a 1×1 kernel, channels-last memory and a scalar. */
function parameters(): Tensor[] {
  manualSeed(7);
  const shapes = [[150, 40, 3, 3], [30, 20, 1, 1], [17], []];
  return shapes.map((shape) => {
    const value = randn(shape, { dtype: "float64" });
    return parameter(shape.length === 4 ? value.to({ memoryFormat: "channels_last" }) : value);
  });
}

describe("SGD", () => {
  it.each([
    ["no clipping", Infinity],
    ["clipping", 0.5],
  ])("moves parameters and averages as the written-out formulas do in float64 (%s)", (_, maxGradientNorm) => {
    scope(() => {
      const trained = parameters();
      const settings = [decayed, decayed, plain, plain];
      const optimiser = new SGD([
        { parameters: trained.slice(0, 2), ...decayed },
        { parameters: trained.slice(2), ...plain },
      ]);
      // One average in another memory layout than its parameter.
      const averages = trained.map((each, i) =>
        i === 0 ? each.detach().clone({ memory_format: "contiguous" }) : each.detach().clone(),
      );
      const statistics = tensor([1, 2], { dtype: "float64" });
      const ofStatistics = tensor([0, 0], { dtype: "float64" });
      const average = {
        decay: 0.75,
        averages: new Map([...trained.map((each, i) => [each, averages[i]!] as const), [statistics, ofStatistics]]),
      };
      let references = trained.map((each): Reference => ({
        value: each.detach().clone(),
        velocity: undefined,
        average: each.detach().clone(),
      }));
      for (let step = 0; step < 5; step++) {
        trained
          .reduce(
            (sum, each) =>
              sum.add(
                each
                  .sin()
                  .mul(step + 1)
                  .sum(),
              ),
            tensor(0, { dtype: "float64" }),
          )
          .backward();
        const gradients = trained.map((each) => each.grad!.clone());
        const norm = Math.sqrt(gradients.reduce((sum, each) => sum + each.square().sum().item(), 0));
        const scale = Math.min(1, maxGradientNorm / (norm + 1e-6));
        references = noGrad(() =>
          references.map((each, i) => referenceStep(each, gradients[i]!.mul(scale), settings[i]!, 0.75)),
        );
        expect(optimiser.step({ maxGradientNorm, average }) / norm).toBeCloseTo(1, 12);
        optimiser.zeroGrad();
      }
      references.forEach(({ value, average: expected }, i) => {
        expect(largestDifference(trained[i]!, value), `parameter ${i}`).toBeLessThan(1e-12);
        expect(largestDifference(averages[i]!, expected), `average ${i}`).toBeLessThan(1e-12);
      });
      expect(ofStatistics.toList()).toEqual(
        [1, 2].map((value): unknown => expect.closeTo(value * (1 - 0.75 ** 5), 12)),
      );
      optimiser.dispose();
    });
  });

  it("leaves parameters without a gradient alone, though their averages still follow", () => {
    scope(() => {
      const [moving, resting] = [parameter(tensor([1])), parameter(tensor([2]))];
      moving.mul(3).sum().backward();
      const optimiser = new SGD([
        { parameters: [moving, resting], lr: 1, momentum: 0, weightDecay: 0.5, nesterov: false },
      ]);
      const averages = new Map([[resting, tensor([0])]]);
      optimiser.step({ average: { decay: 0.75, averages } });
      expect([moving.item(), resting.item(), averages.get(resting)!.item()]).toEqual([-2.5, 2, 0.5]);
      optimiser.dispose();
    });
  });

  it("says a norm that is not finite and changes nothing", () => {
    const x = parameter(tensor([2, 3]));
    const optimiser = new SGD([{ parameters: [x], ...plain }]);
    const average = tensor([0, 0]);
    x.mul(Infinity).sum().backward();
    expect(optimiser.step({ average: { decay: 0.5, averages: new Map([[x, average]]) } })).toBe(Infinity);
    expect([x.toList(), average.toList()]).toEqual([
      [2, 3],
      [0, 0],
    ]);
  });

  it("scales gradients of all parameters together, and only when they are too long", () => {
    const moved = (maxGradientNorm: number) => {
      const [a, b] = [parameter(tensor([0])), parameter(tensor([0]))];
      a.mul(3).add(b.mul(4)).sum().backward();
      const optimiser = new SGD([{ parameters: [a, b], lr: 1, momentum: 0, weightDecay: 0, nesterov: false }]);
      expect(optimiser.step({ maxGradientNorm })).toBeCloseTo(5, 6);
      return [a.item(), b.item()];
    };
    expect(moved(10)).toEqual([-3, -4]);
    expect(moved(1)).toEqual([expect.closeTo(-0.6, 5), expect.closeTo(-0.8, 5)]);
  });

  it("continues from saved momentum as if it had never stopped", () => {
    const run = (interrupt: boolean) => {
      const x = parameter(randnOnce().to({ memoryFormat: "channels_last" }));
      const make = () => new SGD([{ parameters: [x], lr: 0.05, momentum: 0.8, weightDecay: 0, nesterov: true }]);
      let optimiser = make();
      for (let step = 0; step < 4; step++) {
        if (interrupt && step === 2) {
          // As a checkpoint gives it back: in row-major memory.
          const saved = [...optimiser.stateDict()].map(
            ([name, each]) => [name, each.clone({ memory_format: "contiguous" })] as const,
          );
          optimiser = make();
          optimiser.loadStateDict(new Map(saved));
        }
        x.square().sum().backward();
        optimiser.step();
        optimiser.zeroGrad();
      }
      return x.toList();
    };
    expect(run(true)).toEqual(run(false));
  });

  const version = capabilities().version;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  it.skipIf(major < 2 || (major === 2 && minor < 3))(
    `steps as it does here where it must not wait for the norm (libtorch 2.3 or newer; here ${version})`,
    () => {
      const run = (step: "step" | "stepOnDevice", factor: number) => {
        manualSeed(4);
        const trained = [[8, 4, 3, 3], [6, 5, 1, 1], [17]].map((shape) => parameter(randn(shape)));
        const resting = parameter(tensor([2]));
        const averages = new Map([...trained, resting].map((each) => [each, each.detach().clone()]));
        const optimiser = new SGD([
          { parameters: trained.slice(0, 2), ...decayed },
          { parameters: [...trained.slice(2), resting], ...plain, weightDecay: 0.1 },
        ]);
        const norms = [1, 2, 3].map((n) => {
          scope(() => {
            for (const each of trained)
              each
                .sin()
                .mul(n * factor)
                .sum()
                .backward();
          });
          const norm = optimiser[step]({ maxGradientNorm: 3, average: { decay: 0.75, averages } });
          optimiser.zeroGrad();
          return typeof norm === "number" ? norm : norm.item();
        });
        return { norms, values: [...averages].flatMap(([each, average]) => [...each.toArray(), ...average.toArray()]) };
      };
      const [here, there] = [run("step", 1), run("stepOnDevice", 1)];
      const all = ({ norms, values }: ReturnType<typeof run>) => [...norms, ...values].map(Number);
      const difference = all(here).map((value, i) => Math.abs(value - all(there)[i]!));
      expect(Math.max(...difference)).toBeLessThan(1e-5);
      const infinite = run("stepOnDevice", Infinity);
      expect(infinite.norms).not.toContain(here.norms[0]);
      expect(infinite.values.every((value) => Number.isFinite(Number(value)))).toBe(true);
    },
  );

  it("leaves no tensor behind", () => {
    const x = parameter(tensor([1, 2, 3]));
    const optimiser = new SGD([{ parameters: [x], lr: 0.1, momentum: 0.9, weightDecay: 0.1, nesterov: true }]);
    const step = () => {
      scope(() => x.square().sum().backward());
      optimiser.step({ maxGradientNorm: 1 });
      optimiser.zeroGrad();
    };
    step();
    const afterFirst = memory().undisposedTensors;
    step();
    expect(memory().undisposedTensors).toBe(afterFirst);
    expect(x.grad).toBeUndefined();
  });
});

describe("follow", () => {
  it("averages many tensors, whatever their memory layouts", () => {
    scope(() => {
      const sources = [randn([2, 3, 4, 4]).to({ memoryFormat: "channels_last" }), randn([40_000])];
      const averages = [randn([2, 3, 4, 4]), randn([40_000])];
      const expected = averages.map((each, i) => each.mul(0.9).add(sources[i]!.mul(0.1)));
      follow({ decay: 0.9, averages: new Map(sources.map((source, i) => [source, averages[i]!])) });
      averages.forEach((each, i) => expect(largestDifference(each, expected[i]!)).toBeLessThan(1e-6));
    });
  });
});

function randnOnce(): Tensor {
  manualSeed(1);
  return randn([3, 4, 2, 2], { dtype: "float64" });
}

describe.runIf(cpuMultipliesBfloat16())("the norm of gradients that kernels summed already", () => {
  const conv = (): Conv2d => {
    manualSeed(5);
    return new Conv2d(32, 48, 3, { padding: 1 });
  };
  const backward = (layer: Conv2d): void =>
    scope(() => {
      const x = randn([2, 32, 8, 8]).to({ dtype: "bfloat16", memoryFormat: "channels_last" });
      layer.forward(x).to({ dtype: "float32" }).square().sum().backward();
    });
  const changes: { name: string; change: (layer: Conv2d) => void }[] = [
    { name: "as they came", change: () => undefined },
    { name: "of two backward passes", change: backward },
    { name: "changed in place", change: ({ weight }) => noGrad(() => weight.grad!.mul_(3)) },
    { name: "changed in part", change: ({ weight }) => noGrad(() => weight.grad!.narrow(0, 0, 1).zero_()) },
  ];
  it.each(changes)("is that of their values: $name", ({ change }) => {
    const layer = conv();
    backward(layer);
    change(layer);
    const expected = scope(() => layer.weight.grad!.to({ dtype: "float64" }).square().sum().sqrt().item());
    const optimiser = new SGD([{ parameters: [layer.weight], lr: 0, momentum: 0, weightDecay: 0, nesterov: false }]);
    expect(optimiser.step() / expected).toBeCloseTo(1, 5);
    optimiser.dispose();
  });
});
