import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shapesOnly } from "@yolov9/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildModel } from "../detection-model.js";
import { officialStateDict } from "../official-names.js";
import { loadModelSpec } from "./spec-file.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "indexed-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Header {
  nc?: number;
  width?: number;
  depth?: number;
  more?: string;
}

const backbone = ["[-1, 1, Conv, [16, 3, 2]]", "[-1, 1, Conv, [20, 3, 2]]", "[-1, 1, ELAN1, [36, 32, 16]]"];
const head = ["[-1, 1, SPPELAN, [40, 16]]", "[[3], 1, DDetect, [nc]]"];

function load(rows: readonly string[] = backbone, heads: readonly string[] = head, header: Header = {}) {
  const { nc = 3, width = 1, depth = 1, more = "" } = header;
  const list = (items: readonly string[]) => items.map((item) => `  - ${item}`).join("\n");
  const text = `nc: ${nc}\nwidth_multiple: ${width}\ndepth_multiple: ${depth}\n${more}backbone:\n${list(rows)}\nhead:\n${list(heads)}\n`;
  const path = join(folder, "model.yaml");
  writeFileSync(path, text);
  return loadModelSpec(path);
}

const outs = (spec: ReturnType<typeof load>) => spec.backbone.map((row) => row["out"]);

describe("a model file in the published row format", () => {
  it("rounds widths up to multiples of 8, but not the hidden ones", () => {
    expect(outs(load())).toEqual([16, 24, 40]);
    const half = load(backbone, head, { width: 0.5 });
    expect(outs(half)).toEqual([8, 16, 24]);
    expect(half.backbone[2]!["hidden"]).toEqual([32, 16]);
  });

  it("leaves a width alone that equals the channels of an anchor-based output", () => {
    // 3 anchors × (7 classes + 5) = 36.
    expect(outs(load(backbone, head, { nc: 7 }))).toEqual([16, 24, 36]);
    expect(outs(load(backbone, head, { nc: 7, more: "anchors: [[1,2, 3,4]]\n" }))).toEqual([16, 24, 40]);
    expect(outs(load(backbone, head, { nc: 13, more: "anchors: [[1,2, 3,4]]\n" }))).toEqual([16, 24, 36]);
  });

  it("repeats a module as often as depth says, rounding halves to even, with published names", () => {
    const rows = [...backbone.slice(0, 2), "[-1, 5, ELAN1, [24, 32, 16]]"];
    const spec = load(rows, head, { depth: 0.5 });
    expect(spec.backbone[2]).toMatchObject({ block: "Repeat", times: 2 });
    const keys = [...officialStateDict(shapesOnly(() => buildModel(spec))).keys()];
    expect(keys.filter((key) => key.endsWith("cv4.conv.weight"))).toEqual([
      "model.2.0.cv4.conv.weight",
      "model.2.1.cv4.conv.weight",
    ]);
    expect(load(rows, head, { depth: 0.3 }).backbone[2]).toMatchObject({ times: 2 });
    expect(load(rows, head, { depth: 0.2 }).backbone[2]).toMatchObject({ block: "ELAN1" });
  });

  it("counts negative inputs from the row itself", () => {
    const rows = [...backbone, "[-2, 1, Conv, [40, 1, 1]]", "[[-1, -2], 1, Concat, [1]]"];
    const spec = load(rows, ["[[-1], 1, DDetect, [nc]]"]);
    expect(spec.backbone.slice(3).map((row) => row.from)).toEqual([["layer1"], ["layer3", "layer2"]]);
    expect(spec.head[0]!.from).toEqual(["layer4"]);
  });

  it("names an activation without evaluating it", () => {
    expect(load(backbone, head, { more: "activation: nn.ReLU(inplace=True)\n" }).activation).toBe("relu");
    expect(() => load(backbone, head, { more: "activation: process.exit(1)\n" })).toThrow(
      /model\.yaml:4: unknown activation "process\.exit\(1\)"; known: nn\.SiLU, nn\.ReLU, nn\.Identity/,
    );
  });

  it("can be extended like any other model file", () => {
    load();
    const path = join(folder, "wider.yaml");
    writeFileSync(path, "extends: model.yaml\nrows:\n  layer1: {out: 32}\n");
    expect(outs(loadModelSpec(path))).toEqual([16, 32, 40]);
  });

  it("finds the auxiliary rows by what the last head does not need", () => {
    const spec = load(backbone, [
      "[-1, 1, Conv, [16, 1, 1]]",
      "[2, 1, Conv, [24, 1, 1]]",
      "[[4, 3], 1, DualDDetect, [nc]]",
    ]);
    expect(spec.neck.map((row) => row.name)).toEqual(["layer3"]);
    expect(spec.auxiliary.map((row) => row.name)).toEqual(["layer4", "auxDetect"]);
    expect(spec.publishedOrder).toEqual(["backbone", "neck", "auxiliary"]);
  });

  it.each([
    ["an unknown module", "[-1, 1, Cnv, [16]]", ':8: row 3: unknown module "Cnv"; did you mean "Conv"?'],
    ["wrong arguments", "[-1, 1, Conv, [big, 3]]", ":8: row 3: Conv: argument 1: Invalid input"],
    ["too many arguments", "[-1, 1, AConv, [16, 3]]", ":8: row 3: AConv: arguments: Too big"],
    ["other padding", "[-1, 1, Conv, [16, 3, 1, 0]]", ":8: row 3: Conv: arguments: the padding must be left out"],
    ["a later row", "[4, 1, Conv, [16]]", ":8: row 3: takes row 4 as input, which is no earlier row"],
    ["a row before the image", "[-5, 1, Conv, [16]]", ":8: row 3: takes row -5 as input"],
    ["Silence in the middle", "[-1, 1, Silence, []]", ":8: row 3: Silence can only be the first row"],
    ["a head in the middle", "[[2], 1, DDetect, [nc]]", ":8: row 3: DDetect is a head and must be the last row"],
    ["a row of another form", "[-1, Conv, [16]]", ":8: row 3 of backbone: "],
  ])("is refused with its line for %s", (_, row, message) => {
    expect(() => load([...backbone, row])).toThrow(join(folder, "model.yaml") + message);
  });

  it("is refused when Silence stands for nothing, since names would be numbered otherwise", () => {
    expect(() => load(["[-1, 1, Silence, []]", ...backbone], ["[[3], 1, DDetect, [nc]]"])).toThrow(
      ":5: row 0: Silence is for models that take the image twice",
    );
  });

  it("is refused when inputs cannot be shared by the heads", () => {
    expect(() => load(backbone, ["[[2, 1, 0], 1, DualDDetect, [nc]]"])).toThrow(
      ":9: row 3: 3 inputs cannot be shared by 2 heads",
    );
  });
});
