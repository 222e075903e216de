import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModelSpec, parseModelSpec } from "./spec-file.js";
import { modelNames, variantNames } from "./zoo.js";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "model-file-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A small complete model; `change` edits its text. */
function file(name: string, change: (yaml: string) => string): string {
  const yaml = `name: tiny
backbone:
  - {name: stem, from: image, block: Conv, out: 16, stride: 2}
  - {name: body, block: GELAN, out: 16, hidden: [16, 8]}
head:
  - {name: detect, from: [body], block: DecoupledDetect}
`;
  const path = join(folder, name);
  writeFileSync(path, change(yaml));
  return path;
}

describe("a model file", () => {
  it("knows the published family by name", () => {
    expect(modelNames()).toEqual(
      expect.arrayContaining(["gelan-t", "gelan-s", "gelan-t-plainhead", "yolov9-t", "yolov9-s"]),
    );
  });

  it("knows every variant of the paper's tables by name", () => {
    expect(variantNames()).toHaveLength(25);
    for (const name of variantNames()) expect(loadModelSpec(name).name).toBe(name);
  });

  it("takes the previous row as input, and the image first", () => {
    const spec = loadModelSpec(file("tiny.yaml", (yaml) => yaml.replace("from: image, ", "")));
    expect(spec.backbone.map((row) => row.from)).toEqual([["image"], ["stem"]]);
  });

  it("fills in the header's defaults", () => {
    expect(loadModelSpec(file("tiny.yaml", (yaml) => yaml))).toMatchObject({
      classCount: 80,
      activation: "silu",
      regMax: 16,
    });
  });

  it("survives being stored as JSON", () => {
    const spec = loadModelSpec("yolov9-e");
    expect(parseModelSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });
});

describe("a file that extends another", () => {
  it("multiplies the inherited widths and rounds them up to multiples of 8", () => {
    const base = file("base.yaml", (yaml) => yaml);
    const spec = loadModelSpec(file("wide.yaml", () => `extends: ${base}\nwidth: 1.75\nrows:\n  stem: {out: 20}\n`));
    expect(spec.name).toBe("wide");
    expect(spec.backbone.map((row) => row["out"])).toEqual([20, 32]);
    expect(spec.backbone[1]!["hidden"]).toEqual([32, 16]);
  });

  it("changes options of all rows of a block, but for rows that say otherwise", () => {
    const spec = parseModelSpec({
      extends: "gelan-t",
      defaults: { GELAN: { cspDepth: 1 } },
      rows: { b3: { cspDepth: 5 } },
    });
    const depths = spec.backbone.filter((row) => row.block === "GELAN").map((row) => row["cspDepth"]);
    expect(depths).toEqual([5, 1, 1]);
  });

  it("removes an option by null and appends to a section", () => {
    const spec = parseModelSpec({
      extends: "yolov9-c",
      rows: { b2: { cspDepth: null } },
      auxiliary: { append: [{ name: "more", from: ["n3", "n4", "n5"], block: "Detect" }] },
    });
    expect(spec.auxiliary.at(-1)).toEqual({ name: "more", from: ["n3", "n4", "n5"], block: "Detect" });
    expect(spec.auxiliary).toHaveLength(17);
    expect(spec.backbone[2]).not.toHaveProperty("cspDepth");
  });

  it("lets rows be like others, as these are in the file itself", () => {
    const spec = parseModelSpec({
      extends: "gelan-t",
      auxiliary: {
        append: [
          { name: "like3", from: "cat3", like: "n3", cspDepth: 2 },
          { name: "auxDetect", from: ["like3", "n4", "n5"], like: "detect" },
        ],
      },
      rows: { n3: { out: 72, hidden: [72, 40] } },
    });
    const { n3, like3 } = Object.fromEntries([...spec.neck, ...spec.auxiliary].map((row) => [row.name, row]));
    expect(n3).toMatchObject({ block: "GELAN", out: 72, hidden: [72, 40], cspDepth: 3 });
    expect(like3).toEqual({ ...n3, name: "like3", from: ["cat3"], cspDepth: 2 });
  });

  it("is refused with its line when a row is like none, or has no block", () => {
    const like = file("like.yaml", () => "extends: gelan-t\nauxiliary:\n  - {name: a, like: b33}\n");
    expect(() => loadModelSpec(like)).toThrow(
      new Error(`${like}:3: row "a": no earlier row "b33" to be like; did you mean "b3"?`),
    );
    const bare = file("bare.yaml", () => "extends: gelan-t\nneck:\n  append:\n    - {name: a}\n");
    expect(() => loadModelSpec(bare)).toThrow(`${bare}:4: row "a": names no block`);
  });

  it("is refused when it extends itself", () => {
    const path = file("circle.yaml", () => `extends: circle.yaml\n`);
    expect(() => loadModelSpec(path)).toThrow(/extends itself by way of .*circle\.yaml → .*circle\.yaml/);
  });

  it("changes rows of an auxiliary branch that is ordered by name, also one that the base ordered", () => {
    const base = file(
      "ordered.yaml",
      () => "extends: gelan-t\nauxiliary: {backbone: FPN}\nrows:\n  auxN3: {cspDepth: 2}\n",
    );
    const plain = loadModelSpec(file("plain.yaml", () => "extends: gelan-t\nauxiliary: {backbone: FPN}\n"));
    const spec = loadModelSpec(
      file("again.yaml", () => "extends: ordered.yaml\nrows:\n  auxN3: {out: 56}\n  n3: {cspDepth: 4}\n"),
    );
    const row = (one: typeof spec, name: string) => [...one.neck, ...one.auxiliary].find((each) => each.name === name);
    expect(row(loadModelSpec(base), "auxN3")).toEqual({ ...row(plain, "auxN3"), cspDepth: 2 });
    expect(row(spec, "auxN3")).toMatchObject({ cspDepth: 2, out: 56 });
    expect(row(spec, "n3")).toMatchObject({ cspDepth: 4 });
    expect(spec.auxiliary.map(({ name }) => name)).toEqual(plain.auxiliary.map(({ name }) => name));
    // Another order makes other rows, to which those changes do not belong.
    expect(
      loadModelSpec(file("new.yaml", () => "extends: ordered.yaml\nauxiliary: {backbone: PFH}\n")).auxiliary,
    ).toHaveLength(1);
    const typo = file(
      "auxtypo.yaml",
      () => "extends: gelan-t\nauxiliary: {backbone: FPN}\nrows:\n  auxN33: {out: 8}\n",
    );
    expect(() => loadModelSpec(typo)).toThrow(`${typo}:4: no row "auxN33" to change; did you mean "auxN3"?`);
    const wrong = file(
      "auxwrong.yaml",
      () => "extends: gelan-t\nauxiliary: {backbone: FPN}\nrows:\n  auxN3: {out: -8}\n",
    );
    expect(() => loadModelSpec(wrong)).toThrow(`${wrong}:4: row "auxN3": GELAN: option "out": Too small`);
  });

  it("is refused with its line when it changes a row that does not exist", () => {
    const path = file("typo.yaml", () => `extends: gelan-t\nrows:\n  topDwn4: {out: 8}\n`);
    expect(() => loadModelSpec(path)).toThrow(
      new Error(`${path}:3: no row "topDwn4" to change; did you mean "topDown4"?`),
    );
  });

  it("is refused with its line when the base does not exist", () => {
    const path = file("lost.yaml", () => `name: x\nextends: gelan-tt\n`);
    expect(() => loadModelSpec(path)).toThrow(
      new Error(`${path}:2: no model or file "gelan-tt"; did you mean "gelan-t"?`),
    );
  });
});

describe("a mistake is refused with file, line and the nearest known name", () => {
  it.each([
    [
      "an unknown block",
      "block: GELAN",
      "block: GELNA",
      ':4: row "body": unknown block "GELNA"; did you mean "GELAN"?',
    ],
    ["an unknown option", "hidden:", "hiden:", ':4: row "body": GELAN has no option "hiden"; did you mean "hidden"?'],
    ["a wrong value", "out: 16, h", "out: -1, h", ':4: row "body": GELAN: option "out": Too small'],
    ["an odd split", "[16, 8]", "[15, 8]", ':4: row "body": GELAN: option "hidden.0": must be even'],
    [
      "an unknown inner block",
      "[16, 8]",
      "[16, 8], inner: Drk",
      ':4: row "body": unknown block "Drk"; did you mean "Dark"?',
    ],
    [
      "an unknown input",
      "from: [body]",
      "from: [bdy]",
      ':6: row "detect": no earlier row "bdy" to take as input; did you mean "body"?',
    ],
    ["an unused row", "from: [body]", "from: [stem]", ':4: row "body": no other row uses its output'],
    ["a name twice", "name: body", "name: stem", ':4: row "stem": a row of this name exists already'],
    ["an unknown key", "name: tiny", "naem: tiny", ':1: unknown key "naem"; did you mean "name"?'],
    ["a wrong activation", "name: tiny", "activation: gelu", ":1: activation: Invalid option"],
    ["no map", /[^]*/, "- 1", ":1: a model file is a map of keys such as backbone and head: Invalid input"],
    ["no head", "DecoupledDetect", "Concat", ':6: row "detect": no other row uses its output'],
    ["broken YAML", "[16, 8]}", "[16, 8}", ":4: "],
  ])("%s", (_, from, to, expected) => {
    const path = file("wrong.yaml", (yaml) => yaml.replace(from, to));
    expect(() => loadModelSpec(path)).toThrow(path + expected);
  });

  it("a main row that would need the auxiliary section", () => {
    const auxiliary = [
      { name: "extra", from: "b3", block: "Conv", out: 8 },
      { name: "auxDetect", from: ["extra", "b4", "b5"], block: "Detect" },
    ];
    const spec = { name: "m", extends: "gelan-t", auxiliary, rows: { n3: { from: "extra" } } };
    expect(() => parseModelSpec(spec)).toThrow('no earlier row "extra"');
  });

  it("auxiliary levels at other strides than the lead head's", () => {
    const auxiliary = [{ name: "auxDetect", from: ["b4", "b5"], block: "Detect" }];
    expect(() => parseModelSpec({ name: "m", extends: "gelan-t", auxiliary })).toThrow(
      new Error('m: row "auxDetect": its levels have strides 16, 32, but those of the lead head 8, 16, 32'),
    );
  });
});
