import { manualSeed, noGrad, rand, scope, setNumThreads } from "@yolov9/torch";
import { Detector, readOnnxMetadata } from "@yolov9/runtime";
import * as ort from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { buildModel, loadModelSpec, type DetectionModel, type ModelSpec } from "../model/index.js";
import { tinyComposite } from "../model/testing/tiny-composite.js";
import { ExportError } from "./export-error.js";
import type { CalibrationImage } from "./calibrate.js";
import { deployed, exportModel } from "./export-model.js";
import { toOnnx } from "./to-onnx.js";
import { verificationTable } from "./verification-table.js";

/** Fresh kernels lose most of the signal from layer to layer; with this gain, outputs depend on the picture. */
const GAIN = 2;

/** Fresh weights that let the signal through, with statistics in every batch norm that folding must not forget. */
function randomModel(spec: ModelSpec, names: string[]): DetectionModel {
  const model = buildModel(spec, { names });
  noGrad(() => {
    scope(() => {
      for (const [path, tensor] of model.stateDict()) {
        if (path.endsWith("conv.weight") || path.endsWith("predict.weight")) tensor.mul_(GAIN);
        if (path.endsWith("norm.weight") || path.endsWith("running_var")) tensor.uniform_(0.5, 1.5);
        if (path.endsWith("norm.bias") || path.endsWith("running_mean")) tensor.uniform_(-0.2, 0.2);
      }
    });
  });
  return model;
}

/** Standard deviation of the widths of boxes, in pixels: differences must be small against it to say anything. */
function spread(model: DetectionModel): number {
  model.eval();
  const widths = noGrad(() =>
    scope(() => {
      const decoded = model.decode(model.forward(rand([1, 3, 64, 96])).lead);
      return decoded.select(1, 2).std().item();
    }),
  );
  model.train();
  return widths;
}

describe("exportModel", () => {
  const names = ["RBC", "WBC", "Platelets"];
  beforeAll(() => {
    manualSeed(3);
    // Pictures this small are computed faster without handing work to other threads.
    setNumThreads(1);
  });

  const models = [...["gelan-t", "yolov9-t", "gelan-t-plainhead"].map((name) => loadModelSpec(name)), tinyComposite()];

  it.each(models.map((spec) => [spec.name, spec] as const))(
    "writes %s so that training model, detached and fused model and file agree",
    async (_, spec) => {
      const model = randomModel(spec, names);
      expect(spread(model)).toBeGreaterThan(0.1);
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

  it("keeps boxes and scores in half precision, within what eleven bits allow", async () => {
    const model = randomModel(loadModelSpec("gelan-t"), names);
    const size = { height: 64, width: 96, batch: 1 };
    const { file, reference, reduction } = await exportModel(model, { ...size, precision: "float16" });
    expect(reduction!.box).toBeGreaterThan(0);
    expect(reduction!.box).toBeLessThan(0.5);
    expect(reduction!.score).toBeLessThan(2e-3);
    expect(file.length / reference.length).toBeLessThan(0.6);
    model.dispose();
  });

  it("quantises to a third of the size, and tells what is found again on the calibration images", async () => {
    const model = randomModel(loadModelSpec("gelan-t"), names);
    const size = { height: 64, width: 96, batch: 1 };
    async function* calibration(): AsyncGenerator<CalibrationImage> {
      for (let i = 0; i < 4; i++) {
        const pixels = scope(() => rand([3, 64, 96]).toArray() as Float32Array);
        yield await Promise.resolve({ pixels, height: 64, width: 96 });
      }
    }
    const exported = await exportModel(model, { ...size, int8: { calibration: calibration() } });
    const { file, reference, reduction } = exported;
    expect(reduction!.score).toBeGreaterThan(0);
    expect(reduction!.score).toBeLessThan(0.1);
    const { share, found, detections, meanIou, largestScoreDifference } = reduction!;
    expect(reduction).toMatchObject({ images: 4, source: "calibration" });
    expect(detections).toBeGreaterThan(4);
    expect(share).toBe(found / detections);
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThanOrEqual(1);
    expect(meanIou).toBeGreaterThan(0.5);
    expect(meanIou).toBeLessThan(1);
    expect(largestScoreDifference).toBeGreaterThan(0);
    expect(largestScoreDifference).toBeLessThanOrEqual(reduction!.score);
    const [checked, reduced] = verificationTable(exported, false);
    expect(checked).toContain("px");
    expect(reduced).not.toContain("px");
    expect(reduced).toContain(`${found} of ${detections} detections found again (${(share! * 100).toFixed(1)} %)`);
    expect(file.length / reference.length).toBeLessThan(0.4);
    model.dispose();
  });

  it("writes a file that suppresses boxes as Detector does", async () => {
    const model = randomModel(loadModelSpec("gelan-t"), names);
    const suppression = { confidence: 1e-4, iou: 0.6, maxDetections: 50, multiLabel: false };
    const { file, reference } = await exportModel(model, { height: 64, width: 96, suppression });
    const [inside, outside] = [await Detector.load(file), await Detector.load(reference)];
    const data = scope(() =>
      Uint8Array.from(
        rand([3 * 80 * 80])
          .mul(255)
          .toArray(),
        Number,
      ),
    );
    const image = { data, width: 80, height: 80, channels: 3 } as const;
    const { confidence, iou, maxDetections } = suppression;
    const expected = await outside.detect(image, { confidence, iou, maxDetections });
    const found = await inside.detect(image);
    expect(expected.length).toBeGreaterThan(10);
    expect(found.map(({ classId }) => classId)).toEqual(expected.map(({ classId }) => classId));
    for (const [i, { box, score }] of found.entries()) {
      expect(score).toBeCloseTo(expected[i]!.score, 6);
      for (let side = 0; side < 4; side++) expect(box[side]).toBeCloseTo(expected[i]!.box[side]!, 2);
    }
    await expect(inside.detect(image, { iou: 0.7 })).rejects.toThrow("suppresses boxes inside its graph");
    expect(inside.card.suppression).toEqual(suppression);
    await inside.dispose();
    await outside.dispose();
    model.dispose();
  });

  it("leaves batch and size to the reader when asked to, with the same boxes", async () => {
    const deploy = deployed(randomModel(loadModelSpec("gelan-t"), names));
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
