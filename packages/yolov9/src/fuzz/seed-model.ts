/** A model of a few thousand parameters, and the files that are made of it, as good inputs to start from. */
import type { DType, Tensor } from "@yolov9/torch";
import { parseConfig, TrainConfig } from "../config/index.js";
import { deployed } from "../export/index.js";
import { encodeModel } from "../export/onnx-schema.js";
import { toOnnxModel } from "../export/to-onnx.js";
import { buildModel, parseModelSpec, type DetectionModel } from "../model/index.js";

const NAMES = ["cat", "dog"];

/** As a model file. */
export const TINY_MODEL = `name: tiny
classCount: 2
backbone:
  - { name: a, from: image, block: Conv, out: 8, kernel: 3, stride: 8 }
  - { name: b, block: GELAN, out: 8, hidden: [8, 4], inner: { block: RepCSP, depth: 1 }, elanDepth: 1 }
  - { name: c, block: Conv, out: 8, stride: 2 }
neck:
  - { name: up, block: Upsample, factor: 2 }
  - { name: cat, from: [up, b], block: Concat }
  - { name: n, block: ELAN1, out: 8, hidden: [8, 4], depth: 1 }
head:
  - { name: detect, from: [n, c], block: Detect, boxWidth: 8, classWidth: 8 }
auxiliary:
  - { name: auxDetect, from: [b, c], block: Detect, boxWidth: 8, classWidth: 8 }
`;

/** In the published row format. */
export const TINY_INDEXED_MODEL = `nc: 2
depth_multiple: 1.0
width_multiple: 0.5
anchors: 3
activation: nn.SiLU()
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 2, Conv, [16, 3, 4]]
  - [-1, 1, RepNCSPELAN4, [16, 16, 8, 1]]
head:
  - [-1, 1, nn.Upsample, [None, 2, nearest]]
  - [[-1, 0], 1, MP, [2]]
  - [[2], 1, DDetect, [nc]]
`;

export function tinyModel(): DetectionModel {
  const conv = { block: "Conv", kernel: 3, stride: 8 };
  const detect = { name: "detect", from: ["a", "b"], block: "Detect", boxWidth: 8, classWidth: 8 };
  const backbone = [
    { name: "a", from: "image", ...conv, out: 8 },
    { name: "b", from: "a", ...conv, stride: 2, out: 8 },
  ];
  return buildModel(parseModelSpec({ name: "tiny", backbone, head: [detect] }), { names: NAMES });
}

const DTYPES: Readonly<Partial<Record<DType, string>>> = { float32: "F32", float16: "F16", int64: "I64" };

/** A safetensors file with any text in place of its header or of the header's `__metadata__`. */
interface SafetensorsSeed {
  readonly header: string;
  readonly withHeader: (header: string) => Buffer;
  readonly withMetadata: (metadata: string) => Buffer;
}

/** Written here, since what a parser reads must not come from its own writer's checks, and no file may be written meanwhile. */
export function safetensorsSeed(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsSeed {
  const entries: Record<string, object> = {};
  const parts: Uint8Array[] = [];
  let begin = 0;
  for (const [name, value] of tensors) {
    const bytes = value.toBytes();
    const end = begin + bytes.length;
    entries[name] = { dtype: DTYPES[value.dtype], shape: value.shape, data_offsets: [begin, end] };
    parts.push(bytes);
    begin = end;
  }
  const withHeader = (header: string): Buffer => {
    const bytes = Buffer.from(header);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    return Buffer.concat([length, bytes, ...parts]);
  };
  const rest = JSON.stringify(entries).slice(1);
  const headerWith = (text: string): string => `{"__metadata__":${text},${rest}`;
  return {
    header: headerWith(JSON.stringify(metadata)),
    withHeader,
    withMetadata: (text) => withHeader(headerWith(text)),
  };
}

/** The state of a checkpoint as JSON, and the file with such. */
export function checkpointSeed(): { readonly state: string; readonly wrap: (state: Buffer) => Buffer } {
  const model = tinyModel();
  const losses = { box: 1, cls: 2, dfl: 3 };
  const state = {
    ...{ kind: "weights", savedAt: "2024-01-01", config: parseConfig(TrainConfig, { data: "d" }, "seed") },
    ...{ names: model.names, spec: model.spec, images: { train: 1, val: 1 } },
    ...{ epoch: 1, batch: 0, iteration: 1, lastStep: 0, losses, emaUpdates: 1, best: { fitness: 0, epoch: 1 } },
    results: [{ epoch: 1, train: losses, lr: [0.1, 0.1, 0.1], imagesPerSecond: 1, trainSeconds: 1, valSeconds: 1 }],
  };
  const { withMetadata } = safetensorsSeed([...model.stateDict()].map(([name, value]) => [`ema/${name}`, value]));
  model.dispose();
  return {
    state: JSON.stringify(state, undefined, 1),
    wrap: (text) => withMetadata(JSON.stringify({ format: "yolov9-checkpoint-1", checkpoint: text.toString("utf8") })),
  };
}

/** What an imported model's file stores as JSON, and the file with such. */
export function modelFileSeed(): { readonly stored: string; readonly wrap: (stored: Buffer) => Buffer } {
  const model = tinyModel();
  const { spec, names, fused } = model;
  const stored = { spec, names, fused, imageSize: 64, source: "seed", savedAt: "2024-01-01" };
  const { withMetadata } = safetensorsSeed(model.stateDict());
  model.dispose();
  return {
    stored: JSON.stringify(stored, undefined, 1),
    wrap: (text) => withMetadata(JSON.stringify({ format: "yolov9-model-1", model: text.toString("utf8") })),
  };
}

/** Metadata as lines of `key=value`, and the ONNX file with such. */
export function onnxSeed(): { readonly lines: string; readonly wrap: (lines: Buffer) => Buffer } {
  const built = tinyModel();
  const model = deployed(built.eval());
  const proto = toOnnxModel(model, { height: 64, width: 64, dynamicSize: true, dynamicBatch: true, date: new Date(0) });
  model.dispose();
  built.dispose();
  const lines = proto.metadata_props.map(({ key, value }) => `${key}=${value}`).join("\n");
  const wrap = (text: Buffer): Buffer => {
    const metadata_props = text
      .toString("utf8")
      .split("\n")
      .map((line) => ({ key: line.split("=", 1)[0]!, value: line.slice(line.indexOf("=") + 1) }));
    return Buffer.from(encodeModel({ ...proto, metadata_props }));
  };
  return { lines, wrap };
}
