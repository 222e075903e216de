import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memory, saveSafetensors } from "@yolov9/torch";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ReleaseServer } from "../download/testing/release-server.js";
import { buildModel, fuse, loadModelSpec, officialStateDict } from "../model/index.js";
import { transferWeights } from "../train/transfer.js";
import { pickledModel, StorageWriter, torchFile } from "./pytorch/testing/torch-writer.js";
import { openStartWeights } from "./start-weights.js";

let folder = "";
const notes: string[] = [];
const note = (line: string): void => void notes.push(line);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "start-"));
  notes.length = 0;
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A PyTorch checkpoint of a model of two classes. */
function checkpoint(model: string): Uint8Array {
  const writer = new StorageWriter();
  const built = buildModel(loadModelSpec(model), { classCount: 2 });
  const pickled = pickledModel(officialStateDict(built), writer, { dtype: "float16", names: ["a", "b"] });
  built.dispose();
  return torchFile(new Map([["model", pickled]]), writer.storages);
}

describe("the weights that a training starts from", () => {
  it("are fetched by the name of a published file, once", async () => {
    const server = new ReleaseServer();
    await server.start();
    try {
      server.content = checkpoint("gelan-t-published");
      vi.stubEnv("YOLOV9_DOWNLOAD_BASE", server.address);
      vi.stubEnv("XDG_CACHE_HOME", folder);
      for (const name of ["yolov9-t-converted", "yolov9-t-converted.pt"]) {
        const start = await openStartWeights(name, { note });
        expect(start.path).toBe(join(folder, "yolov9", "yolov9-t-converted.pt"));
        expect(start.spec?.classCount).toBe(2);
        start.dispose();
      }
      expect(server.requests.filter((request) => request.includes(".pt "))).toHaveLength(1);
      expect(notes.some((line) => line.startsWith("fetched "))).toBe(true);
      expect(notes.some((line) => line.startsWith("weights from the cache: "))).toBe(true);
    } finally {
      await server.stop();
    }
  });

  it("are named with address and manual way where there is no network", async () => {
    vi.stubEnv("YOLOV9_DOWNLOAD_BASE", "http://127.0.0.1:9/release/");
    vi.stubEnv("XDG_CACHE_HOME", folder);
    const opening = openStartWeights("yolov9-c");
    await expect(opening).rejects.toThrow("http://127.0.0.1:9/release/yolov9-c.pt: ");
    await expect(opening).rejects.toThrow(
      `Or fetch the file by other means and put it at ${join(folder, "yolov9", "yolov9-c.pt")}`,
    );
  });

  it("are imported from a .pt in memory, with a note, and say their model", async () => {
    const path = join(folder, "x.pt");
    writeFileSync(path, checkpoint("gelan-t"));
    const before = memory().undisposedTensors;
    const start = await openStartWeights(path, { note });
    expect(notes).toEqual([
      `${path}: read as gelan-t with 2 classes, float16 in "model"; yolov9 import makes a model file of it`,
    ]);
    expect([start.spec?.name, start.fused]).toEqual(["gelan-t", false]);
    start.dispose();
    expect(memory().undisposedTensors).toBe(before);
    expect(existsSync(join(folder, "x.safetensors"))).toBe(false);
  });

  it("may be fused: then they have batch norms again, and every tensor fits the model that they say", async () => {
    const fused = fuse(buildModel(loadModelSpec("gelan-t"), { names: ["a", "b"] }));
    const path = join(folder, "deployed.safetensors");
    saveSafetensors(path, officialStateDict(fused));
    fused.dispose();
    const start = await openStartWeights(path);
    expect(start.fused).toBe(true);
    // Another number of classes keeps the width of the class branches, so that only their last convolutions are new.
    const model = buildModel(start.spec!, { classCount: 90 });
    const { taken, total, reasons } = transferWeights(model, start);
    expect([total - taken, reasons]).toEqual([3 * 2, ["class predictions (2 classes there, 90 here)"]]);
    for (const each of [model, start]) each.dispose();
  });

  it("explain what cannot be used", async () => {
    await expect(openStartWeights("yolov9-t")).rejects.toThrow(
      'yolov9-t: no such file or folder, and no published file of this name; did you mean "yolov9-t-converted"?',
    );
    await expect(openStartWeights(join(folder, "gone.pt"))).rejects.toThrow(/gone\.pt: no such file or folder$/);
    writeFileSync(join(folder, "a.onnx"), "");
    await expect(openStartWeights(join(folder, "a.onnx"))).rejects.toThrow(
      "an ONNX file cannot be trained; give the run",
    );
    writeFileSync(join(folder, "old.pt"), "no archive");
    await expect(openStartWeights(join(folder, "old.pt"))).rejects.toThrow(/old\.pt: /);
    await expect(openStartWeights(folder)).rejects.toThrow("not the folder of a run");
    expect(readFileSync(join(folder, "old.pt"), "utf8")).toBe("no archive");
  });
});
