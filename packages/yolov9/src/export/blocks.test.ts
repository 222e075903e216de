import { Conv2d, manualSeed, noGrad, rand, scope, type Tensor } from "@yolov9/torch";
import * as ort from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { Dark, RepBottleneck, Res } from "../model/blocks/bottleneck.js";
import { CBFuse, CBLinear } from "../model/blocks/composite-backbone.js";
import { Conv } from "../model/blocks/conv.js";
import { DetectionHead } from "../model/blocks/detect.js";
import { AConv, ADown } from "../model/blocks/downsample.js";
import { ELAN1 } from "../model/blocks/elan1.js";
import { GELAN } from "../model/blocks/gelan.js";
import { MaxPool } from "../model/blocks/max-pool.js";
import { FeatureBlock, type Head } from "../model/blocks/registry.js";
import { RepConv } from "../model/blocks/rep-conv.js";
import { RepCSP } from "../model/blocks/rep-csp.js";
import { Repeat } from "../model/blocks/repeat.js";
import { Concat, Upsample } from "../model/blocks/routing.js";
import { SPPCSPC } from "../model/blocks/sppcspc.js";
import { SPPELAN } from "../model/blocks/sppelan.js";
import { exportBlock, ExportError } from "./block-exporters.js";
import { exportHead } from "./blocks.js";
import { OnnxGraph, type Value } from "./onnx-graph.js";

const activation = "silu";

/** Puts every Conv and RepConv below into its fused form with fresh random weights: what is compared is the graph. */
function withoutNorms<Block extends FeatureBlock | Head>(block: Block): Block {
  for (const [, module] of block.modules()) {
    if (module instanceof Conv) {
      const { conv } = module;
      const [out, inner] = conv.weight.shape;
      const { kernel, stride, padding, groups, dilation } = conv;
      module.norm = undefined;
      module.conv = new Conv2d(inner! * groups, out!, kernel, { stride, padding, groups, dilation, bias: true });
    } else if (module instanceof RepConv) {
      const [out, inner] = module.spatial!.conv.weight.shape;
      module.spatial = undefined;
      module.pointwise = undefined;
      module.fused = new Conv2d(inner!, out!, 3, { padding: 1, bias: true });
    }
  }
  return block;
}

/** The largest difference between ONNX Runtime and libtorch on random inputs of the given shapes. */
async function largestDifference(
  shapes: readonly number[][],
  forward: (inputs: Tensor[]) => Tensor[],
  write: (graph: OnnxGraph, inputs: Value[]) => Value[],
): Promise<number> {
  const inputs = shapes.map((shape) => rand(shape));
  const expected = noGrad(() => scope(() => forward(inputs).map((output) => output.toArray() as Float32Array)));
  const graph = new OnnxGraph("test");
  const values = shapes.map((_, i) => graph.input(`input${i}`, ["a", "b", "c", "d"]));
  for (const [i, value] of write(graph, values).entries()) graph.output(`output${i}`, value, ["w", "x", "y", "z"]);
  const session = await ort.InferenceSession.create(graph.toFile(17, new Map(), "0"));
  const feeds = inputs.map(
    (input, i) => [`input${i}`, new ort.Tensor("float32", input.toArray() as Float32Array, shapes[i])] as const,
  );
  const outputs = await session.run(Object.fromEntries(feeds));
  return Math.max(
    ...expected.map((values, i) => {
      const actual = outputs[`output${i}`]!.data as Float32Array;
      expect(actual.length).toBe(values.length);
      return values.reduce((largest, value, at) => Math.max(largest, Math.abs(value - actual[at]!)), 0);
    }),
  );
}

describe("block exporters", () => {
  beforeAll(() => {
    manualSeed(7);
  });

  const image = [2, 8, 12, 16];
  const cases: [string, () => FeatureBlock, number[][]][] = [
    ["Conv with stride and groups", () => new Conv(8, 16, { kernel: 3, stride: 2, groups: 4, activation }), [image]],
    ["Conv with dilation and relu", () => new Conv(8, 16, { kernel: 3, dilation: 2, activation: "relu" }), [image]],
    ["Conv without activation", () => new Conv(8, 4, { kernel: 1, activation: "none" }), [image]],
    ["RepConv", () => new RepConv(8, 8, { activation }), [image]],
    ["RepBottleneck with residual", () => new RepBottleneck(8, 8, activation), [image]],
    ["RepBottleneck without residual", () => new RepBottleneck(8, 12, activation), [image]],
    ["Res", () => new Res(8, 8, activation), [image]],
    ["Dark", () => new Dark(8, 8, activation), [image]],
    ["RepCSP", () => new RepCSP(8, 12, { depth: 2, activation }), [image]],
    [
      "GELAN",
      () =>
        new GELAN(8, 20, {
          hidden: [12, 8],
          elanDepth: 3,
          inner: (from, to) => new RepCSP(from, to, { depth: 1, activation }),
          activation,
        }),
      [image],
    ],
    ["ELAN1", () => new ELAN1(8, 20, { hidden: [12, 8], depth: 2, activation }), [image]],
    ["ELAN1 of depth 4", () => new ELAN1(8, 20, { hidden: [12, 8], depth: 4, activation }), [image]],
    ["SPPCSPC", () => new SPPCSPC(8, 12, activation), [image]],
    ["MaxPool that halves", () => new MaxPool(2, 2), [image]],
    ["MaxPool that keeps the size", () => new MaxPool(5, 1), [image]],
    ["Repeat", () => new Repeat([new Res(8, 8, activation), new Dark(8, 8, activation)]), [image]],
    ["SPPELAN", () => new SPPELAN(8, 16, { hidden: 4, activation }), [image]],
    ["AConv", () => new AConv(8, 16, activation), [image]],
    ["ADown", () => new ADown(8, 16, activation), [image]],
    ["Upsample", () => new Upsample(2), [image]],
    ["Concat", () => new Concat(), [image, [2, 3, 12, 16]]],
    ["CBLinear", () => new CBLinear(8, [4, 8]), [image]],
    [
      "CBFuse",
      () =>
        new CBFuse([
          { start: 4, length: 6 },
          { start: 0, length: 6 },
        ]),
      [
        [2, 12, 3, 4],
        [2, 6, 6, 8],
        [2, 6, 12, 16],
      ],
    ],
  ];

  it.each(cases)("writes %s so that ONNX Runtime computes what libtorch does", async (_, make, shapes) => {
    const block = withoutNorms(make()).eval();
    const difference = await largestDifference(
      shapes,
      (inputs) => [block.forward(...inputs)],
      (graph, inputs) => [exportBlock(graph, block, inputs)],
    );
    expect(difference).toBeLessThan(2e-6);
  });

  it.each(["full", "depthwise"] as const)(
    "writes a head with decoupled sides and %s classes",
    async (classConvolution) => {
      const widths = { boxWidth: 16, classWidth: 8, classCount: 3, regMax: 16 };
      const options = { boxGroups: 4, classConvolution, ...widths, activation } as const;
      const head = withoutNorms(new DetectionHead([8, 12], options)).eval();
      const difference = await largestDifference(
        [image, [2, 12, 6, 8]],
        (inputs) => head.forward(...inputs),
        (graph, inputs) => exportHead(graph, head, inputs),
      );
      expect(difference).toBeLessThan(2e-6);
    },
  );

  it("refuses what is not fused, and a block that nobody registered", () => {
    class Unknown extends FeatureBlock {
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const graph = new OnnxGraph("test");
    expect(() => exportBlock(graph, new Conv(3, 4, { kernel: 1, activation }), ["x"])).toThrow("fuse the model");
    expect(() => exportBlock(graph, new RepConv(4, 4, { activation }), ["x"])).toThrow("fuse the model");
    expect(() => exportBlock(graph, new Unknown(), ["x"])).toThrow(ExportError);
    expect(() => exportBlock(graph, new Unknown(), ["x"])).toThrow("registerBlockExporter(Unknown");
  });
});
