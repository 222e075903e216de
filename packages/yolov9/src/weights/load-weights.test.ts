import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { saveSafetensors } from "@yolov9/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildModel, loadModelSpec, officialStateDict, type BuildOptions } from "../model/index.js";
import { loadBareWeights } from "./load-weights.js";
import { openTrainedModel } from "./open-model.js";

describe("loadBareWeights", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "weights-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function save(name: string, options: BuildOptions): string {
    const path = join(folder, `${name}.safetensors`);
    const model = buildModel(loadModelSpec(name), options);
    saveSafetensors(path, officialStateDict(model));
    model.dispose();
    return path;
  }

  it("reads class count and width of the class branches from the tensors", () => {
    const model = loadBareWeights(save("gelan-t-published", { classCount: 7 }), "gelan-t");
    expect(model.classCount).toBe(7);
    expect(model.training).toBe(false);
    expect(officialStateDict(model).get("model.22.cv3.0.0.conv.weight")?.shape[0]).toBe(80);
  });

  it("takes a model file in the published row format", () => {
    const indexed = fileURLToPath(new URL("../model/testing/published/gelan-t.yaml", import.meta.url));
    const path = save("gelan-t", { classCount: 3 });
    const [read, own] = [loadBareWeights(path, indexed), loadBareWeights(path, "gelan-t")].map(officialStateDict);
    expect([...read!.keys()]).toEqual([...own!.keys()]);
    const name = "model.12.cv2.0.m.2.cv1.conv1.conv.weight";
    expect(read!.get(name)!.toArray()).toEqual(own!.get(name)!.toArray());
  });

  it("takes two-headed weights, whose lead head is the later one", () => {
    const model = loadBareWeights(save("yolov9-t", { classCount: 5 }), "yolov9-t");
    expect([model.classCount, model.hasAuxiliary, model.fused]).toEqual([5, true, false]);
  });

  it("names file and model when they do not fit, and the remedy when no model is given", () => {
    const path = save("gelan-t", { classCount: 2 });
    expect(() => loadBareWeights(path, "gelan-s")).toThrow(/gelan-t\.safetensors as gelan-s: the weights do not fit/);
    expect(() => openTrainedModel(path, undefined)).toThrow("with --model");
    expect(() => openTrainedModel(folder, undefined)).toThrow("not the folder of a run");
    const other = join(folder, "other.safetensors");
    saveSafetensors(other, []);
    expect(() => loadBareWeights(other, "gelan-t")).toThrow("no class branches found");
  });
});
