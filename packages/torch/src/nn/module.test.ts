import { describe, expect, it } from "vitest";
import { BatchNorm2d, Conv2d, memory, Module, noGrad, randn, shapesOnly, type Tensor } from "../index.js";

class Block extends Module {
  readonly conv = new Conv2d(3, 4, 3, { padding: 1 });
  readonly norm = new BatchNorm2d(4);

  forward(input: Tensor): Tensor {
    return this.norm.forward(this.conv.forward(input));
  }
}

class Net extends Module {
  readonly stem = new Block();
  readonly layers = [new Conv2d(4, 2, 1, { bias: true }), new Conv2d(2, 2, 1)];
}

describe("Module", () => {
  it("can be made without memory, with the shapes and names of the real one", () => {
    const shapes = (net: Net) =>
      [...net.stateDict()].map(([name, tensor]) => `${name} ${tensor.shape.join()} ${tensor.dtype}`);
    const hollow = shapesOnly(() => new Net());
    expect(shapes(hollow)).toEqual(shapes(new Net()));
    expect(hollow.stem.conv.weight.device).toBe("meta");
    expect(new Net().stem.conv.weight.device).toBe("cpu");
  });

  it("names parameters and buffers by the path of their properties, in order", () => {
    const net = new Net();
    expect([...net.stateDict().keys()]).toEqual([
      "stem.conv.weight",
      "stem.norm.weight",
      "stem.norm.bias",
      "stem.norm.running_mean",
      "stem.norm.running_var",
      "stem.norm.num_batches_tracked",
      "layers.0.weight",
      "layers.0.bias",
      "layers.1.weight",
    ]);
    expect(net.parameters().map(([name]) => name)).not.toContain("stem.norm.running_var");
    expect(net.modules().map(([name]) => name)).toEqual(["", "stem", "stem.conv", "stem.norm", "layers.0", "layers.1"]);
  });

  it("lists everything that does not fit when loading, and copies nothing then", () => {
    const net = new Net();
    const state = net.stateDict();
    const before = net.stem.conv.weight.toArray();
    state.delete("layers.1.weight");
    state.set("other", randn([1]));
    state.set("layers.0.bias", randn([3]));
    state.set("stem.conv.weight", randn([4, 3, 3, 3]));
    expect(() => net.loadStateDict(state)).toThrow(
      /missing: layers\.1\.weight\s+unexpected: other\s+wrong shape: layers\.0\.bias is \[3\], the model has \[2\]/,
    );
    expect(net.stem.conv.weight.toArray()).toEqual(before);
  });

  it("copies a state from one model to another", () => {
    const [from, to] = [new Net(), new Net()];
    to.loadStateDict(from.stateDict());
    expect(to.layers[0]!.weight.toArray()).toEqual(from.layers[0]!.weight.toArray());
    expect(to.layers[0]!.weight.requiresGrad).toBe(true);
  });

  it("converts floating tensors, leaves counters, and frees what it replaces", () => {
    const net = new Net();
    const before = memory().undisposedTensors;
    net.to({ dtype: "float64", memoryFormat: "channels_last" });
    expect(memory().undisposedTensors).toBe(before);
    expect(net.stem.conv.weight.dtype).toBe("float64");
    expect(net.stem.norm.num_batches_tracked.dtype).toBe("int64");
    expect(net.stem.conv.weight.requiresGrad).toBe(true);
    net.dispose();
    expect(memory().undisposedTensors).toBeLessThan(before);
  });

  it("normalises by the batch in training and by running statistics in evaluation", () => {
    const norm = new BatchNorm2d(2, { eps: 0, momentum: 0.5 });
    const input = randn([8, 2, 5, 5]).mul(3).add(1);
    const [mean, variance] = [input.mean([0, 2, 3]), input.var([0, 2, 3], false)];
    const output = norm.forward(input);
    expect(output.mean([0, 2, 3]).abs().max().item()).toBeLessThan(1e-5);
    expect(norm.running_mean.sub(mean.mul(0.5)).abs().sum().item()).toBeLessThan(1e-5);
    expect(norm.num_batches_tracked.item()).toBe(1);
    norm.eval();
    const evaluated = noGrad(() => norm.forward(input));
    expect(evaluated.sub(output).abs().max().item()).toBeGreaterThan(0.1);
    expect(variance.shape).toEqual([2]);
  });

  it("draws convolution weights uniformly in one over the root of the fan-in", () => {
    const conv = new Conv2d(16, 64, 3, { groups: 4 });
    const bound = 1 / Math.sqrt(4 * 9);
    const largest = conv.weight.abs().max().item();
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(0.98 * bound);
    expect(() => new Conv2d(3, 4, 1, { groups: 2 })).toThrow(/cannot have 2 groups/);
  });
});
