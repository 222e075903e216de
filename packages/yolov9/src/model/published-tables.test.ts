import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Conv2d, shapesOnly } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { Conv } from "./blocks/conv.js";
import { RepConv } from "./blocks/rep-conv.js";
import { buildModel, type DetectionModel } from "./detection-model.js";
import { officialStateDict, publishedIndices } from "./official-names.js";
import { planModel, type PlannedRow } from "./plan.js";
import { profile, type RowProfile } from "./profile.js";
import { loadModelSpec } from "./file/spec-file.js";
import type { ModelSpec } from "./spec.js";
import { modelNames } from "./file/zoo.js";

/** The published models in their own row format. */
const FOLDER = fileURLToPath(new URL("./testing/published/", import.meta.url));
const published = readdirSync(FOLDER).map((file) => basename(file, ".yaml"));

/** Convolutions of all kinds, batch norms and RepConvs of each published model in training form. */
const moduleCounts: Readonly<Record<string, readonly number[]>> = {
  "gelan-t": [227, 221, 42],
  "gelan-s": [227, 221, 42],
  "gelan-m": [155, 149, 16],
  "gelan-c": [160, 154, 16],
  "gelan-e": [309, 298, 48],
  gelan: [155, 149, 16],
  "yolov9-t": [303, 291, 54],
  "yolov9-s": [303, 291, 54],
  "yolov9-m": [245, 230, 24],
  "yolov9-c": [253, 238, 24],
  "yolov9-e": [373, 356, 56],
  "yolov9-cf": [271, 250, 24],
  yolov9: [245, 230, 24],
};

/** The parameters that the published file notes behind each row. */
function publishedParameters(name: string): number[] {
  const text = readFileSync(`${FOLDER}${name}.yaml`, "utf8");
  return [...text.matchAll(/\] # (\d+)$/gm)].map(([, parameters]) => Number(parameters));
}

/** Parameters by published index: all heads share the last one, and an index without a row hands on the image. */
function parametersByIndex(spec: ModelSpec): number[] {
  const { rows: indices, head } = publishedIndices(spec);
  const result = Array<number>(head + 1).fill(0);
  const add = ({ name, parameters }: RowProfile) => (result[indices.get(name) ?? head]! += parameters.training);
  profile(spec).rows.forEach(add);
  return result;
}

function hollow(spec: ModelSpec): DetectionModel {
  return shapesOnly(() => buildModel(spec));
}

/** Published names with shapes, in order. */
function tensors(spec: ModelSpec): string[] {
  return [...officialStateDict(hollow(spec))].map(([key, tensor]) => `${key} [${tensor.shape.join()}]`);
}

/** What flows, in the published order, with rows known by their index only. */
function flow(spec: ModelSpec): unknown[] {
  const { rows: indices } = publishedIndices(spec);
  const numbered = (row: PlannedRow) => {
    const from = row.row.from.map((name) => indices.get(name) ?? name);
    const output = row.kind === "feature" ? row.output : row.section;
    return { index: indices.get(row.row.name) ?? Infinity, block: row.row.block, from, inputs: row.inputs, output };
  };
  return planModel(spec)
    .rows.map(numbered)
    .sort((a, b) => a.index - b.index);
}

describe("the published models", () => {
  it("are all there", () => {
    expect(published.sort()).toEqual(Object.keys(moduleCounts).sort());
    expect(modelNames()).toEqual(expect.arrayContaining(published));
  });

  it.each(published)("%s has the published parameters in every row", (name) => {
    expect(parametersByIndex(loadModelSpec(name))).toEqual(publishedParameters(name));
  });

  it.each(published)("%s in the published row format is the same model, name for name and shape for shape", (name) => {
    const [own, read] = [loadModelSpec(name), loadModelSpec(`${FOLDER}${name}.yaml`)];
    expect(read.name).toBe(name);
    expect(flow(read)).toEqual(flow(own));
    expect(tensors(read)).toEqual(tensors(own));
    expect(parametersByIndex(read)).toEqual(publishedParameters(name));
    expect(profile(read)).toMatchObject({ parameters: profile(own).parameters, gflops: profile(own).gflops });
  });

  it.each(Object.entries(moduleCounts))("%s has %j convolutions, batch norms and RepConvs", (name, expected) => {
    const modules = hollow(loadModelSpec(name))
      .modules()
      .map(([, module]) => module);
    const counts = [Conv2d, Conv, RepConv].map((Class) => modules.filter((module) => module instanceof Class).length);
    expect(counts).toEqual(expected);
  });

  it("name and shape what is inside a block as published", () => {
    const block = tensors(loadModelSpec("gelan-c")).filter((line) => /^model\.2\..*conv\.weight/.test(line));
    expect(block.map((line) => line.replace("model.2.", "").replace(".weight", ""))).toEqual([
      "cv1.conv [128,128,1,1]",
      "cv2.0.cv1.conv [32,64,1,1]",
      "cv2.0.cv2.conv [32,64,1,1]",
      "cv2.0.cv3.conv [64,64,1,1]",
      "cv2.0.m.0.cv1.conv1.conv [32,32,3,3]",
      "cv2.0.m.0.cv1.conv2.conv [32,32,1,1]",
      "cv2.0.m.0.cv2.conv [32,32,3,3]",
      "cv2.1.conv [64,64,3,3]",
      "cv3.0.cv1.conv [32,64,1,1]",
      "cv3.0.cv2.conv [32,64,1,1]",
      "cv3.0.cv3.conv [64,64,1,1]",
      "cv3.0.m.0.cv1.conv1.conv [32,32,3,3]",
      "cv3.0.m.0.cv1.conv2.conv [32,32,1,1]",
      "cv3.0.m.0.cv2.conv [32,32,3,3]",
      "cv3.1.conv [64,64,3,3]",
      "cv4.conv [256,256,1,1]",
    ]);
  });

  it("have heads of the published widths: box and class branches of auxiliary, coarse and lead head", () => {
    const widths = (name: string) => {
      const lines = tensors(loadModelSpec(name));
      const head = publishedIndices(loadModelSpec(name)).head;
      return [2, 3, 4, 5, 6, 7].flatMap((branch) => {
        const line = lines.find((text) => text.startsWith(`model.${head}.cv${branch}.0.0.conv.weight`));
        return line === undefined ? [] : [Number(/\[(\d+)/.exec(line)![1])];
      });
    };
    expect(widths("yolov9-t")).toEqual([64, 128, 64, 128]);
    expect(widths("yolov9-m")).toEqual([64, 240, 64, 240]);
    expect(widths("yolov9-c")).toEqual([128, 512, 64, 256]);
    expect(widths("yolov9-e")).toEqual([64, 256, 64, 256]);
    expect(widths("yolov9-cf")).toEqual([128, 512, 64, 256, 64, 256]);
  });
});
