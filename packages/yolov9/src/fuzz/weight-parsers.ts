/** Files of weights and models. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Detector, readOnnxMetadata } from "@yolov9/runtime";
import { loadSafetensors, shapesOnly, tensor, type Tensor } from "@yolov9/torch";
import { buildModel, loadModelSpec, officialStateDict } from "../model/index.js";
import { isCheckpoint, loadCheckpoint } from "../train/index.js";
import { importWeights, isModelFile, readModelFile, readTorchFile } from "../weights/index.js";
import { pickled } from "../weights/pytorch/testing/pickle-writer.js";
import { pickledModel, stateDictionary, StorageWriter, torchFile } from "../weights/pytorch/testing/torch-writer.js";
import type { Parser } from "./parser.js";
import { checkpointSeed, modelFileSeed, onnxSeed, safetensorsSeed, tinyModel } from "./seed-model.js";
import { TINY_INDEXED_MODEL, TINY_MODEL } from "./seed-model.js";

/** Tensors of a few types and places. */
const tensors = (): [string, Tensor][] => [
  ["model.0.conv.weight", tensor([1, 2, 3, 4], { shape: [2, 2] })],
  ["model.0.bn.weight", tensor([1, 2], { dtype: "float16" })],
  ["model.1.count", tensor(7, { dtype: "int64" })],
];

/** Reads every element, so that a window outside its memory would show. */
function lookAt(found: ReadonlyMap<string, Tensor>): undefined {
  for (const value of found.values()) {
    value.toBytes();
    value.dispose();
  }
  return undefined;
}

async function parseTorchFile(path: string): Promise<undefined> {
  lookAt((await readTorchFile(path)).tensors);
}

export const weightParsers: readonly Parser[] = [
  {
    name: "pt",
    file: "input.pt",
    text: false,
    prepare: () => {
      const writer = new StorageWriter();
      const whole = pickledModel(new Map(tensors()), writer, { names: ["cat", "dog"] });
      return { seeds: [torchFile(whole, writer.storages)] };
    },
    parse: parseTorchFile,
  },
  {
    name: "pickle",
    file: "input.pt",
    text: false,
    prepare: () => {
      const writer = new StorageWriter();
      const whole = pickledModel(new Map(tensors()), writer, { names: ["cat", "dog"] });
      const state = stateDictionary(new Map(tensors()), writer);
      return {
        seeds: [pickled(whole), pickled(state), pickled(new Map([["ema", state], ["epoch", null]]))], // prettier-ignore
        wrap: (pickle) => torchFile(pickle, writer.storages),
      };
    },
    parse: parseTorchFile,
  },
  {
    name: "safetensors",
    file: "input.safetensors",
    text: false,
    prepare: () => {
      const { withHeader, header } = safetensorsSeed(tensors(), { format: "pt" });
      return { seeds: [withHeader(header)] };
    },
    parse: (path) => lookAt(loadSafetensors(path).tensors),
  },
  {
    name: "safetensors-header",
    file: "input.safetensors",
    text: true,
    prepare: () => {
      const { header, withHeader } = safetensorsSeed(tensors(), { format: "pt", note: "x" });
      return { seeds: [header], wrap: (text) => withHeader(text.toString("utf8")) };
    },
    parse: (path) => lookAt(loadSafetensors(path).tensors),
  },
  {
    name: "import",
    file: "input.safetensors",
    text: true,
    slowness: 10,
    prepare: (folder) => {
      writeFileSync(join(folder, "tiny.yaml"), JSON.stringify(tinyModel().spec));
      const names = JSON.stringify(["cat", "dog"]);
      const { header, withHeader } = safetensorsSeed(officialStateDict(tinyModel()), { names });
      return { seeds: [header], wrap: (text) => withHeader(text.toString("utf8")) };
    },
    parse: async (path, folder) => {
      const { model } = await importWeights(path, { model: join(folder, "tiny.yaml") });
      model.dispose();
      return model.names;
    },
  },
  {
    name: "checkpoint",
    file: "input.safetensors",
    text: true,
    slowness: 5,
    prepare: () => {
      const { state, wrap } = checkpointSeed();
      return { seeds: [state], wrap };
    },
    parse: (path) => {
      if (isCheckpoint(path)) loadCheckpoint(path).model.dispose();
      return undefined;
    },
  },
  {
    name: "model-file",
    file: "input.safetensors",
    text: true,
    slowness: 5,
    prepare: () => {
      const { stored, wrap } = modelFileSeed();
      return { seeds: [stored], wrap };
    },
    parse: (path) => {
      if (isModelFile(path)) readModelFile(path).model.dispose();
      return undefined;
    },
  },
  {
    name: "model-yaml",
    file: "input.yaml",
    text: true,
    slowness: 5,
    prepare: () => ({ seeds: [TINY_MODEL, TINY_INDEXED_MODEL, "extends: gelan-t\nwidth: 0.5\nrows:\n  b3: { out: 32 }\n"] }), // prettier-ignore
    parse: (path) => {
      const spec = loadModelSpec(path);
      shapesOnly(() => buildModel(spec)).dispose();
      return undefined;
    },
  },
  {
    name: "onnx",
    file: "input.onnx",
    text: false,
    prepare: () => {
      const { lines, wrap } = onnxSeed();
      return { seeds: [wrap(Buffer.from(lines))] };
    },
    parse: (path) => {
      readOnnxMetadata(readFileSync(path), path);
      return undefined;
    },
  },
  {
    name: "onnx-card",
    file: "input.onnx",
    text: true,
    slowness: 5,
    prepare: () => {
      const { lines, wrap } = onnxSeed();
      return { seeds: [lines], wrap };
    },
    parse: async (path) => {
      const detector = await Detector.load(path, { threads: 1 });
      await detector.dispose();
      return undefined;
    },
  },
];
