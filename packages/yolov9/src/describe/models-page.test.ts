import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { blockNames, loadModelSpec, modelNames, parseModelSpec } from "../model/index.js";

const page = readFileSync(fileURLToPath(new URL("../../../../docs/models.md", import.meta.url)), "utf8");
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);

describe("docs/models.md", () => {
  it("has model files that can be used as they stand", () => {
    const [whole, changed] = examples.map((text) => parseModelSpec(parse(text), "docs/models.md"));
    expect(whole!.backbone.at(-1)).toMatchObject({ block: "GELAN", hidden: [64, 32], inner: "Res", out: 96 });
    expect(changed!.neck.find((row) => row.name === "n5")).toMatchObject({
      out: 384,
      hidden: [384, 192],
      inner: "Dark",
    });
    expect(changed!.auxiliary[0]).toMatchObject({ name: "auxSpp", block: "SPPELAN", out: 384 });
    expect(examples).toHaveLength(2);
  });

  it("names every block and every model", () => {
    for (const name of [...blockNames(), ...modelNames()]) expect(page).toContain(name);
    expect(() => loadModelSpec("gelan-c-2-2")).not.toThrow();
  });
});
