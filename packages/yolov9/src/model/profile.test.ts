import { describe, expect, it } from "vitest";
import { buildModel } from "./detection-model.js";
import { profile } from "./profile.js";
import { loadModelSpec, parseModelSpec } from "./file/spec-file.js";

/** Parameters in training form and GFLOPs of the published models at 80 classes and 640 pixels; both also fused (auxiliary kept). */
const published = {
  "gelan-t": [2_442_640, 2_407_632, 9.9, 9.82],
  "gelan-s": [7_226_208, 7_105_888, 26.71, 26.38],
  "gelan-m": [20_124_000, 19_978_672, 76.8, 76.31],
  "gelan-c": [25_498_752, 25_288_768, 102.82, 102.14],
  "gelan-e": [58_114_432, 57_345_920, 191.15, 188.95],
  gelan: [31_462_528, 31_252_544, 117.81, 117.13],
  "yolov9-t": [3_717_680, 3_674_576, 16.28, 16.16],
  "yolov9-s": [9_804_512, 9_659_168, 39.5, 39.05],
  "yolov9-m": [32_878_432, 32_667_400, 132.08, 131.32],
  "yolov9-c": [51_182_080, 50_880_768, 238.65, 237.63],
  "yolov9-e": [69_529_664, 68_669_632, 243.96, 241.34],
  "yolov9-cf": [56_734_400, 56_431_168, 264.42, 263.39],
  yolov9: [60_979_712, 60_678_400, 265.92, 264.9],
} as const;

/** Parameters of each row of gelan-t, then of the auxiliary rows of yolov9-t without the heads. */
const rowsOfT = [
  464, 4672, 7872, 18560, 65216, 55488, 145824, 110848, 258432, 41344, 0, 0, 158112, 0, 0, 71360, 27744, 0, 150432,
  55424, 0, 266624, 1004224, 41344, 0, 0, 158112, 0, 0, 71360,
];

function deployFormOf(name: string): keyof typeof published {
  const gelan = name.replace("yolov9-cf", "yolov9-c").replace("yolov9", "gelan");
  if (!(gelan in published)) throw new Error(`no published figures of ${gelan}`);
  return gelan as keyof typeof published;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

describe("profile", () => {
  it.each(Object.entries(published))(
    "gives the published sizes of %s, and those of its GELAN once deployed",
    (name, [training, fused, gflops, fusedGflops]) => {
      const { rows, ...totals } = profile(loadModelSpec(name));
      const [, deployed, , deployedGflops] = published[deployFormOf(name)];
      expect(totals.parameters.training).toBe(training);
      expect(sum(rows.map((row) => row.parameters.deploy))).toBe(fused);
      expect(totals.gflops.training).toBeCloseTo(gflops, 2);
      expect(sum(rows.map((row) => row.gflops.deploy))).toBeCloseTo(fusedGflops, 2);
      expect(totals.parameters.deploy).toBe(deployed);
      expect(totals.gflops.deploy).toBeCloseTo(deployedGflops, 2);
    },
  );

  it("gives the published parameters of every row of yolov9-t", () => {
    const { rows } = profile(loadModelSpec("yolov9-t"));
    expect(rows.slice(0, rowsOfT.length).map((row) => row.parameters.training)).toEqual(rowsOfT);
    expect(rows.at(-1)!.parameters.training).toBe(2_008_448 - 1_004_224);
  });

  it("gives the paper's size of T with its narrower class branches", () => {
    const narrow = { classWidth: 80 };
    const model = buildModel(
      parseModelSpec({ ...loadModelSpec("yolov9-t"), rows: { detect: narrow, auxDetect: narrow } }),
    );
    const { parameters, gflops, rows } = profile(model);
    model.dispose();
    expect(parameters.deploy).toBe(2_001_840);
    expect(gflops.deploy).toBeCloseTo(7.71, 2);
    expect(sum(rows.map((row) => row.parameters.deploy))).toBe(2_862_992);
    expect(sum(rows.map((row) => row.gflops.deploy))).toBeCloseTo(11.95, 2);
  });

  it("costs a quarter at half the size", () => {
    const model = buildModel(loadModelSpec("gelan-t"));
    expect(profile(model, 320).gflops.training).toBeCloseTo(profile(model, 640).gflops.training / 4, 10);
    model.dispose();
  });
});

describe("GELAN-S with other inner blocks and depths", () => {
  it.each([
    ["Conv", 2, 1, 6.21, 23.53],
    ["Res", 2, 1, 5.42, 21.0],
    ["Dark", 2, 1, 5.66, 21.77],
    ["RepCSP", 2, 1, 5.87, 22.43],
    ["RepCSP", 2, 2, 6.49, 24.4],
    ["RepCSP", 3, 1, 7.07, 26.27],
    ["RepCSP", 2, 3, 7.11, 26.38],
  ])(
    "%s, ELAN depth %i, CSP depth %i: %f M, %f G as in the paper's tables",
    (inner, elanDepth, cspDepth, millions, gflops) => {
      const defaults = { GELAN: { inner, elanDepth, cspDepth } };
      const size = profile(parseModelSpec({ name: "changed", extends: "gelan-s", defaults }));
      expect(size.parameters.deploy / 1e6).toBeCloseTo(millions, 2);
      expect(size.gflops.deploy).toBeCloseTo(gflops, 2);
    },
  );
});
