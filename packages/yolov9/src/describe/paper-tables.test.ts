import { beforeAll, describe, expect, it } from "vitest";
import { loadModelSpec, profile } from "../model/index.js";
import { allModelSizes, paperTables, sizeTables, type ModelSize } from "./paper-tables.js";
import { rowTree } from "./row-tree.js";
import { markdownTable, plainTable } from "../text-table.js";

/** Millions of parameters and GFLOPs in deploy form, counted from the rules that the paper's tables follow. */
const counted: Readonly<Record<string, readonly [number, number]>> = {
  "gelan-s-conv": [6.21, 23.53],
  "gelan-s-res": [5.42, 21.0],
  "gelan-s-dark": [5.66, 21.77],
  "gelan-s-2-1": [5.87, 22.43],
  "gelan-s-2-2": [6.49, 24.4],
  "gelan-s-3-1": [7.07, 26.27],
  "gelan-s": [7.11, 26.38],
  "gelan-m": [19.98, 76.31],
  "gelan-m-2-2": [22.19, 85.14],
  "gelan-m-3-1": [24.28, 93.49],
  "gelan-m-2-3": [24.4, 93.98],
  "gelan-c-1-1": [18.86, 77.44],
  "gelan-c": [25.29, 102.14],
  "gelan-c-2-2": [28.57, 114.41],
  "gelan-c-3-1": [31.72, 126.83],
  "gelan-c-2-3": [31.86, 126.67],
  "gelan-e-single": [41.16, 126.36],
  "gelan-e-small": [34.71, 147.11],
  "gelan-e-medium": [44.01, 183.91],
  "yolov9-e-small": [34.71, 147.11],
  "yolov9-e-medium": [44.01, 183.91],
};
/** The paper rounds to a tenth; GELAN-C of depths 1, 1 comes to 77.44 where it prints 77.5. */
const ROUNDING = 0.061;

let sizes: ModelSize[];
beforeAll(() => {
  sizes = allModelSizes();
});

const sizeOf = (model: string): ModelSize => sizes.find(({ name }) => name === model)!;

describe("the sizes of all models", () => {
  it.each(Object.entries(counted))("%s has %j million parameters and GFLOPs", (model, [millions, gflops]) => {
    expect(sizeOf(model).parameters.deploy / 1e6).toBeCloseTo(millions, 2);
    expect(sizeOf(model).gflops.deploy).toBeCloseTo(gflops, 2);
  });

  it.each(paperTables().flatMap(({ title, rows }) => rows.map((row) => [title, row] as const)))(
    "%s: %j comes out as printed",
    (_, { model, parameters, gflops }) => {
      expect(Math.abs(sizeOf(model).parameters.deploy / 1e6 - parameters)).toBeLessThan(ROUNDING);
      expect(Math.abs(sizeOf(model).gflops.deploy - gflops)).toBeLessThan(ROUNDING);
    },
  );

  it("cover 4 rows of Table 2, 13 of Table 3, 4 of Table 6 and the 3 sizes of E", () => {
    expect(paperTables().map(({ rows }) => rows.length)).toEqual([9, 4, 13, 4, 3]);
  });

  it("are printed beside the paper's", () => {
    const [all, , table2] = sizeTables(sizes);
    expect(all!.lines).toContainEqual(["gelan-t", "2,442,640", "9.90", "2,407,632", "9.82"]);
    expect(plainTable(table2!).split("\n")[2]).toBe("  Conv  gelan-s-conv       6.2    23.5  44.8     6.21   23.53");
    expect(markdownTable(table2!).split("\n").slice(1, 3)).toEqual([
      "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
      "| Conv | gelan-s-conv | 6.2 | 23.5 | 44.8 | 6.21 | 23.53 |",
    ]);
  });
});

describe("the rows of a model as text", () => {
  it("have shapes, parameters and GFLOPs, and say what is auxiliary", () => {
    const lines = rowTree(profile(loadModelSpec("yolov9-t"), 320)).split("\n");
    const words = (start: string) =>
      lines
        .find((line) => line.includes(start))!
        .trim()
        .split(/\s{2,}/);
    expect(words("b3 ")).toEqual(["├─ b3", "GELAN", "down3", "64 × 40 × 40", "65,216", "0.20"]);
    expect(words("auxiliary")).toEqual(["auxiliary (training only)", "1,275,040", "1.59"]);
    expect(words("└─ auxDetect")[2]).toBe("auxN3, auxTopDown4, auxSpp");
    expect(words("deploy")).toEqual(["deploy", "2,407,632", "2.45"]);
    expect(lines.indexOf(lines.find((line) => line.startsWith("auxiliary"))!)).toBeGreaterThan(
      lines.findIndex((line) => line.includes("n5")),
    );
  });
});
