import { manualSeed, noGrad, rand, scope, setNumThreads } from "@yolov9/torch";
import { readOnnxMetadata } from "@yolov9/runtime";
import * as ort from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { buildModel, loadModelSpec, type DetectionModel } from "../model/index.js";
import { ExportError } from "./block-exporters.js";
import { deployed, exportModel } from "./export-model.js";
import { toOnnx } from "./to-onnx.js";

/** Fresh weights, with statistics in every batch norm that folding must not forget. */
function randomModel(name: string, names: string[]): DetectionModel {
  const model = buildModel(loadModelSpec(name), { names });
  noGrad(() => {
    scope(() => {
      for (const [path, tensor] of model.stateDict()) {
        if (path.endsWith("norm.weight") || path.endsWith("running_var")) tensor.uniform_(0.5, 1.5);
        if (path.endsWith("norm.bias") || path.endsWith("running_mean")) tensor.uniform_(-0.2, 0.2);
      }
    });
  });
  return model;
}

describe("exportModel", () => {
  const names = ["RBC", "WBC", "Platelets"];
  beforeAll(() => {
    manualSeed(3);
    // Pictures this small are computed faster without handing work to other threads.
    setNumThreads(1);
  });

  it.each(["gelan-t", "yolov9-t", "gelan-t-plainhead"])(
    "writes %s so that fused model, file and training model agree",
    async (name) => {
      const model = randomModel(name, names);
      const { verification } = await exportModel(model, { height: 64, width: 96, batch: 2 });
      expect(verification.detaching).toEqual({ box: 0, score: 0 });
      for (const { box, score } of [verification.fusing, verification.runtime]) {
        expect(box).toBeLessThan(5e-3);
        expect(score).toBeLessThan(1e-5);
      }
      expect(model.training).toBe(true);
      model.dispose();
    },
  );

  it("leaves batch and size to the reader when asked to, with the same boxes", async () => {
    const deploy = deployed(randomModel("gelan-t", names));
    const file = toOnnx(deploy, { height: 64, width: 64, dynamicBatch: true, dynamicSize: true, opset: 19 });
    const session = await ort.InferenceSession.create(file);
    for (const shape of [
      [1, 3, 64, 96],
      [3, 3, 128, 32],
    ]) {
      const images = rand(shape);
      const expected = noGrad(() => scope(() => deploy.decode(deploy.forward(images).lead).toArray() as Float32Array));
      const input = new ort.Tensor("float32", Float32Array.from(images.toArray(), Number), shape);
      const { output0 } = await session.run({ images: input });
      expect(output0!.dims).toEqual([shape[0], 7, (shape[2]! * shape[3]! * 21) / 1024]);
      const actual = output0!.data as Float32Array;
      const differences = expected.map((value, at) => Math.abs(value - actual[at]!));
      expect(Math.max(...differences)).toBeLessThan(5e-3);
    }
  });

  it("tells a reader all it needs in the metadata", () => {
    const file = toOnnx(deployed(buildModel(loadModelSpec("gelan-t"), { names })), {
      height: 64,
      width: 96,
      date: new Date(0),
    });
    expect(Object.fromEntries(readOnnxMetadata(file))).toEqual({
      "yolov9.format": "1",
      task: "detect",
      model: "gelan-t",
      names: '{"0":"RBC","1":"WBC","2":"Platelets"}',
      stride: "[8,16,32]",
      imgsz: "[64,96]",
      letterbox: '{"pad":114,"scaleUp":true,"kernel":"auto"}',
      confidence: "0.25",
      iou: "0.45",
      date: "1970-01-01T00:00:00.000Z",
    });
  });

  it("refuses models that still have what only training needs, and sizes off the stride", () => {
    const model = buildModel(loadModelSpec("yolov9-t"), { names });
    expect(() => toOnnx(model)).toThrow("detach the auxiliary branch");
    expect(() => toOnnx(buildModel(loadModelSpec("gelan-t")))).toThrow(ExportError);
    expect(() => toOnnx(deployed(model), { height: 100 })).toThrow("input side 100 must be a multiple of 32");
  });
});
