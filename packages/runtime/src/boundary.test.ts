import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** Modules that a source file reaches through imports, by their names as written; neighbours are followed. */
function reached(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const path = new URL(file.replace(/\.js$/, ".ts"), import.meta.url);
  if (!file.startsWith("./") || !existsSync(path)) return seen;
  const source = readFileSync(path, "utf8");
  for (const [statement, from, called] of source.matchAll(
    /(?:import|export)[^;"]*?from\s+"([^"]+)"|import\("([^"]+)"\)/g,
  )) {
    if (!/^(?:import|export) type /.test(statement)) reached((from ?? called)!, seen);
  }
  return seen;
}

describe("the entry points", () => {
  it("reach nothing of Node from the browser", () => {
    expect([...reached("./browser.js")].sort()).toEqual([
      "./browser.js",
      "./canvas-pixels.js",
      "./detection-rows.js",
      "./detector.js",
      "./model-card.js",
      "./onnx-metadata.js",
      "./onnx-model.js",
      "./onnx-runtime-web.js",
      "@yolov9/vision",
      "onnxruntime-web/wasm",
      "onnxruntime-web/webgpu",
      "protobufjs/minimal.js",
    ]);
  });

  it("reach no WebAssembly from Node", () => {
    expect(reached("./node.js")).toContain("onnxruntime-node");
    expect([...reached("./node.js")].filter((name) => name.startsWith("onnxruntime-web"))).toEqual([]);
  });
});
