import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const SOURCE = new URL("./", import.meta.url);
const sources = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter(
  (name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.startsWith("testing"),
);

/** Code without comments, which may speak of anything. */
function code(name: string): string {
  return readFileSync(new URL(name, SOURCE), "utf8").replace(/\/\*[\s\S]*?\*\/|(?<![:"'`])\/\/.*$/gm, "");
}

describe("this package runs in a browser, a worker and Node", () => {
  it("has sources to look at", () => {
    expect(sources).toContain("nms.ts");
  });

  it.each(sources)("%s names nothing of Node and nothing of the DOM", (name) => {
    expect(code(name)).not.toMatch(/node:|\b(Buffer|document|window)\b/);
  });

  it.each(sources)("%s imports only its neighbours", (name) => {
    const imports = [...code(name).matchAll(/from\s+"([^"]+)"/g)].map(([, path]) => path!);
    for (const path of imports) expect(path).toMatch(/^\.\/[\w-]+\.js$/);
  });
});
