import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveSafetensors, setNumThreads } from "@yolov9/torch";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ReleaseServer } from "../download/testing/release-server.js";
import { buildModel, loadModelSpec, officialStateDict } from "../model/index.js";
import { tinyComposite } from "../model/testing/tiny-composite.js";
import { pickledModel, StorageWriter, torchFile } from "../weights/pytorch/testing/torch-writer.js";
import { run } from "./main.js";

describe("foreign weights on the command line", () => {
  let out = "";
  let err = "";
  beforeEach(() => {
    out = "";
    err = "";
    vi.spyOn(console, "log").mockImplementation((line: string) => void (out += `${line}\n`));
    vi.spyOn(console, "error").mockImplementation((line: string) => void (err += `${line}\n`));
    vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += text.toString()), true));
    vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += text.toString()), true));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
  });

  it("are imported with a model file, verified at export, and written back with published names", async () => {
    setNumThreads(1);
    const folder = mkdtempSync(join(tmpdir(), "cli-"));
    try {
      const foreign = join(folder, "foreign.safetensors");
      const architecture = join(folder, "tiny.yaml");
      writeFileSync(architecture, JSON.stringify(tinyComposite()));
      saveSafetensors(foreign, officialStateDict(buildModel(tinyComposite(), { classCount: 2 })));
      expect(await run(["import", foreign, "--model", architecture, "--names", "cat,dog", "--json"])).toBe(0);
      const imported = join(folder, "foreign-model.safetensors");
      expect(JSON.parse(out)).toMatchObject({
        output: imported,
        model: "tiny-composite",
        names: ["cat", "dog"],
        auxiliaryHeads: 1,
        head: { boxGroups: 4 },
      });
      out = "";
      expect(await run(["export", "--weights", imported, "--imgsz", "64", "--verify"])).toBe(0);
      expect(out).toMatch(
        /training model against detached +boxes 0 px, scores 0\n.*detached against fused .*\n.*ONNX Runtime/,
      );
      out = "";
      const official = join(folder, "deploy.safetensors");
      expect(await run(["export", "--weights", imported, "--official-names", "--detach", "--output", official])).toBe(
        0,
      );
      expect(out).toBe(`${official} (319 tensors with published names)\n`);
      expect(await run(["import", official, "--model", architecture])).toBe(0);
      expect(out).toMatch(
        /model +tiny-composite, not fused, 0 auxiliary heads\n.*\n.*\nclasses +2 \(names: file\): cat, dog/,
      );
      expect(await run(["import", foreign, "--model", architecture, "--names", "cat"])).toBe(1);
      expect(err).toContain("1 class names were given, but the weights have 2 classes");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("are downloaded and imported", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cli-"));
    const server = new ReleaseServer();
    await server.start();
    try {
      const writer = new StorageWriter();
      const model = buildModel(loadModelSpec("gelan-t"), { classCount: 2, classWidth: 80 });
      const root = new Map([
        ["model", pickledModel(officialStateDict(model), writer, { dtype: "float16", names: ["a", "b"] })],
      ]);
      server.content = torchFile(root, writer.storages);
      const output = join(folder, "t.safetensors");
      const options = ["--base", server.address, "--cache", folder, "--output", output];
      expect(await run(["download", "yolov9-t-converted", ...options])).toBe(0);
      expect(out).toContain("parameters  2,017,606 from float16");
      expect(out).toContain("(names: file): a, b");
      server.content = torchFile(new Map());
      expect(await run(["download", "yolov9-s", ...options])).toBe(1);
      expect(err).toContain("holds no weights");
      expect(await run(["download"])).toBe(0);
      expect(out).toContain("yolov9-e-converted\n");
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
