import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadSafetensors, scope, zeros } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { detachAuxiliary, fuse } from "./deploy.js";
import { buildModel } from "./detection-model.js";
import { officialStateDict } from "./official-names.js";
import { loadModelSpec } from "./spec-file.js";
import { modelFromWeights, traitsOf } from "./weights.js";

const shared = fileURLToPath(
  new URL("../../../../../shared/weights/yolov9t-coco-fused-plainhead.safetensors", import.meta.url),
);

describe("modelFromWeights", () => {
  it("reads classes, class width and form from the tensors, whichever names they have", () => {
    const model = buildModel(loadModelSpec("yolov9-t"), { classCount: 7, classWidth: 72 });
    const deployed = fuse(detachAuxiliary(model));
    const traits = { classCount: 7, classWidth: 72 };
    expect(traitsOf(model.stateDict())).toEqual({ ...traits, names: "own", fused: false, hasAuxiliary: true });
    expect(traitsOf(officialStateDict(model))).toEqual({
      ...traits,
      names: "published",
      fused: false,
      hasAuxiliary: true,
    });
    expect(traitsOf(deployed.stateDict())).toEqual({ ...traits, names: "own", fused: true, hasAuxiliary: false });
    expect(traitsOf(officialStateDict(deployed))).toEqual({
      ...traits,
      names: "published",
      fused: true,
      hasAuxiliary: false,
    });
    model.dispose();
    deployed.dispose();
  });

  it("rebuilds a fused deploy model from the training model's spec", () => {
    const model = buildModel(loadModelSpec("yolov9-t"), { classCount: 2 });
    const deployed = fuse(detachAuxiliary(model));
    for (const weights of [deployed.stateDict(), officialStateDict(deployed)]) {
      const loaded = modelFromWeights(model.spec, weights, { names: ["a", "b"] });
      expect(loaded.fused).toBe(true);
      expect(loaded.hasAuxiliary).toBe(false);
      expect(loaded.names).toEqual(["a", "b"]);
      const stem = "backbone.stem1.conv.weight";
      expect(loaded.stateDict().get(stem)!.toArray()).toEqual(deployed.stateDict().get(stem)!.toArray());
      loaded.dispose();
    }
    model.dispose();
    deployed.dispose();
  });

  it("refuses weights of another architecture with what does not fit", () => {
    const model = buildModel(loadModelSpec("gelan-s"), { classCount: 2 });
    expect(() => modelFromWeights(loadModelSpec("gelan-t"), model.stateDict())).toThrow(
      /wrong shape: backbone.stem1.conv.weight is \[32, 3, 3, 3\], the model has \[16, 3, 3, 3\]/,
    );
    model.dispose();
  });

  it("refuses names that it does not know", () => {
    expect(() => scope(() => traitsOf(new Map([["features.0.weight", zeros([1])]])))).toThrow(
      "neither published names (model.0.conv.weight …) nor ours, but features.0.weight",
    );
  });
});

describe.skipIf(!existsSync(shared))("the shared weights of YOLOv9-T with a plain head", () => {
  it("load in fused form with class branches of width 80", () => {
    const { tensors } = loadSafetensors(shared);
    const model = modelFromWeights(loadModelSpec("gelan-t-plainhead"), tensors);
    expect(traitsOf(tensors)).toEqual({
      names: "published",
      fused: true,
      hasAuxiliary: false,
      classCount: 80,
      classWidth: 80,
    });
    expect(model.stateDict().get("head.detect.classes.1.second.conv.weight")!.shape).toEqual([80, 80, 3, 3]);
    scope(() => expect(model.decode(model.forward(zeros([1, 3, 64, 64])).lead).shape).toEqual([1, 84, 84]));
    model.dispose();
    for (const tensor of tensors.values()) tensor.dispose();
  });
});
