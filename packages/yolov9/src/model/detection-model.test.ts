import { manualSeed, memory, noGrad, rand, scope, zeros, type Tensor } from "@yolov9/torch";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { Conv } from "./blocks/conv.js";
import { RepConv } from "./blocks/rep-conv.js";
import { FeatureBlock, registerBlock } from "./blocks/registry.js";
import { withAuxiliary } from "./auxiliary/with-auxiliary.js";
import { buildModel, type BuildOptions, type DetectionModel } from "./detection-model.js";
import { loadModelSpec, parseModelSpec } from "./file/spec-file.js";

/** Owned by the running test. */
const built: DetectionModel[] = [];

function build(spec: Parameters<typeof buildModel>[0], options: BuildOptions = {}): DetectionModel {
  const model = buildModel(spec, options);
  built.push(model);
  return model;
}

beforeEach(() => manualSeed(1));
afterEach(() => {
  for (const model of built.splice(0)) model.dispose();
});

const shapes = (levels: Tensor[]) => levels.map((level) => level.shape);

describe("a built model", () => {
  it("has the strides that its outputs have", () => {
    const model = build(loadModelSpec("yolov9-t"), { classCount: 3 });
    expect(model.strides).toEqual([8, 16, 32]);
    scope(() => {
      const { lead, auxiliaries } = model.forward(zeros([2, 3, 64, 96]));
      const expected = [
        [2, 67, 8, 12],
        [2, 67, 4, 6],
        [2, 67, 2, 3],
      ];
      expect(shapes(lead)).toEqual(expected);
      expect(auxiliaries.map(shapes)).toEqual([expected]);
    });
  });

  it("runs the auxiliary branch while training, and in evaluation only when asked", () => {
    const model = build(loadModelSpec("yolov9-t"), { classCount: 1 }).eval();
    scope(() => {
      const images = zeros([1, 3, 32, 32]);
      expect(model.forward(images).auxiliaries).toHaveLength(0);
      expect(model.forward(images, { auxiliary: true }).auxiliaries).toHaveLength(1);
    });
  });

  it("starts with few expected objects and with wide boxes", () => {
    const model = build(loadModelSpec("gelan-t"));
    const state = model.stateDict();
    const biases = [0, 1, 2].map((i) => state.get(`head.detect.classes.${i}.predict.bias`)!.toArray());
    expect(biases.map((bias) => bias.length)).toEqual([80, 80, 80]);
    const starts = biases.map((bias) => Number(bias[79]));
    for (const [i, expected] of [-11.54, -10.15, -8.76].entries()) expect(starts[i]).toBeCloseTo(expected, 2);
    expect(state.get("head.detect.boxes.0.predict.bias")!.toList()).toEqual(Array(64).fill(1));
  });

  it("starts batch norms afresh with the published epsilon and momentum", () => {
    const model = build(loadModelSpec("gelan-t"));
    const norms = model.modules().flatMap(([, module]) => (module instanceof Conv ? [module.norm!] : []));
    expect(norms).toHaveLength(221);
    expect(new Set(norms.map(({ eps, momentum }) => `${eps} ${momentum}`))).toEqual(new Set(["0.001 0.03"]));
    expect(norms[0]!.num_batches_tracked.item()).toBe(0);
    expect(norms[0]!.running_var.toList()).toEqual(Array(16).fill(1));
  });

  it("holds the published number of convolutions, norms and RepConvs", () => {
    const modules = build(loadModelSpec("yolov9-t")).modules();
    const count = (Class: typeof Conv | typeof RepConv) =>
      modules.filter(([, module]) => module instanceof Class).length;
    expect(count(Conv)).toBe(291);
    expect(count(RepConv)).toBe(54);
  });

  it("writes what it was built with into its spec", () => {
    const names = ["red", "white", "platelet"];
    const model = build(loadModelSpec("yolov9-t-published"), { names, activation: "relu" });
    const again = build(parseModelSpec(JSON.parse(JSON.stringify(model.spec))));
    expect(again.classCount).toBe(3);
    expect([...again.stateDict()].map(([path, { shape }]) => [path, shape])).toEqual(
      [...model.stateDict()].map(([path, { shape }]) => [path, shape]),
    );
    expect(again.stateDict().get("head.detect.classes.0.first.conv.weight")!.shape[0]).toBe(80);
  });

  it("refuses names that do not match the number of classes", () => {
    expect(() => build(loadModelSpec("gelan-t"), { classCount: 2, names: ["a"] })).toThrow(
      "1 class names were given for 2 classes",
    );
  });

  it("leaves no tensor behind after a training step and an evaluation", () => {
    const model = build(loadModelSpec("yolov9-t"), { classCount: 2 });
    const step = () =>
      scope(() => {
        const { lead, auxiliaries } = model.train().forward(rand([1, 3, 64, 64]));
        const total = [...lead, ...auxiliaries.flat()].map((level) => level.mean());
        total.reduce((a, b) => a.add(b)).backward();
        noGrad(() => model.decode(model.eval().forward(rand([1, 3, 64, 64])).lead));
      });
    step();
    const before = memory().undisposedTensors;
    step();
    expect(memory().undisposedTensors).toBe(before);
  });

  it("frees features in evaluation before the forward pass ends", () => {
    const model = build(loadModelSpec("gelan-t"), { classCount: 1 }).eval();
    const before = memory().undisposedTensors;
    scope(() =>
      noGrad(() => {
        model.forward(zeros([1, 3, 32, 32]));
        expect(memory().undisposedTensors - before).toBe(4); // the images and three levels
      }),
    );
  });
});

describe("a model that checkpoints activations", () => {
  const reversible = withAuxiliary(loadModelSpec("gelan-t"), { backbone: "reversible", columns: 2 });
  it.each([
    ["yolov9-t", loadModelSpec("yolov9-t")],
    ["gelan-t with reversible columns", reversible],
  ])("has the outputs, gradients and statistics of one that keeps them (%s)", (_, spec) => {
    const run = (checkpointing: boolean) => {
      manualSeed(4);
      const model = build(spec, { classCount: 2 }).to({ dtype: "float64" }).train();
      model.checkpointing = checkpointing;
      const { lead, auxiliaries } = model.forward(rand([2, 3, 64, 64], { dtype: "float64" }));
      const outputs = [...lead, ...auxiliaries.flat()];
      outputs
        .map((level, i) =>
          level
            .sin()
            .mean()
            .mul(i + 1),
        )
        .reduce((a, b) => a.add(b))
        .backward();
      return {
        outputs,
        gradients: model.parameters().map(([, parameter]) => parameter.grad!),
        buffers: model.buffers().map(([, buffer]) => buffer.to({ dtype: "float64" })),
      };
    };
    scope(() => {
      const [kept, again] = [run(false), run(true)];
      expect(kept.gradients.length).toBeGreaterThan(500);
      for (const part of ["outputs", "gradients", "buffers"] as const) {
        const differences = kept[part].map((tensor, i) => {
          const scale = tensor.detach().abs().max().item();
          return tensor.detach().sub(again[part][i]!.detach()).abs().max().item() / Math.max(scale, 1e-6);
        });
        expect(Math.max(...differences), part).toBeLessThan(1e-9);
      }
    });
  });

  it("leaves no tensor behind after a step", () => {
    const model = build(loadModelSpec("gelan-t"), { classCount: 1 }).train();
    model.checkpointing = true;
    const step = () => {
      scope(() => {
        const { lead } = model.forward(rand([1, 3, 64, 64]));
        lead.reduce((sum, level) => sum.add(level.mean()), lead[0]!.mean()).backward();
      });
      for (const [, parameter] of model.parameters()) parameter.clearGrad();
    };
    step();
    step();
    const before = memory().undisposedTensors;
    step();
    expect(memory().undisposedTensors).toBe(before);
  });
});

describe("decode", () => {
  it("spans a box from its anchor by the expected distances", () => {
    const model = build(loadModelSpec("gelan-t"), { classCount: 1 });
    scope(() => {
      const levels = [8, 4, 2].map((size) => zeros([1, 65, size, size]));
      // At level 1 (stride 16), cell x 2, y 1: left, top, right, bottom = 0, 1, 2, 3 cells and the class logit ln 3.
      for (const side of [0, 1, 2, 3])
        levels[1]!
          .select(1, side * 16 + side)
          .select(1, 1)
          .select(1, 2)
          .fill_(100);
      levels[1]!.select(1, 64).select(1, 1).select(1, 2).fill_(Math.log(3));
      const decoded = model.decode(levels);
      expect(decoded.shape).toEqual([1, 5, 64 + 16 + 4]);
      const anchor = (index: number) => decoded.select(2, index).toArray();
      const [cx, cy, w, h, score] = anchor(64 + 4 + 2);
      // Anchor (2.5, 1.5) cells: x1 = 2.5, y1 = 0.5, x2 = 4.5, y2 = 4.5 cells.
      expect([cx, cy, w, h].map(Number)).toEqual([56, 40, 32, 64]);
      expect(Number(score)).toBeCloseTo(0.75, 6);
      // Equal bins: every distance is 7.5 cells, to the rounding of float32.
      const middle = [...anchor(0)].map(Number);
      for (const [i, expected] of [4, 4, 120, 120, 0.5].entries()) expect(middle[i]).toBeCloseTo(expected, 4);
    });
  });

  it("decodes half-precision levels in float32", () => {
    const model = build(loadModelSpec("gelan-t"), { classCount: 1 });
    scope(() => {
      const levels = [80, 40, 20].map((size) => zeros([1, 65, size, size], { dtype: "float16" }));
      const decoded = model.decode(levels);
      expect(decoded.dtype).toBe("float32");
      expect(decoded.select(2, 6399).toArray()[0]).toBe(636);
    });
  });
});

describe("a registered block", () => {
  class Gate extends FeatureBlock {
    readonly conv: Conv;

    constructor(channels: number) {
      super();
      this.conv = new Conv(channels, channels, { kernel: 1, activation: "none" });
    }

    forward(x: Tensor): Tensor {
      return x.mul(this.conv.forward(x).sigmoid());
    }
  }

  it("works as a row and inside GELAN", () => {
    registerBlock({
      name: "Gate",
      inputs: "one",
      options: z.strictObject({ out: z.int() }),
      output: ([input], { out }) => ({ channels: out, stride: input!.stride }),
      build: (_, { out }) => new Gate(out),
    });
    const spec = parseModelSpec({
      name: "gated",
      backbone: [
        { name: "stem", block: "Conv", out: 16, stride: 2 },
        { name: "gate", block: "Gate", out: 16 },
        { name: "body", block: "GELAN", out: 16, hidden: [16, 8], inner: "Gate" },
      ],
      head: [{ name: "detect", from: "body", block: "Detect" }],
    });
    const model = build(spec, { classCount: 2 });
    scope(() => expect(shapes(model.forward(zeros([1, 3, 8, 8])).lead)).toEqual([[1, 66, 4, 4]]));
    expect(model.stateDict().has("backbone.body.stages.1.inner.conv.norm.running_var")).toBe(true);
  });
});
