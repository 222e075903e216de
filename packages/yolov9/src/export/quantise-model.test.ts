import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualSeed, rand, randn, scope } from "@yolov9/torch";
import * as ort from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { calibrate, type CalibrationImage } from "./calibrate.js";
import { OnnxGraph, type Value } from "./onnx-graph.js";
import { encodeModel, type ModelProto } from "./onnx-schema.js";
import { concatChannels, enlargeNearest, maxPool, silu } from "./operators/layers.js";
import { measuredTensors, quantisationPlan } from "./quantisation-plan.js";
import { quantiseModel } from "./quantise-model.js";

const SIDE = 16;

function random(make: typeof randn, shape: readonly number[]): Float32Array {
  return scope(() => make([...shape]).toArray() as Float32Array);
}

function convolution(graph: OnnxGraph, x: Value, from: number, to: number): Value {
  const shape = [to, from, 3, 3] as const;
  const weight = random(randn, shape).map((w) => w / Math.sqrt(9 * from));
  const bias = random(randn, [to]).map((b) => b / 4);
  const inputs = [x, graph.weights("weight", weight, shape), graph.weights("bias", bias, [to])];
  return graph.node("Conv", inputs, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
}

/** Three convolutions in all, with everything in between that the plan knows. The last one stays float32. */
function model(): ModelProto {
  const graph = new OnnxGraph("test");
  const image = graph.input("images", [1, 3, SIDE, SIDE]);
  const first = graph.node("Relu", [convolution(graph, image, 3, 8)]);
  const second = silu(graph, convolution(graph, first, 8, 8));
  const sum = graph.node("Add", [first, second]);
  const [a, b] = graph.nodes("Split", [sum, graph.integers([4, 4])], 2, { axis: 1 });
  const pooled = maxPool(graph, b!, { kernel: [2, 2], stride: [2, 2], padding: [0, 0] });
  const enlarged = enlargeNearest(graph, pooled, [2, 2]);
  const last = convolution(graph, concatChannels(graph, [a, enlarged]), 8, 4);
  graph.output("output0", graph.node("Sigmoid", [last]), [1, 4, SIDE, SIDE]);
  return graph.toModel(17, new Map(), "0");
}

async function* pictures(count: number): AsyncGenerator<CalibrationImage> {
  for (let i = 0; i < count; i++) {
    yield await Promise.resolve({ pixels: random(rand, [3, SIDE, SIDE]), height: SIDE, width: SIDE });
  }
}

async function run(written: ModelProto, pixels: Float32Array): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(encodeModel(written));
  const { output0 } = await session.run({ images: new ort.Tensor("float32", pixels, [1, 3, SIDE, SIDE]) });
  return output0!.data as Float32Array;
}

/** How often an operator is named in the graph that ONNX Runtime makes of a model. */
async function optimisedOperators(written: ModelProto, operator: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "yolov9-int8-"));
  try {
    const optimizedModelFilePath = join(folder, "optimised.onnx");
    const options = { optimizedModelFilePath, graphOptimizationLevel: "extended", logSeverityLevel: 3 } as const;
    await (await ort.InferenceSession.create(encodeModel(written), options)).release();
    // As protobuf writes the field op_type: its tag, the length, the name.
    const name = `\x22${String.fromCharCode(operator.length)}${operator}`;
    return readFileSync(optimizedModelFilePath, "latin1").split(name).length - 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("quantiseModel", () => {
  beforeAll(() => {
    manualSeed(5);
  });

  it("computes nearly the same, in integers but for the last convolution", async () => {
    const float = model();
    const plan = quantisationPlan(float.graph);
    const ranges = await calibrate(float, measuredTensors(plan), pictures(8));
    const integer = quantiseModel(float, plan, ranges);
    const [{ pixels }] = [(await pictures(1).next()).value as CalibrationImage];
    const [expected, actual] = [await run(float, pixels), await run(integer, pixels)];
    const mean = expected.reduce((sum, x) => sum + x, 0) / expected.length;
    const spread = Math.sqrt(expected.reduce((sum, x) => sum + (x - mean) ** 2, 0) / expected.length);
    const error = Math.sqrt(expected.reduce((sum, x, i) => sum + (x - actual[i]!) ** 2, 0) / expected.length);
    expect(error).toBeGreaterThan(0);
    expect(error / spread).toBeLessThan(0.03);
    expect(await optimisedOperators(integer, "QLinearConv")).toBe(2);
    expect(await optimisedOperators(integer, "FusedConv")).toBe(1);
    expect(await optimisedOperators(integer, "QLinearConcat")).toBe(1);
    expect(await optimisedOperators(integer, "QLinearSigmoid")).toBe(1);
    expect(await optimisedOperators(integer, "Relu")).toBe(0);
  });

  it("gives the parts of a tensor its range, and ReLU's input none", () => {
    const { graph } = model();
    const { rangeOf, convolutions, known } = quantisationPlan(graph);
    const outputOf = (type: string): string => graph.node.find(({ op_type }) => op_type === type)!.output[0]!;
    expect(rangeOf.get(outputOf("MaxPool"))).toBe(outputOf("Add"));
    expect(rangeOf.get(outputOf("Resize"))).toBe(outputOf("Add"));
    expect(rangeOf.has(outputOf("Relu"))).toBe(true);
    expect(rangeOf.has(outputOf("Conv"))).toBe(false);
    expect(rangeOf.has("output0")).toBe(false);
    expect(known.get("images")).toEqual({ min: 0, max: 1 });
    expect(convolutions.size).toBe(2);
  });

  it("leaves the sizes of Resize whole numbers", () => {
    const graph = new OnnxGraph("test");
    const image = graph.input("images", [1, 3, SIDE, SIDE]);
    const small = maxPool(graph, image, { kernel: [2, 2], stride: [2, 2], padding: [0, 0] });
    const halves = graph.nodes("Split", [graph.node("Shape", [image]), graph.integers([2, 2])], 2, { axis: 0 });
    const resized = graph.node("Resize", [small, "", "", graph.node("Concat", halves, { axis: 0 })]);
    const fused = graph.node("Add", [resized, image]);
    graph.output("output0", convolution(graph, convolution(graph, fused, 3, 4), 4, 4), [1, 4, SIDE, SIDE]);
    const written = graph.toModel(17, new Map(), "0").graph;
    const { rangeOf } = quantisationPlan(written);
    const isQuantised = (type: string) =>
      written.node.find(({ op_type }) => op_type === type)!.output.map((x) => rangeOf.has(x));
    expect(isQuantised("Resize")).toEqual([true]);
    expect(isQuantised("Concat")).toEqual([false]);
    expect(isQuantised("Split")).toEqual([false, false]);
  });
});

describe("calibrate", () => {
  it("takes the mean of the images' extremes", async () => {
    const graph = new OnnxGraph("test");
    const doubled = graph.node("Mul", [graph.input("images", [1, 3, 1, 1]), graph.constant([2], [1])]);
    graph.output("output0", doubled, [1, 3, 1, 1]);
    async function* images(): AsyncGenerator<CalibrationImage> {
      yield await Promise.resolve({ pixels: Float32Array.of(-1, 0, 4), height: 1, width: 1 });
      yield await Promise.resolve({ pixels: Float32Array.of(1, 2, 3), height: 1, width: 1 });
    }
    const ranges = await calibrate(graph.toModel(17, new Map(), "0"), [doubled], images());
    expect(ranges.get(doubled)).toEqual({ min: 0, max: 7 });
  });

  it("says that there are no images", async () => {
    const float = model();
    await expect(calibrate(float, [], pictures(0))).rejects.toThrow("no image to calibrate with");
  });
});
