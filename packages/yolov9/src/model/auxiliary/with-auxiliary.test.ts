import { describe, expect, it } from "vitest";
import { buildModel } from "../detection-model.js";
import { loadModelSpec, parseModelSpec } from "../file/spec-file.js";
import { planModel } from "../plan.js";
import { profile } from "../profile.js";
import { withoutAuxiliary } from "../spec.js";
import { BACKBONE_BRANCHES, type AuxiliaryOptions } from "./options.js";
import { withAuxiliary } from "./with-auxiliary.js";

const gelanT = loadModelSpec("gelan-t");

/** What each auxiliary row is made of and hangs on. */
function outline(name: string, options: AuxiliaryOptions): string[] {
  return withAuxiliary(loadModelSpec(name), options).auxiliary.map(
    ({ name: row, from, block }) => `${row} = ${block}(${from.join(", ")})`,
  );
}

describe("withAuxiliary", () => {
  it("hangs prediction heads right on the backbone's features for deep supervision", () => {
    expect(outline("gelan-c", { backbone: "PFH" })).toEqual(["auxDetect = DecoupledDetect(b3, b4, b5)"]);
  });

  it("copies the neck's top-down half as FPN, on the first backbone also where there are two", () => {
    const fpn = [
      "auxSpp = SPPELAN(b5)",
      "auxUp4 = Upsample(auxSpp)",
      "auxCat4 = Concat(auxUp4, b4)",
      "auxTopDown4 = GELAN(auxCat4)",
      "auxUp3 = Upsample(auxTopDown4)",
      "auxCat3 = Concat(auxUp3, b3)",
      "auxN3 = GELAN(auxCat3)",
      "auxDetect = DecoupledDetect(auxN3, auxTopDown4, auxSpp)",
    ];
    expect(outline("gelan-t", { backbone: "FPN" })).toEqual(fpn);
    expect(outline("gelan-e", { backbone: "FPN" })).toEqual(fpn);
  });

  it("copies the whole neck as PAN", () => {
    const rows = outline("gelan-e", { backbone: "PAN" });
    expect(rows).toHaveLength(14);
    expect(rows.at(-1)).toBe("auxDetect = DecoupledDetect(auxN3, auxN4, auxN5)");
  });

  it("links a second backbone at the levels of the heads as ICN, and at all levels as DHLC", () => {
    const fuses = (options: AuxiliaryOptions) => outline("gelan-c", options).filter((row) => row.includes("CBFuse"));
    expect(fuses({ backbone: "ICN" })).toEqual([
      "auxFuse3 = CBFuse(auxLink3, auxLink4, auxLink5, auxDown3)",
      "auxFuse4 = CBFuse(auxLink4, auxLink5, auxDown4)",
      "auxFuse5 = CBFuse(auxLink5, auxDown5)",
    ]);
    expect(fuses({ backbone: "DHLC" })).toHaveLength(5);
  });

  it("lets the neck's outputs contribute to a second backbone of their own", () => {
    const rows = outline("gelan-c", { backbone: "FPN", neck: "ICN" });
    expect(rows).toContain("auxNeckLink4 = CBLinear(n4)");
    expect(rows.filter((row) => row.includes("Detect"))).toEqual([
      "auxDetect = DecoupledDetect(auxN3, auxTopDown4, auxSpp)",
      "auxNeckDetect = DecoupledDetect(auxNeckB3, auxNeckB4, auxNeckB5)",
    ]);
  });

  it("makes DHLC out of exactly the rows that GELAN-E has in its main branch", () => {
    const branch = withAuxiliary(loadModelSpec("gelan-e"), { backbone: "DHLC" });
    const counts = profile(branch).rows;
    const parameters = (names: readonly string[]) =>
      counts.filter(({ name }) => names.includes(name)).reduce((sum, row) => sum + row.parameters.training, 0);
    const main = branch.backbone
      .slice(branch.backbone.findIndex(({ name }) => name === "link1"))
      .map(({ name }) => name);
    const auxiliary = branch.auxiliary.slice(0, -1).map(({ name }) => name);
    expect(auxiliary).toHaveLength(main.length);
    expect(parameters(auxiliary)).toBe(parameters(main));
  });

  it.each(BACKBONE_BRANCHES.filter((name) => name !== "none"))("builds %s on every scale of model", (backbone) => {
    for (const name of ["gelan-t", "gelan-m", "gelan-e", "gelan"]) {
      const spec = withAuxiliary(loadModelSpec(name), { backbone });
      expect(planModel(spec).auxiliaries.map(({ inputs }) => inputs.map(({ stride }) => stride))).toEqual([
        [8, 16, 32],
      ]);
      expect(withoutAuxiliary(spec)).toEqual(withoutAuxiliary(loadModelSpec(name)));
    }
  });

  it("makes a light branch a fraction of the full one", () => {
    const auxiliaryParameters = (light: boolean) =>
      profile(withAuxiliary(gelanT, { backbone: "FPN", light }))
        .rows.filter(({ section }) => section === "auxiliary")
        .reduce((sum, row) => sum + row.parameters.training, 0);
    const share = auxiliaryParameters(true) / auxiliaryParameters(false);
    expect(share).toBeLessThan(0.15);
    expect(share).toBeGreaterThan(0.01);
  });

  it("says which features it could not find", () => {
    expect(() => withAuxiliary(gelanT, { backbone: "PFH", features: ["b3", "b4", "b6"] })).toThrow(/no row "b6"/);
    expect(() => withAuxiliary(gelanT, { backbone: "PFH", features: ["b2", "b3", "b4"] })).toThrow(/strides 4, 8, 16/);
  });

  it("is what a model file orders by name, and the resolved model carries its rows, guidance and weight", () => {
    const file = { extends: "gelan-t", name: "mine", auxiliary: { backbone: "PFH", guidance: "lead", weight: 0.5 } };
    const spec = parseModelSpec(file);
    expect(spec).toMatchObject({ guidance: "lead", auxiliaryWeight: 0.5 });
    expect(spec.auxiliary.map(({ name }) => name)).toEqual(["auxDetect"]);
    const again = parseModelSpec(JSON.parse(JSON.stringify(spec)));
    expect(again).toEqual(spec);
    buildModel(again).dispose();
  });

  it("refuses an order that it does not know", () => {
    expect(() => parseModelSpec({ extends: "gelan-t", auxiliary: { backbone: "BiFPN" } })).toThrow(/auxiliary/);
  });
});
