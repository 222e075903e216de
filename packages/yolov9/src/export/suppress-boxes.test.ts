import { nonMaxSuppression } from "@yolov9/vision";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { OnnxGraph } from "./onnx-graph.js";
import { DETECTION_COLUMNS, suppressBoxes, type GraphSuppression } from "./suppress-boxes.js";

const CLASSES = 3;
const ANCHORS = 60;
const BATCH = 2;

/** [BATCH, 4 + CLASSES, ANCHORS] boxes that overlap a lot; a linear congruential generator keeps them the same. */
function predictions(): Float32Array {
  let state = 12345;
  const random = (): number => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  const values = new Float32Array(BATCH * (4 + CLASSES) * ANCHORS);
  for (let i = 0; i < values.length; i++) {
    const row = Math.floor(i / ANCHORS) % (4 + CLASSES);
    values[i] = row < 2 ? 40 + 40 * random() : row < 4 ? 20 + 20 * random() : random();
  }
  return values;
}

async function run(values: Float32Array, options: GraphSuppression, opset: number): Promise<Float32Array> {
  const graph = new OnnxGraph("test");
  const x = graph.input("input", ["batch", 4 + CLASSES, "anchors"]);
  graph.output("output", suppressBoxes(graph, x, CLASSES, options), [
    "batch",
    options.maxDetections,
    DETECTION_COLUMNS,
  ]);
  const session = await ort.InferenceSession.create(graph.toFile(opset, new Map(), "0"));
  const { output } = await session.run({ input: new ort.Tensor("float32", values, [BATCH, 4 + CLASSES, ANCHORS]) });
  expect(output!.dims).toEqual([BATCH, options.maxDetections, DETECTION_COLUMNS]);
  return output!.data as Float32Array;
}

describe("suppressBoxes", () => {
  // 300 rows are more than there are scores.
  it.each([
    [true, 300, 17],
    [false, 300, 17],
    [true, 7, 18],
    [false, 7, 22],
  ])("finds what nonMaxSuppression finds (multi-label %s, %i rows, opset %i)", async (multiLabel, rows, opset) => {
    const values = predictions();
    const options = { confidence: 0.3, iou: 0.45, maxDetections: rows, multiLabel };
    const output = await run(values, options, opset);
    const length = values.length / BATCH;
    for (let image = 0; image < BATCH; image++) {
      const expected = nonMaxSuppression(values.subarray(image * length, (image + 1) * length), {
        ...{ classCount: CLASSES, anchors: ANCHORS },
        ...options,
      });
      expect(expected.count).toBeGreaterThan(6);
      const found = output.subarray(image * rows * DETECTION_COLUMNS, (image + 1) * rows * DETECTION_COLUMNS);
      for (let row = 0; row < rows; row++) {
        const [x1, y1, x2, y2, score, classId] = found.subarray(row * DETECTION_COLUMNS);
        const box = [...expected.boxes.subarray(4 * row, 4 * row + 4)];
        if (row >= expected.count) expect([x1, y1, x2, y2, score, classId]).toEqual([0, 0, 0, 0, 0, 0]);
        else {
          expect([score, classId]).toEqual([expected.scores[row], expected.classes[row]]);
          for (const [i, side] of [x1!, y1!, x2!, y2!].entries()) expect(side).toBeCloseTo(box[i]!, 3);
        }
      }
    }
  });
});
