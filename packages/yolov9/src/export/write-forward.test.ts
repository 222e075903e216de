import { arange, cat, Conv2d, manualSeed, noGrad, rand, scope, tensor, type Tensor } from "@yolov9/torch";
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
import type { FeatureBlock, Head } from "../model/blocks/registry.js";
import { RepConv } from "../model/blocks/rep-conv.js";
import { RepCSP } from "../model/blocks/rep-csp.js";
import { Repeat } from "../model/blocks/repeat.js";
import { Concat, Upsample } from "../model/blocks/routing.js";
import { SPPCSPC } from "../model/blocks/sppcspc.js";
import { SPPELAN } from "../model/blocks/sppelan.js";
import { ExportError } from "./export-error.js";
import { OnnxGraph } from "./onnx-graph.js";
import { secondExtents, SizeSource, type Extents } from "./sizes.js";
import { ForwardWriter } from "./write-forward.js";

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

type Forward = (...inputs: Tensor[]) => Tensor[];

/** What `forward` calls as an ONNX file whose inputs have free sizes. @param shapes of the inputs, the last of which has the extents that are free */
function written(shapes: readonly number[][], forward: Forward, opset = 17): Uint8Array {
  const graph = new OnnxGraph("test");
  const [batch, , height, width] = shapes.at(-1) as [number, number, number, number];
  const recorded: Extents = { batch, height, width };
  const second = secondExtents(recorded);
  const values = shapes.map((_, i) => graph.input(`input${i}`, ["a", "b", "c", "d"]));
  const free = { batch: undefined, height: undefined, width: undefined };
  const sizes = new SizeSource(graph, values.at(-1)!, recorded, free);
  using writer = new ForwardWriter({ graph, opset, sizes });
  scope(() => {
    const inputs = shapes.map(([, channels, h, w]): [Tensor, Tensor] => [
      rand([batch, channels!, h!, w!]),
      rand([second.batch, channels!, (h! * second.height) / height, (w! * second.width) / width]),
    ]);
    inputs.forEach((twin, i) => writer.bind(twin, values[i]!));
    for (const [i, output] of writer.write(inputs, forward).entries()) {
      const dims = output[0].shape.map((_, axis) => `output${i}_${axis}`);
      graph.output(`output${i}`, writer.valueOf(output), dims);
    }
  });
  return graph.toFile(opset, new Map(), "0");
}

/** The largest difference, relative where values exceed one, between ONNX Runtime and libtorch on random inputs: of the given shapes, and twice as high and three times as many. */
async function largestDifference(shapes: readonly number[][], forward: Forward, opset?: number): Promise<number> {
  const session = await ort.InferenceSession.create(written(shapes, forward, opset));
  let largest = 0;
  for (const [batches, rows] of [
    [1, 1],
    [3, 2],
  ] as const) {
    const sizes = shapes.map(([batch, channels, height, width]) => [
      batch! * batches,
      channels!,
      height! * rows,
      width!,
    ]);
    const inputs = sizes.map((shape) => rand(shape));
    const wanted = noGrad(() =>
      scope(() => forward(...inputs).map((y) => ({ shape: y.shape, values: y.toArray() as Float32Array }))),
    );
    const feeds = inputs.map(
      (input, i) => [`input${i}`, new ort.Tensor("float32", input.toArray() as Float32Array, sizes[i])] as const,
    );
    const outputs = await session.run(Object.fromEntries(feeds));
    for (const [i, { shape, values }] of wanted.entries()) {
      const { dims, data } = outputs[`output${i}`]!;
      expect(dims).toEqual(shape);
      values.forEach(
        (value, at) =>
          (largest = Math.max(largest, Math.abs(value - (data as Float32Array)[at]!) / Math.max(1, Math.abs(value)))),
      );
    }
  }
  return largest;
}

describe("a block's forward as ONNX", () => {
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
    const difference = await largestDifference(shapes, (...inputs) => [block.forward(...inputs)]);
    expect(difference).toBeLessThan(2e-6);
  });

  it.each(["full", "depthwise"] as const)(
    "writes a head with decoupled sides and %s classes",
    async (classConvolution) => {
      const widths = { boxWidth: 16, classWidth: 8, classCount: 3, regMax: 16 };
      const options = { boxGroups: 4, classConvolution, ...widths, activation } as const;
      const head = withoutNorms(new DetectionHead([8, 12], options)).eval();
      const levels = [[2, 12, 6, 8], image];
      const difference = await largestDifference(levels, (coarse, fine) => head.forward(fine, coarse));
      expect(difference).toBeLessThan(2e-6);
    },
  );

  it("names the layers of a block", () => {
    const block = withoutNorms(new RepCSP(8, 12, { depth: 1, activation })).eval();
    const graph = new OnnxGraph("test");
    const recorded = { batch: 1, height: 8, width: 8 };
    const x = graph.input("x", [1, 8, 8, 8]);
    using writer = new ForwardWriter({ graph, opset: 17, sizes: new SizeSource(graph, x, recorded, recorded) });
    writer.name(block.stateDict());
    const twin = [rand([1, 8, 8, 8]), rand([2, 8, 24, 40])] as const;
    writer.bind(twin, x);
    expect(writer.valueOf(writer.write([twin], (input) => [block.forward(input)])[0]!)).toBe("Mul_4");
    const { node } = graph.toModel(17, new Map(), "0").graph;
    const convolutions = node.filter(({ op_type }) => op_type === "Conv").map(({ name }) => name);
    expect(convolutions).toEqual([
      "main.conv/Conv",
      "bottlenecks.0.reparameterised.fused/Conv",
      "bottlenecks.0.conv.conv/Conv",
      "bypass.conv/Conv",
      "merge.conv/Conv",
    ]);
  });
});

describe("libtorch's operators as ONNX", () => {
  const image = [2, 8, 12, 16];
  const other = rand([8, 1, 1]).keep();
  const projection = rand([8, 5]).keep();
  const cases: [string, (x: Tensor) => Tensor | Tensor[]][] = [
    ["arithmetic with numbers", (x) => x.add(2).mul(3).sub(x, { alpha: 0.5 }).div(4)],
    ["a constant that operators make", (x) => x.mul(arange(8).view([8, 1, 1]).add(1).reciprocal())],
    ["arithmetic with a constant", (x) => x.add(other).div(other.add(1))],
    ["powers and roots", (x) => [x.square(), x.pow(3), x.add(1).rsqrt(), x.sqrt()]],
    ["activations", (x) => [x.tanh(), x.sigmoid(), x.hardtanh(0.2, 0.8), x.silu(), x.sub(0.5).relu()]],
    ["limits", (x) => [x.clamp(0.2, 0.7), x.clamp(undefined, 0.5), x.clamp(0.5), x.maximum(other), x.minimum(other)]],
    ["means", (x) => [x.mean([2, 3]), x.mean([2, 3], true), x.mean(1, true), x.mean([1, 2]), x.mean([3])]],
    ["sums and extremes", (x) => [x.sum([1]), x.sum([2, 3], true), x.amax([2, 3]), x.amin([1], true)]],
    ["softmax", (x) => [x.softmax(1), x.softmax(-1), x.log_softmax(2)]],
    ["slices", (x) => [x.narrow(1, 2, 3), x.slice(2, 1, 9, 2), x.slice(3, -4), x.select(1, 3), ...x.split(3, 1)]],
    ["halves of what depends on the size", (x) => x.chunk(2, 3)],
    ["views", (x) => [x.flatten(2), x.view([x.shape[0]!, 2, 4, -1]), x.unsqueeze(1), x.mean([2], true).squeeze(2)]],
    [
      "a view with several free sizes",
      (x) => x.permute([2, 0, 3, 1]).reshape([x.shape[2]!, x.shape[0]! * x.shape[3]!, 8]),
    ],
    ["transposition", (x) => [x.transpose(1, 3), x.permute([0, 2, 3, 1])]],
    ["expansion", (x) => x.mean([2, 3], true).expand([-1, -1, x.shape[2]!, x.shape[3]!])],
    ["concatenation", (x) => [cat([x, x.mul(2)], 1), cat([x, x], 3)]],
    [
      "products of matrices",
      (x) => [x.permute([0, 2, 3, 1]).matmul(projection), x.flatten(0, 1).bmm(x.flatten(0, 1).transpose(1, 2))],
    ],
    [
      "mean pools",
      (x) => [x.avg_pool2d([2, 2], [1, 1]), x.avg_pool2d([3, 3], [2, 2], [1, 1]), x.adaptive_avg_pool2d([1, 1])],
    ],
    ["max pools", (x) => [x.max_pool2d([2, 2]), x.max_pool2d([3, 3], [1, 1], [1, 1], [1, 1])]],
    [
      "enlarging",
      (x) => [
        x.upsample_nearest2d([3 * x.shape[2]!, 2 * x.shape[3]!]),
        x.upsample_bilinear2d([2 * x.shape[2]!, 2 * x.shape[3]!], false),
      ],
    ],
    ["padding", (x) => x.constant_pad_nd([1, 2, 0, 3], 0.5)],
    ["shuffled pixels", (x) => x.pixel_shuffle(2)],
  ];

  it.each(cases)("writes %s for any size", async (_, forward) => {
    expect(await largestDifference([image], (x) => [forward(x)].flat())).toBeLessThan(2e-5);
    expect(await largestDifference([image], (x) => [forward(x)].flat(), 20)).toBeLessThan(2e-5);
  });

  it("refuses what it cannot translate", () => {
    const write = (forward: (x: Tensor) => Tensor) => () => written([image], (x) => [forward(x)]);
    expect(write((x) => x.cumsum(1))).toThrow(ExportError);
    expect(write((x) => x.cumsum(1))).toThrow("aten::cumsum has no ONNX translation: use other operators");
    expect(write((x) => x.relu().mul_(2))).toThrow(
      "aten::mul_ has no ONNX translation: it changes a tensor in place; use aten::mul",
    );
    expect(write((x) => x.upsample_nearest2d([16, 16]))).toThrow("anything but a whole factor");
    expect(write((x) => (x.shape[2]! > 12 ? x.relu() : x.sigmoid()))).toThrow(
      "its operators depend on the size of the input",
    );
    expect(write((x) => x.narrow(3, 0, x.shape[3]! - 5))).toThrow(ExportError);
    expect(write((x) => x.add(x.shape[2]!))).toThrow("depends on the size of the input");
    expect(write((x) => x.mul(tensor(x.shape[2]!)))).toThrow("a constant has other values");
  });
});
