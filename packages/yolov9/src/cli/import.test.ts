import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveSafetensors, setNumThreads } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { ReleaseServer } from "../download/testing/release-server.js";
import { buildModel, loadModelSpec, officialStateDict } from "../model/index.js";
import { tinyComposite } from "../model/testing/tiny-composite.js";
import { pickledModel, StorageWriter, torchFile } from "../weights/pytorch/testing/torch-writer.js";
import { yolov9 } from "./testing/command-line.js";

describe("foreign weights on the command line", () => {
  it("are imported with a model file, verified at export, and written back with published names", async () => {
    setNumThreads(1);
    const folder = mkdtempSync(join(tmpdir(), "cli-"));
    try {
      const foreign = join(folder, "foreign.safetensors");
      const architecture = join(folder, "tiny.yaml");
      writeFileSync(architecture, JSON.stringify(tinyComposite()));
      saveSafetensors(foreign, officialStateDict(buildModel(tinyComposite(), { classCount: 2 })));
      const read = await yolov9("import", foreign, "--model", architecture, "--names", "cat,dog", "--json");
      expect(read.code).toBe(0);
      const imported = join(folder, "foreign-model.safetensors");
      expect(JSON.parse(read.out)).toMatchObject({
        output: imported,
        model: "tiny-composite",
        names: ["cat", "dog"],
        auxiliaryHeads: 1,
        head: { boxGroups: 4 },
      });
      const exported = await yolov9("export", "--weights", imported, "--imgsz", "64", "--verify");
      expect(exported.code).toBe(0);
      expect(exported.out).toMatch(
        /training model against detached +boxes 0 px, scores 0\n.*detached against fused .*\n.*ONNX Runtime/,
      );
      const official = join(folder, "deploy.safetensors");
      const back = ["--official-names", "--detach", "--output", official];
      const written = await yolov9("export", "--weights", imported, ...back);
      expect(written).toMatchObject({ code: 0, out: `${official} (319 tensors with published names)\n` });
      const again = await yolov9("import", official, "--model", architecture);
      expect(again.code).toBe(0);
      expect(again.out).toMatch(
        /model +tiny-composite, not fused, 0 auxiliary heads\n.*\n.*\nclasses +2 \(names: file\): cat, dog/,
      );
      const wrong = await yolov9("import", foreign, "--model", architecture, "--names", "cat");
      expect(wrong.code).toBe(1);
      expect(wrong.err).toContain("1 class names were given, but the weights have 2 classes");
      const before = readFileSync(foreign);
      const overwriting = await yolov9("import", foreign, "--model", architecture, "--output", foreign);
      expect(overwriting.code).toBe(1);
      expect(overwriting.err).toContain("is the file that is read");
      expect(readFileSync(foreign).equals(before)).toBe(true);
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
      const model = buildModel(loadModelSpec("gelan-t-published"), { classCount: 2 });
      const root = new Map([
        ["model", pickledModel(officialStateDict(model), writer, { dtype: "float16", names: ["a", "b"] })],
      ]);
      server.content = torchFile(root, writer.storages);
      const output = join(folder, "t.safetensors");
      const options = ["--base", server.address, "--cache", folder, "--output", output];
      const read = await yolov9("download", "yolov9-t-converted", ...options);
      expect(read.code).toBe(0);
      expect(read.out).toContain("parameters  2,017,606 from float16");
      expect(read.out).toContain("(names: file): a, b");
      server.content = torchFile(new Map());
      const empty = await yolov9("download", "yolov9-s", ...options);
      expect(empty.code).toBe(1);
      expect(empty.err).toContain("holds no weights");
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true });
    }
  });

  it("are listed by name", async () => {
    const { out } = await yolov9("download");
    expect(out).toContain("yolov9-e-converted\n");
    const { names } = JSON.parse((await yolov9("download", "--json")).out) as { names: string[] };
    expect(names).toEqual(out.trim().split("\n"));
  });
});
