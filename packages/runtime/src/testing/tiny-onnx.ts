/**
 * A detector of one convolution, written as ONNX by hand for tests: every 8x8 cell of the input yields one box, whose centre is told by the
 * cell's colour. Red is cx and green cy in input pixels (0 … 255), width and height are fixed, blue / 255 is the score of class 0 and
 * 1 - blue / 255 that of class 1. So a test paints the boxes that it expects.
 */

import { Writer } from "protobufjs/minimal.js";

export const CELL = 8;
export const BOX_WIDTH = 40;
export const BOX_HEIGHT = 20;

const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_INTS = 7;

export interface TinyOnnxOptions {
  /** Numbers fix a size of the graph, strings leave it open. Default: all open. */
  readonly batch?: number | string;
  readonly height?: number | string;
  readonly width?: number | string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly outputName?: string;
}

/** Metadata as the exporter writes it. */
export const METADATA = {
  "yolov9.format": "1",
  task: "detect",
  names: '{"0":"blue","1":"not blue"}',
  stride: "[8]",
  imgsz: "[160,160]",
  letterbox: '{"pad":114,"scaleUp":true}',
  confidence: "0.5",
  iou: "0.45",
  model: "tiny",
  date: "2024-05-01",
  author: "a test",
  license: "MIT",
};

type Message = (writer: Writer) => void;

function message(writer: Writer, field: number, write: Message): void {
  writer.uint32((field << 3) | 2).fork();
  write(writer);
  writer.ldelim();
}

function text(writer: Writer, field: number, value: string): void {
  writer.uint32((field << 3) | 2).string(value);
}

function varint(writer: Writer, field: number, value: number): void {
  writer.uint32(field << 3).int64(value);
}

function tensor(name: string, dims: readonly number[], data: Float32Array | BigInt64Array): Message {
  return (writer) => {
    for (const dim of dims) varint(writer, 1, dim);
    varint(writer, 2, data instanceof Float32Array ? FLOAT : INT64);
    text(writer, 8, name);
    writer.uint32((9 << 3) | 2).bytes(new Uint8Array(data.buffer));
  };
}

function value(name: string, dims: readonly (number | string)[]): Message {
  return (writer) => {
    text(writer, 1, name);
    message(writer, 2, (type) =>
      message(type, 1, (tensorType) => {
        varint(tensorType, 1, FLOAT);
        message(tensorType, 2, (shape) => {
          for (const dim of dims) {
            message(shape, 1, (d) => (typeof dim === "number" ? varint(d, 1, dim) : text(d, 2, dim)));
          }
        });
      }),
    );
  };
}

function node(
  type: string,
  inputs: readonly string[],
  output: string,
  ints: Readonly<Record<string, number[]>>,
): Message {
  return (writer) => {
    for (const input of inputs) text(writer, 1, input);
    text(writer, 2, output);
    text(writer, 4, type);
    for (const [name, values] of Object.entries(ints)) {
      message(writer, 5, (attribute) => {
        text(attribute, 1, name);
        for (const item of values) varint(attribute, 8, item);
        varint(attribute, 20, ATTRIBUTE_INTS);
      });
    }
  };
}

/** [6, 3, 8, 8]: means over a cell, mixed from red, green and blue. */
function kernel(): Float32Array<ArrayBuffer> {
  const mix = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 1],
    [0, 0, -1],
  ];
  return Float32Array.from(mix.flat().flatMap((weight) => Array<number>(CELL * CELL).fill(weight / (CELL * CELL))));
}

/** The bytes of the model file. */
export function tinyOnnx(options: TinyOnnxOptions = {}): Uint8Array {
  const { batch = "batch", height = "height", width = "width", metadata = METADATA, outputName = "output0" } = options;
  const cells = typeof height === "number" && typeof width === "number" ? (height / CELL) * (width / CELL) : "anchors";
  const graph: Message = (writer) => {
    message(writer, 1, node("Conv", ["images", "kernel", "bias"], "levels", { strides: [CELL, CELL] }));
    message(writer, 1, node("Reshape", ["levels", "shape"], outputName, {}));
    text(writer, 2, "tiny");
    message(writer, 5, tensor("kernel", [6, 3, CELL, CELL], kernel()));
    message(writer, 5, tensor("bias", [6], Float32Array.of(0, 0, BOX_WIDTH, BOX_HEIGHT, 0, 1)));
    message(writer, 5, tensor("shape", [3], BigInt64Array.of(0n, 6n, -1n)));
    message(writer, 11, value("images", [batch, 3, height, width]));
    message(writer, 12, value(outputName, [batch, 6, cells]));
  };
  const model = Writer.create();
  varint(model, 1, 8);
  text(model, 2, "a test");
  message(model, 7, graph);
  message(model, 8, (opset) => varint(opset, 2, 17));
  for (const [key, content] of Object.entries(metadata)) {
    message(model, 14, (entry) => {
      text(entry, 1, key);
      text(entry, 2, content);
    });
  }
  return model.finish();
}
