import { manualSeed, noGrad, rand, scope, zeros, type DType } from "@yolov9/torch";
import { afterEach, describe, expect, it } from "vitest";
import { weightsOf } from "../parity/fixture.js";
import { Conv } from "./blocks/conv.js";
import { RepConv } from "./blocks/rep-conv.js";
import { detachAuxiliary, fuse } from "./deploy.js";
import { buildModel, type DetectionModel } from "./detection-model.js";
import { loadOfficialStateDict, officialStateDict } from "./official-names.js";
import { loadModelSpec } from "./file/spec-file.js";

const built: DetectionModel[] = [];

/** In evaluation mode, with weights and running statistics that are far from their initial values. */
function trained(name: string, dtype: DType = "float32"): DetectionModel {
  const model = buildModel(loadModelSpec(name), { classCount: 3 });
  built.push(model);
  scope(() => {
    const shapes = Object.fromEntries([...officialStateDict(model)].map(([key, { shape }]) => [key, shape]));
    loadOfficialStateDict(model, weightsOf(shapes));
  });
  return model.to({ dtype }).eval();
}

afterEach(() => {
  for (const model of built.splice(0)) model.dispose();
});

/** Lead outputs for the same image, at most so far apart relative to the largest value. */
function largestDifference(a: DetectionModel, b: DetectionModel, dtype: DType): number {
  return noGrad(() =>
    scope(() => {
      manualSeed(7);
      const images = rand([1, 3, 64, 64], { dtype });
      const ours = a.forward(images).lead;
      const theirs = b.forward(images).lead;
      const parts = ours.map((level, i) => level.sub(theirs[i]!).abs().max().item() / level.abs().max().item());
      return Math.max(...parts);
    }),
  );
}

describe("detachAuxiliary", () => {
  it("keeps the lead output to the last bit", () => {
    for (const name of ["yolov9-t", "yolov9-c"]) {
      const model = trained(name);
      const deployed = detachAuxiliary(model);
      built.push(deployed);
      expect(deployed.hasAuxiliary).toBe(false);
      expect(largestDifference(model, deployed, "float32")).toBe(0);
    }
  });

  it("shares nothing with the model that it came from", () => {
    const model = trained("yolov9-t");
    const deployed = detachAuxiliary(model);
    const weight = deployed.stateDict().get("backbone.stem1.conv.weight")!;
    const before = weight.toArray();
    model.dispose();
    expect(weight.toArray()).toEqual(before);
    deployed.dispose();
  });

  it("keeps names, precision and mode", () => {
    const model = buildModel(loadModelSpec("yolov9-t"), { names: ["a", "b"] }).to({ dtype: "float64" });
    const deployed = detachAuxiliary(model);
    built.push(model, deployed);
    expect(deployed.names).toEqual(["a", "b"]);
    expect(deployed.training).toBe(true);
    expect(deployed.parameters()[0]![1].dtype).toBe("float64");
  });

  it("works on a fused model", () => {
    const model = fuse(trained("yolov9-t"));
    const deployed = detachAuxiliary(model);
    built.push(deployed);
    expect(largestDifference(model, deployed, "float32")).toBe(0);
  });
});

describe("fuse", () => {
  it.each([
    ["float32", 1e-4],
    ["float64", 1e-9],
  ] as const)("keeps the lead output in %s within %d", (dtype, tolerance) => {
    const plain = trained("yolov9-t", dtype);
    const fused = fuse(trained("yolov9-t", dtype));
    const difference = largestDifference(plain, fused, dtype);
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(tolerance);
  });

  it("keeps the lead output of a model with linked backbones", () => {
    const fused = fuse(detachAuxiliary(trained("yolov9-c")));
    built.push(fused);
    expect(largestDifference(trained("yolov9-c"), fused, "float32")).toBeLessThan(1e-4);
  });

  it("leaves no batch norm and no RepConv branch", () => {
    const modules = fuse(trained("gelan-t")).modules();
    const left = modules.filter(
      ([, module]) => (module instanceof Conv && module.norm) ?? (module instanceof RepConv && module.spatial),
    );
    expect(left).toEqual([]);
  });

  it("leaves a model that refuses to be trained", () => {
    const model = fuse(trained("gelan-t"));
    expect(model.training).toBe(false);
    expect(() => model.train()).toThrow("cannot be trained");
    scope(() => expect(model.forward(zeros([1, 3, 32, 32])).lead).toHaveLength(3));
  });

  it("may be done twice", () => {
    const model = fuse(fuse(trained("gelan-t")));
    expect(officialStateDict(model).size).toBe((227 - 42) * 2 + 1);
  });
});
