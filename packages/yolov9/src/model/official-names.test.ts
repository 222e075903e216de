import { shapesOnly, tensor, zeros, type Tensor } from "@yolov9/torch";
import { afterEach, describe, expect, it } from "vitest";
import { fuse } from "./deploy.js";
import { buildModel, type DetectionModel } from "./detection-model.js";
import { StateDictMismatch, loadOfficialStateDict, officialStateDict, publishedIndices } from "./official-names.js";
import { loadModelSpec } from "./file/spec-file.js";
import { withoutAuxiliary } from "./spec.js";

const built: DetectionModel[] = [];

function build(name: string): DetectionModel {
  const model = buildModel(loadModelSpec(name), { classCount: 3 });
  built.push(model);
  return model;
}

afterEach(() => {
  for (const model of built.splice(0)) model.dispose();
});

const indexOf = (name: string, row: string) => publishedIndices(loadModelSpec(name)).rows.get(row);

describe("published names", () => {
  it("number rows as the published files do", () => {
    expect(indexOf("gelan-t", "spp")).toBe(9);
    expect(indexOf("yolov9-t", "auxN3")).toBe(28);
    // A first layer that hands on the image, where two rows take it.
    expect(indexOf("gelan-c", "stem1")).toBe(0);
    expect(indexOf("yolov9-c", "stem1")).toBe(1);
    expect(indexOf("yolov9-c", "auxB5")).toBe(37);
    // E publishes its auxiliary rows before the neck.
    expect(indexOf("yolov9-e", "second5")).toBe(28);
    expect(indexOf("yolov9-e", "auxSpp")).toBe(29);
    expect(indexOf("yolov9-e", "n5")).toBe(48);
    expect(indexOf("gelan-e", "n5")).toBe(41);
  });

  it("number a model without its auxiliary section as its GELAN", () => {
    for (const size of ["t", "c", "e"]) {
      const deployed = publishedIndices(withoutAuxiliary(loadModelSpec(`yolov9-${size}`)));
      expect(deployed).toEqual(publishedIndices(loadModelSpec(`gelan-${size}`)));
    }
  });

  it("name the lead head's branches after those of the auxiliary head", () => {
    const names = officialStateDict(build("yolov9-t"));
    const lead = names.get("model.29.cv5.2.2.bias")!;
    expect(lead).toBe(built[0]!.stateDict().get("head.detect.classes.2.predict.bias"));
    expect([...names.keys()].slice(-3)).toEqual([
      "model.29.cv5.2.2.bias",
      "model.29.dfl.conv.weight",
      "model.29.dfl2.conv.weight",
    ]);
  });

  it.each([
    ["gelan-t", 1339],
    ["gelan-s", 1339],
    ["gelan-m", 907],
    ["gelan-c", 937],
    ["gelan-e", 1811],
    ["gelan", 907],
    ["yolov9-t", 1772],
    ["yolov9-s", 1772],
    ["yolov9-m", 1412],
    ["yolov9-c", 1460],
    ["yolov9-e", 2172],
    ["yolov9-cf", 1545],
    ["yolov9", 1412],
  ])("of %s are as many as published, batch norm counters included: %i", (name, count) => {
    expect(officialStateDict(shapesOnly(() => build(name))).size).toBe(count);
  });

  it("name what fusing leaves", () => {
    const keys = [...officialStateDict(fuse(build("gelan-t"))).keys()];
    expect(keys.slice(0, 2)).toEqual(["model.0.conv.weight", "model.0.conv.bias"]);
    expect(keys).toContain("model.4.cv2.0.m.0.cv1.conv.bias");
    expect(keys.some((key) => key.includes(".bn.") || key.includes(".conv1."))).toBe(false);
  });
});

describe("loading published weights", () => {
  it("puts every tensor in its place", () => {
    const [from, to] = [build("yolov9-t"), build("yolov9-t")];
    loadOfficialStateDict(to, officialStateDict(from));
    const copied = to.stateDict();
    for (const [path, value] of from.stateDict()) expect(copied.get(path)!.eq(value).all().item()).toBe(1);
  });

  it("lists all that does not fit, and copies nothing then", () => {
    const model = build("gelan-t");
    const first = model.stateDict().get("backbone.stem1.conv.weight")!.toArray();
    const given = new Map<string, Tensor>(officialStateDict(build("gelan-t")));
    given.delete("model.9.cv5.bn.bias");
    given.set("model.23.cv1.conv.weight", zeros([1]));
    given.set("model.0.bn.weight", zeros([8]));
    given.set("model.22.dfl.conv.weight", zeros([1, 16, 1, 1]));
    let error: unknown;
    try {
      loadOfficialStateDict(model, given);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(StateDictMismatch);
    expect((error as StateDictMismatch).mismatches).toEqual({
      missing: ["model.9.cv5.bn.bias"],
      unexpected: ["model.23.cv1.conv.weight"],
      wrong: [
        "model.0.bn.weight is [8], the model has [16]",
        "model.22.dfl.conv.weight does not hold the numbers 0 to 15",
      ],
    });
    expect(model.stateDict().get("backbone.stem1.conv.weight")!.toArray()).toEqual(first);
  });

  it("does without the constant bins", () => {
    const given = [...officialStateDict(build("gelan-t"))].filter(([key]) => !key.includes(".dfl"));
    expect(() => loadOfficialStateDict(build("gelan-t"), new Map(given))).not.toThrow();
  });

  it("converts to the model's precision", () => {
    const model = build("gelan-t");
    const given = new Map(officialStateDict(model));
    given.set("model.0.bn.weight", tensor(Array<number>(16).fill(0.1), { dtype: "float16" }));
    loadOfficialStateDict(model, given);
    const loaded = model.stateDict().get("backbone.stem1.norm.weight")!;
    expect(loaded.dtype).toBe("float32");
    expect(loaded.toArray()[0]).toBe(0.0999755859375);
  });
});
