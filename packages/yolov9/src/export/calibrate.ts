/**
 * What values the features of a model take on real images: the float32 model runs on ONNX Runtime with the smallest and largest value
 * of every wanted tensor as further outputs.
 */
import * as ort from "onnxruntime-node";
import {
  AttributeType,
  DataType,
  encodeModel,
  type ModelProto,
  type NodeProto,
  type ValueInfoProto,
} from "./onnx-schema.js";
import type { Range } from "./integer-scales.js";

const LOG_ERRORS_ONLY = 3;
const MOST_KEPT = 16;

/** An image as the model takes it. */
export interface CalibrationImage {
  /** [3, height, width] planar RGB 0 … 1. */
  readonly pixels: Float32Array;
  readonly height: number;
  readonly width: number;
}

/**
 * Mean over the images of the smallest and of the largest value. Means instead of extremes, so that one outlying image does not
 * coarsen the steps for all.
 * @param model takes batches of one image
 * @param values names of tensors in the graph
 */
export async function calibrate(
  model: ModelProto,
  values: readonly string[],
  images: AsyncIterable<CalibrationImage>,
): Promise<Map<string, Range>> {
  const session = await ort.InferenceSession.create(encodeModel(withExtremes(model, values)), {
    logSeverityLevel: LOG_ERRORS_ONLY,
  });
  const input = session.inputNames[0]!;
  const sums = new Map(values.map((value) => [value, { min: 0, max: 0 }]));
  let count = 0;
  try {
    for await (const { pixels, height, width } of images) {
      const outputs = await session.run(
        { [input]: new ort.Tensor("float32", pixels, [1, 3, height, width]) },
        names(values),
      );
      for (const [value, sum] of sums) {
        sum.min += Number(outputs[smallestOf(value)]!.data[0]);
        sum.max += Number(outputs[largestOf(value)]!.data[0]);
      }
      count++;
    }
  } finally {
    await session.release();
  }
  if (count === 0) throw new Error("there is no image to calibrate with");
  return new Map(Array.from(sums, ([value, { min, max }]) => [value, { min: min / count, max: max / count }]));
}

/** Passes images on, and collects up to 16 of them in `kept`, spread evenly however many there are. */
export async function* keepSome(
  images: AsyncIterable<CalibrationImage>,
  kept: CalibrationImage[],
): AsyncGenerator<CalibrationImage> {
  let [position, step] = [0, 1];
  for await (const image of images) {
    if (position++ % step === 0) kept.push({ ...image, pixels: image.pixels.slice() });
    if (kept.length > MOST_KEPT) {
      kept.splice(0, kept.length, ...kept.filter((_, i) => i % 2 === 0));
      step *= 2;
    }
    yield image;
  }
}

function smallestOf(value: string): string {
  return `${value}/smallest`;
}

function largestOf(value: string): string {
  return `${value}/largest`;
}

function names(values: readonly string[]): string[] {
  return values.flatMap((value) => [smallestOf(value), largestOf(value)]);
}

function withExtremes(model: ModelProto, values: readonly string[]): ModelProto {
  const reduce = (op_type: string, value: string, output: string): NodeProto => ({
    op_type,
    name: output,
    input: [value],
    output: [output],
    attribute: [{ name: "keepdims", type: AttributeType.int, i: 0 }],
  });
  const scalar = (name: string): ValueInfoProto => ({
    name,
    type: { tensor_type: { elem_type: DataType.float, shape: { dim: [] } } },
  });
  const { graph } = model;
  const nodes = values.flatMap((value) => [
    reduce("ReduceMin", value, smallestOf(value)),
    reduce("ReduceMax", value, largestOf(value)),
  ]);
  return {
    ...model,
    graph: {
      ...graph,
      node: [...graph.node, ...nodes],
      output: [...graph.output, ...names(values).map(scalar)],
    },
  };
}
