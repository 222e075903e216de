import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memory, saveSafetensors, scope, zeros } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { parseConfig, TrainConfig } from "../config/index.js";
import { settle } from "./schedule.js";
import { buildModel, fuse, loadModelSpec, officialStateDict, type DetectionModel } from "../model/index.js";
import { isCheckpoint, loadCheckpoint, readCheckpoint } from "./checkpoint.js";
import { TrainingState } from "./training-state.js";
import { openStartWeights } from "../weights/start-weights.js";
import { transferText, transferWeights, type Transfer } from "./transfer.js";

const names = ["red", "blue"];
const images = { train: 8, val: 2 };
const folder = mkdtempSync(join(tmpdir(), "yolov9-checkpoint-"));
const weights = join(folder, "weights");
mkdirSync(weights);
const last = join(weights, "last.safetensors");

function fresh(values: Record<string, unknown> = {}): TrainingState {
  const config = parseConfig(TrainConfig, { model: "gelan-t", device: "cpu", ...values }, "test");
  return TrainingState.fresh(settle(config, 100), names).state;
}

function equal(a: Tensor, b: Tensor): boolean {
  return Buffer.compare(a.toBytes(), b.toBytes()) === 0;
}

describe("checkpoints", () => {
  it("restore every tensor and counter, and leave no tensor behind", () => {
    const state = fresh({ seed: 3 });
    state.counters = { epoch: 2, batch: 1, iteration: 9, lastStep: 7, losses: { box: 1, cls: 2, dfl: 3 } };
    state.ema.updates = 4;
    state.stopping.best = { fitness: 0.25, epoch: 2 };
    state.save(last, images);
    const before = memory().undisposedTensors;
    const checkpoint = readCheckpoint(last);
    const restored = TrainingState.restored(checkpoint);
    checkpoint.dispose();
    expect(restored.counters).toEqual(state.counters);
    expect(restored.ema.updates).toBe(4);
    expect(restored.stopping.best).toEqual({ fitness: 0.25, epoch: 2 });
    expect(restored.names).toEqual(names);
    const others = restored.model.stateDict();
    const differing = [...state.model.stateDict()].filter(([path, tensor]) => !equal(tensor, others.get(path)!));
    expect(differing).toEqual([]);
    restored.dispose();
    expect(memory().undisposedTensors).toBe(before);
    state.dispose();
  });

  it("lie beside readable JSON and are found by folder, tensors or JSON", () => {
    expect(JSON.parse(readFileSync(join(weights, "last.json"), "utf8"))).toMatchObject({
      epoch: 2,
      names,
      kind: "training",
    });
    for (const path of [folder, last, join(weights, "last.json")]) {
      expect(isCheckpoint(path), path).toBe(true);
      const { model, path: file } = loadCheckpoint(path);
      expect(file).toBe(last);
      expect(model.training).toBe(false);
      expect(model.names).toEqual(names);
      model.dispose();
    }
    expect(isCheckpoint(join(folder, "none"))).toBe(false);
    expect(() => loadCheckpoint(join(folder, "none"))).toThrow(/no checkpoint here/);
  });

  it("of weights alone hold the average only and cannot be resumed", () => {
    const best = join(weights, "only.safetensors");
    const state = fresh();
    state.saveWeights(best, images);
    state.dispose();
    const checkpoint = readCheckpoint(best);
    expect(() => TrainingState.restored(checkpoint)).toThrow(/cannot be resumed/);
    checkpoint.dispose();
    expect(() => loadCheckpoint(best, { weights: "raw" })).toThrow(/averaged weights only/);
    loadCheckpoint(best).model.dispose();
  });

  it("are told from bare weights", () => {
    const bare = join(folder, "bare.safetensors");
    scope(() => {
      saveSafetensors(bare, [["a", zeros([1])]]);
    });
    expect(isCheckpoint(bare)).toBe(false);
    expect(() => readCheckpoint(bare)).toThrow(/bare\.safetensors: no checkpoint of this program/);
    writeFileSync(join(folder, "cut.safetensors"), readFileSync(last).subarray(0, 100_000));
    expect(() => readCheckpoint(join(folder, "cut.safetensors"))).toThrow(/cut\.safetensors/);
  });
});

/** What a model takes of a file, as a transfer and in words. */
async function transferFrom(path: string, model: DetectionModel): Promise<Transfer & { text: string }> {
  const start = await openStartWeights(path, { model: model.spec.name });
  try {
    const transfer = transferWeights(model, start);
    return { ...transfer, text: transferText(transfer, model, start) };
  } finally {
    start.dispose();
  }
}

describe("transferWeights", () => {
  it("takes what fits: all but the class outputs for another number of classes", async () => {
    const other = buildModel(loadModelSpec("gelan-t"), { names: ["a", "b", "c"] });
    const { taken, total, text } = await transferFrom(last, other);
    expect(text).toMatch(/^took .*; what starts afresh: class predictions \(2 classes there, 3 here\)$/);
    const classOutputs = 3 * 2; // weight and bias of three levels
    expect(total - taken).toBe(classOutputs);
    other.dispose();
  });

  it("reads published names", async () => {
    const source = buildModel(loadModelSpec("gelan-t"), { names });
    const path = join(folder, "published.safetensors");
    saveSafetensors(path, officialStateDict(source));
    const target = buildModel(loadModelSpec("gelan-t"), { names });
    const { taken, total } = await transferFrom(path, target);
    expect(taken).toBe(total);
    const copied = target.stateDict();
    expect([...source.stateDict()].every(([name, tensor]) => equal(tensor, copied.get(name)!))).toBe(true);
    source.dispose();
    target.dispose();
  });

  it("refuses weights of which nothing fits", async () => {
    const model = buildModel(loadModelSpec("gelan-t"), { names });
    await expect(transferFrom(join(folder, "bare.safetensors"), model)).rejects.toThrow(/no tensor fits gelan-t/);
    model.dispose();
  });

  it("says whose weights they are where little fits, and why", async () => {
    const deep = buildModel(loadModelSpec("gelan-c"), { names });
    const { taken, total, text } = await transferFrom(last, deep);
    expect(2 * taken).toBeLessThan(total);
    expect(text).toMatch(
      /^warning: took only \d+ of \d+ tensors from .*last\.safetensors; these weights are of gelan-t, which/,
    );
    expect(text).toMatch(/another size \(backbone\.\S+ is \[16, 3, 3, 3\], not \[64, 3, 3, 3\]\)/);
    expect(text).toMatch(/other heads \(head\./);
    deep.dispose();
  });

  it("takes of weights that only a model file of the user's knows, fused or not, what fits", async () => {
    const source = fuse(buildModel(loadModelSpec("gelan-t"), { names }));
    const path = join(folder, "part.safetensors");
    // Without the heads, no model can be recognised.
    saveSafetensors(
      path,
      [...officialStateDict(source)].filter(([name]) => !name.includes(".22.")),
    );
    const target = buildModel(loadModelSpec("gelan-t"), { names });
    const { taken, total, text } = await transferFrom(path, target);
    expect(2 * taken).toBeLessThan(total);
    expect(text).toContain("of no model of the zoo, nor of gelan-t (fused)");
    expect(text).toContain("batch norms, which are folded into the convolutions there");
    for (const model of [source, target]) model.dispose();
  });
});
