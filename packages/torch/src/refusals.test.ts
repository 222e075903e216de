// What once corrupted memory or ended the process, and is an error now.
import { describe, expect, it } from "vitest";
import {
  BatchNorm2d,
  batchNormActivation,
  callOperator,
  Conv2d,
  customFunction,
  decodeLevels,
  enableGrad,
  fanOut,
  leaf,
  memory,
  noGrad,
  ones,
  parameter,
  randn,
  scope,
  setNumThreads,
  SGD,
  shapesOnly,
  tensor,
  zeros,
  type Tensor,
} from "./index.js";
import { bridge } from "./native.js";

const plain = { lr: 0.1, momentum: 0.9, weightDecay: 0, nesterov: false };

describe("decodeLevels", () => {
  const decode = ({ channels = 11, centres = [2, 4], strides = [1, 4], bins = 2 }) =>
    decodeLevels(
      [randn([1, channels, 2, 2])],
      { centres: randn(centres), strides: ones(strides) },
      { bins, objectness: false },
    );

  it("takes centres, strides and bins that belong to the levels", () => {
    expect(decode({}).shape).toEqual([1, 7, 4]);
    expect(() => decode({ strides: [1, 3] })).toThrow(
      /decode_levels: strides must be \[1, 4\], got float32 \[1, 3\] on cpu/,
    );
    expect(() => decode({ centres: [2, 400] })).toThrow(/decode_levels: centres must be \[2, 4\]/);
    expect(() => decode({ bins: -4 })).toThrow(/decode_levels: bins must be from 1 to \d+, got -4/);
    expect(() => decode({ bins: 1000 })).toThrow(/levels must be of at least 4000 channels, which 1000 bins take/);
    const other = [randn([1, 11, 2, 2]), randn([1, 9, 1, 1])];
    expect(() =>
      decodeLevels(other, { centres: randn([2, 5]), strides: ones([1, 5]) }, { bins: 2, objectness: false }),
    ).toThrow(/decode_levels: levels\[1\] must be as many images and channels as float32 \[1, 11, 2, 2\]/);
  });
});

describe("batchNormActivation", () => {
  const norm = (change: (norm: BatchNorm2d) => void = () => undefined) => {
    const made = new BatchNorm2d(4);
    change(made);
    return made;
  };
  const run = (first: BatchNorm2d, shape = [2, 4, 3, 3]) =>
    batchNormActivation({ input: randn(shape), norm: first }, undefined, "silu");

  it("takes values for each channel", () => {
    expect(() => run(norm(), [4, 3])).toThrow(/x1 must be \[B, C, H, W\]/);
    expect(() => run(norm((each) => (each.bias = zeros([2]))))).toThrow(
      /bias1 must be \[4\], one for every channel of x1, got float32 \[2\]/,
    );
    expect(() => run(norm((each) => (each.running_mean = zeros([3]))))).toThrow(/mean1 must be \[4\]/);
    expect(() => run(norm((each) => (each.running_var = zeros([4, 1]))))).toThrow(/variance1 must be \[4\]/);
    expect(() => run(norm((each) => (each.weight = zeros([4], { dtype: "int64" }))))).toThrow(
      /weight1 must be floating-point/,
    );
  });

  it("adds inputs of one type only", () => {
    const inputs = [randn([2, 4, 3, 3]), randn([2, 4, 3, 3]).to({ dtype: "float64" })] as const;
    const add = () =>
      batchNormActivation({ input: inputs[0], norm: norm() }, { input: inputs[1], norm: norm() }, "none");
    expect(add).toThrow(/x2 must be float32, got float64/);
  });

  it("refuses codes that are no activation, and a second input without its norm", () => {
    const { weight, bias, running_mean, running_var } = norm();
    const first = [randn([2, 4, 3, 3]), weight, bias, running_mean, running_var];
    const call = (second: unknown[], code: number) => () =>
      callOperator("yolov9::batch_norm_activation", "", [...first, ...second, true, 0.1, 1e-5, code]);
    for (const code of [-1, 3, 2 ** 40])
      expect(call(Array(5).fill(null), code)).toThrow(/activation must be from 0 to 2/);
    expect(call([randn([2, 4, 3, 3]), null, null, null, null], 1)).toThrow(/must be given together, got 1 of them/);
  });

  it("does not divide by a batch or by channels of nothing", () => {
    expect(() => run(norm(), [0, 4, 3, 3])).toThrow(/x1 must be not empty/);
    expect(() => new BatchNorm2d(0)).toThrow(/BatchNorm2d: channels must be a whole number from 1 to \d+, got 0/);
  });
});

describe("Conv2d", () => {
  it("has whole numbers that make a convolution", () => {
    expect(() => new Conv2d(3, 8, 3, { stride: 0 })).toThrow(
      /Conv2d: stride must be a whole number from 1 to \d+, got 0/,
    );
    expect(() => new Conv2d(3, 0, 3)).toThrow(/Conv2d: outChannels must be a whole number from 1/);
    expect(() => new Conv2d(3, 8, 3, { padding: -1 })).toThrow(/padding/);
    expect(() => new Conv2d(3, 8, 1.5)).toThrow(/kernel/);
    expect(() => new Conv2d(3, 8, 3, { groups: NaN })).toThrow(/groups/);
    expect(() => new Conv2d(3, 8, 5).forward(randn([1, 3, 4, 4]))).toThrow(/x must be of at least 5 pixels a side/);
  });

  it("refuses a bias that is too short, and weights without values", () => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const x = randn([1, 8, 6, 6]).to({ dtype });
      const conv = new Conv2d(8, 8, 3, { padding: 1, bias: true });
      conv.bias = zeros([2]);
      expect(() => noGrad(() => conv.forward(x))).toThrow(/convolution: bias must be \[8\], got float32 \[2\]/);
      const empty = shapesOnly(() => new Conv2d(8, 8, 3, { padding: 1 }));
      expect(() => empty.forward(x)).toThrow(/convolution: weight must be on cpu, got .* on meta/);
      expect(() => empty.pass(x)).toThrow(/convolution_passing: weight must be on cpu/);
    }
  });

  it("packs weights anew that were given other sizes without a sign", () => {
    const conv = new Conv2d(8, 8, 3, { padding: 1 });
    const x = randn([1, 8, 6, 6]).to({ dtype: "bfloat16" });
    noGrad(() => conv.forward(x));
    conv.weight.requiresGrad = false;
    callOperator("aten::set_data", "", [conv.weight, randn([64, 8, 3, 3])]);
    const own = noGrad(() => conv.forward(x)).to({ dtype: "float32" });
    expect(own.shape).toEqual([1, 64, 6, 6]);
    const exact = callOperator("aten::conv2d", "", [x.to({ dtype: "float32" }), conv.weight, null, 1, 1]) as Tensor;
    expect(own.sub(exact).abs().max().item()).toBeLessThan(0.1);
  });

  it("has parameters without values of any size", () => {
    const { liveBytes } = memory();
    scope(() => {
      const conv = shapesOnly(() => new Conv2d(3, 1_000_000_000, 3));
      expect(conv.weight.shape).toEqual([1_000_000_000, 3, 3, 3]);
      const huge = callOperator("aten::empty", "memory_format", [[2 ** 60], "int8", undefined, "meta"]) as Tensor;
      expect(huge.keep().shape).toEqual([2 ** 60]);
      expect(memory().liveBytes).toBe(liveBytes);
      conv.dispose();
      huge.dispose();
    });
  });
});

describe("SGD", () => {
  const trained = (): Tensor => {
    const x = parameter(randn([4, 3]));
    x.square().sum().backward();
    return x;
  };

  it("refuses averages of other shapes", () => {
    const x = trained();
    const step = () =>
      new SGD([{ parameters: [x], ...plain }]).step({
        average: { decay: 0.9, averages: new Map([[x, zeros([4, 300])]]) },
      });
    expect(step).toThrow(/sgd_step: averages\[0\] must be \[4, 3\], got float32 \[4, 300\]/);
  });

  it("refuses parameters that were resized", () => {
    const x = trained();
    const optimiser = new SGD([{ parameters: [x], ...plain }]);
    optimiser.step();
    x.requiresGrad = false;
    callOperator("aten::resize_", "", [x, [400, 300]]);
    expect(() => optimiser.step()).toThrow(
      /the gradient of parameters\[0\] must be \[400, 300\], got float32 \[4, 3\]/,
    );
  });

  it("refuses momenta of other sizes or types", () => {
    const step = (momentum: Tensor) => () =>
      callOperator("yolov9::sgd_step", "", [[trained()], [momentum], [null], 1, 0.1, 0.9, 0, true, 0, true]);
    expect(step(zeros([2, 3]))).toThrow(/sgd_step: momenta\[0\] must be \[4, 3\], got float32 \[2, 3\]/);
    expect(step(zeros([4, 3], { dtype: "uint8" }))).toThrow(/sgd_step: momenta\[0\] must be float32, got uint8/);
    expect(step(zeros([4, 3]).to({ device: "meta" }))).toThrow(/momenta\[0\] must be on cpu/);
  });

  it("refuses a list with a tensor missing", () => {
    const list = bridge.makeTensorList([null]);
    const clear = bridge.findOperator("yolov9::clear_gradients", "");
    expect(() => bridge.callOperator(clear, [list])).toThrow(/a Tensor of the list is missing/);
  });
});

describe("withArray", () => {
  it("shows memory that outlives its tensor", () => {
    const x = tensor(Float32Array.from({ length: 100_000 }, (_, i) => i));
    const sum = x.withArray((elements) => {
      x.dispose();
      // Whoever asks next would get memory that was freed.
      scope(() => void Array.from({ length: 20 }, () => zeros([100_000])));
      return Array.from(elements, Number).reduce((total, element) => total + element, 0);
    });
    expect(sum).toBe((100_000 * 99_999) / 2);
  });

  it("shows memory that its tensor gave up for larger one", () => {
    const x = tensor([1, 2, 3]);
    x.withArray((outer) => {
      x.withArray((inner) => {
        callOperator("aten::resize_", "", [x, [1_000_000]]);
        x.fill_(7);
        expect(Array.from(inner, Number)).toEqual([1, 2, 3]);
      });
      expect(Array.from(outer, Number)).toEqual([1, 2, 3]);
    });
    expect(x.withArray((elements) => elements.length)).toBe(1_000_000);
  });

  it("takes back only what was lent, once", () => {
    const lent = bridge.lend(tensor([1, 2]).handle)!;
    bridge.takeBack(lent);
    expect(() => bridge.takeBack(lent)).toThrow(/expected an ArrayBuffer that lend made/);
    expect(() => bridge.takeBack(new ArrayBuffer(8))).toThrow(/expected an ArrayBuffer that lend made/);
  });
});

describe("the bridge", () => {
  it("tells its external values apart", () => {
    const list = bridge.makeTensorList([tensor(1).handle]);
    for (const value of [tensor(1).handle, list, undefined, {}]) {
      expect(() => bridge.disposePlan(value as never)).toThrow("expected a plan");
      expect(() => bridge.runPlan(value as never, new Uint8Array(1), new Float32Array(1))).toThrow("expected a plan");
    }
    expect(() => bridge.shape(list as never)).toThrow("expected a Tensor");
  });

  it("makes no plan of features outside its memory", () => {
    const slice = { offset: 0, pixelStride: 8, channels: 8, height: 4, width: 4 };
    const plan =
      (change: object, batch = 1) =>
      () =>
        bridge.makePlan({
          batch,
          dtype: "float32",
          imageBytes: 0,
          predictionCount: 0,
          memoryBytes: 512,
          steps: [{ kind: "copy", reads: [slice], writes: [{ ...slice, ...change }], constants: [], numbers: [] }],
        });
    expect(plan({})).not.toThrow();
    for (const change of [
      { offset: 128 },
      { offset: -64 },
      { offset: 2 },
      { height: 4000 },
      { channels: 9 },
      { width: 2 ** 40 },
    ]) {
      expect(plan(change)).toThrow(/plan: /);
    }
    expect(plan({}, 2 ** 31 - 1)).toThrow(/do not lie in/);
  });

  it("bounds counts before anything is made", () => {
    expect(() => fanOut(randn([1, 2, 2, 2]), 1e12)).toThrow(/fan_out: count must be from 1 to 4096/);
    expect(() => setNumThreads(1e9)).toThrow(/threads must be from 1 to 1024/);
    const shape = Array.from({ length: 65 }, () => 1);
    expect(() => bridge.fromBytes(new Uint8Array(4), "float32", shape)).toThrow(/65 dimensions/);
    expect(() => bridge.fromBytes(new Uint8Array(4), "float32", [2 ** 40, 2 ** 40])).toThrow(/takes too many bytes/);
    expect(() => callOperator("yolov9::unit_images", "", [zeros([1, 3, 2, 2], { dtype: "uint8" }), 99])).toThrow(
      /expected a string/,
    );
  });

  it("takes no generator state that points outside its numbers", () => {
    const state = bridge.toBytes(bridge.generatorState());
    const view = new DataView(state);
    view.setInt32(8, 600, true);
    view.setBigUint64(16, 600n, true);
    const changed = tensor(new Uint8Array(state));
    expect(() => bridge.setGeneratorState(changed.handle)).toThrow(/has 600 numbers left after the first 600 of 624/);
  });

  it("lets a backward pass dispose of what it began from", () => {
    const x = leaf(randn([3]));
    const [y] = customFunction({
      inputs: [x],
      forward: () => ({ outputs: [x.mul(2)], saved: [] }),
      backward: (_, [gradient]) => {
        root.dispose();
        return [enableGrad(() => gradient!.mul(2))];
      },
    });
    const root = y!.sum();
    root.backward();
    expect(x.grad!.toList()).toEqual([2, 2, 2]);
  });
});
