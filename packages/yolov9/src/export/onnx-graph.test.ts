import { readOnnxMetadata } from "@yolov9/runtime";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { decodeBoxes } from "./decode-boxes.js";
import { OnnxGraph, OPSETS } from "./onnx-graph.js";
import { averagePool2x2, concatChannels, enlargeNearest, maxPool, silu } from "./operators/layers.js";

async function run(
  graph: OnnxGraph,
  input: Float32Array,
  dims: number[],
  opset = 17,
): Promise<{ data: Float32Array; dims: readonly number[] }> {
  const session = await ort.InferenceSession.create(graph.toFile(opset, new Map(), "0"));
  const { output } = await session.run({ input: new ort.Tensor("float32", input, dims) });
  return { data: output!.data as Float32Array, dims: output!.dims };
}

describe("OnnxGraph", () => {
  it.each(OPSETS)("writes a file that ONNX Runtime runs with opset %i", async (opset) => {
    const graph = new OnnxGraph("test");
    const x = graph.input("input", [1, 2, "height", 2]);
    const y = enlargeNearest(graph, graph.node("Relu", [x]), [2, 2]);
    const pooled = maxPool(graph, y, { kernel: [3, 3], stride: [1, 1], padding: [1, 1] });
    const halves = [averagePool2x2(graph, pooled, 2), graph.integers([1, 1])];
    const [a, b] = graph.nodes("Split", halves, 2, { axis: 1 });
    graph.output("output", concatChannels(graph, [graph.node("Add", [a, b!]), silu(graph, a)]), [1, 2, 3, 3]);
    // Channel 0 is 1 2 / 3 4; channel 1 is all below zero. Twofold nearest, then the largest of 3 × 3, then means of 2 × 2.
    const { data } = await run(graph, new Float32Array([1, 2, 3, 4, -1, -1, -1, -1]), [1, 2, 2, 2], opset);
    expect([...data.slice(0, 3)]).toEqual([2.5, 3, 3]);
    expect(data[9]).toBeCloseTo(2.5 / (1 + Math.exp(-2.5)), 6);
  });

  it("keeps metadata, unicode included", () => {
    const graph = new OnnxGraph("test");
    graph.output("output", graph.node("Relu", [graph.input("input", [1])]), [1]);
    const file = graph.toFile(17, new Map([["names", '{"0":"Zelle – 細胞"}']]), "0");
    expect(readOnnxMetadata(file).get("names")).toBe('{"0":"Zelle – 細胞"}');
  });

  it("shares equal constants and gives every value its own name", () => {
    const graph = new OnnxGraph("test");
    expect(graph.integers([1, 2])).toBe(graph.integers([1, 2]));
    expect(graph.integers([1, 2])).not.toBe(graph.constant([1, 2], [2]));
    const names = graph.within("block", () => [graph.node("Relu", ["x"]), graph.node("Relu", ["x"])]);
    expect(names).toEqual(["block/Relu", "block/Relu_1"]);
  });

  it("refuses weights that do not fill their shape, and unknown operator sets", () => {
    const graph = new OnnxGraph("test");
    expect(() => graph.weights("w", new Float32Array(3), [2, 2])).toThrow("w: 3 values do not fill the shape [2, 2]");
    expect(() => graph.toFile(5, new Map(), "0")).toThrow("opset 5");
  });
});

describe("decodeBoxes", () => {
  const options = { strides: [8, 16], bins: 16, classCount: 2 };
  const [height, width] = [16, 32];

  /** Two levels cut from one input tensor [B, 66, 10]: 2 × 4 cells, then 1 × 2 cells. */
  function build(size: { height: number; width: number } | undefined): OnnxGraph {
    const graph = new OnnxGraph("test");
    const x = graph.input("input", ["batch", 66, 10]);
    const parts = graph.nodes("Split", [x, graph.integers([8, 2])], 2, { axis: 2 });
    const levels = parts.map((part, i) => graph.node("Reshape", [part, graph.integers([0, 66, 2 >> i, 4 >> i])]));
    graph.output("output", decodeBoxes(graph, levels, { ...options, size }), ["batch", 6, 10]);
    return graph;
  }

  /** Logits that put all mass of the sides left, top, right, bottom on bins 1, 2, 3, 4 at every anchor. */
  function certainSides(batch: number): Float32Array {
    const data = new Float32Array(batch * 66 * 10).fill(-40);
    for (let b = 0; b < batch; b++) {
      for (let side = 0; side < 4; side++)
        data.fill(40, (b * 66 + side * 16 + side + 1) * 10, (b * 66 + side * 16 + side + 2) * 10);
      data.fill(0, (b * 66 + 64) * 10, (b * 66 + 65) * 10);
    }
    return data;
  }

  it.each([
    ["fixed", { height, width }],
    ["free", undefined],
  ])("spans boxes from anchor centres, scaled by the stride (%s size)", async (_, size) => {
    const { data, dims } = await run(build(size), certainSides(2), [2, 66, 10]);
    expect(dims).toEqual([2, 6, 10]);
    const row = (image: number, channel: number): number[] => [
      ...data.slice((image * 6 + channel) * 10, (image * 6 + channel + 1) * 10),
    ];
    // Anchor (x + 0.5) plus half of right − left = 1, in cells of 8 and 16 pixels.
    expect(row(1, 0)).toEqual([12, 20, 28, 36, 12, 20, 28, 36, 24, 40]);
    expect(row(1, 1)).toEqual([12, 12, 12, 12, 20, 20, 20, 20, 24, 24]);
    expect(row(0, 2)).toEqual([32, 32, 32, 32, 32, 32, 32, 32, 64, 64]);
    expect(row(0, 3)).toEqual([48, 48, 48, 48, 48, 48, 48, 48, 96, 96]);
    expect(row(0, 4).every((score) => score === 0.5)).toBe(true);
  });
});
