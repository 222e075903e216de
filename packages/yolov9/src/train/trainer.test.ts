import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memory, saveSafetensors } from "@yolov9/torch";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { parseConfig, TrainConfig } from "../config/index.js";
import { buildModel, fuse, loadModelSpec, officialStateDict } from "../model/index.js";
import { loadCheckpoint, NonFiniteLossError, silentProgress, train } from "./index.js";
import type { StepReport } from "./index.js";

const SIDE = 64;
const IMAGES = 8;
const BATCH = 4;
const EPOCHS = 3;
const STEPS = (EPOCHS * IMAGES) / BATCH;

let root: string;

/** One bright square an image on dark ground, in two classes by colour. */
async function writeImage(split: string, index: number): Promise<void> {
  const [x, y, size] = [index, IMAGES - index, 44 + index];
  const label = index % 2;
  const square = {
    create: { width: size, height: size, channels: 3 as const, background: label === 0 ? "#e02020" : "#2060e0" },
  };
  const image = sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: "#202020" } });
  await image
    .composite([{ input: await sharp(square).png().toBuffer(), left: x, top: y }])
    .png()
    .toFile(join(root, "data", "images", split, `${index}.png`));
  const row = [label, (x + size / 2) / SIDE, (y + size / 2) / SIDE, size / SIDE, size / SIDE].join(" ");
  writeFileSync(join(root, "data", "labels", split, `${index}.txt`), `${row}\n`);
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "yolov9-train-"));
  for (const split of ["train", "val"]) {
    for (const kind of ["images", "labels"]) mkdirSync(join(root, "data", kind, split), { recursive: true });
    const count = split === "train" ? IMAGES : 2;
    await Promise.all(Array.from({ length: count }, (_, index) => writeImage(split, index)));
  }
  writeFileSync(join(root, "data", "data.yaml"), "train: images/train\nval: images/val\nnames: [red, blue]\n");
});

function config(name: string, values: Record<string, unknown> = {}): TrainConfig {
  const common = {
    data: join(root, "data", "data.yaml"),
    project: join(root, "runs"),
    name,
    imgsz: SIDE,
    batch: BATCH,
    epochs: EPOCHS,
  };
  // One thread makes sums repeatable; batches of four with a nominal batch of eight show accumulation.
  const small = {
    threads: 1,
    workers: 0,
    device: "cpu",
    nominalBatch: 8,
    warmupMinIterations: 2,
    warmupEpochs: 1,
    closeMosaic: 1,
    patience: 0,
  };
  return parseConfig(TrainConfig, { ...common, ...small, ...values }, "test");
}

const total = ({ losses }: StepReport) => losses.box + losses.cls + losses.dfl;

describe("train", () => {
  it("starts from fused weights, as the model that they belong to", { timeout: 60_000 }, async () => {
    const deployed = fuse(buildModel(loadModelSpec("gelan-t"), { names: ["red", "blue"] }));
    const weights = join(root, "deployed.safetensors");
    saveSafetensors(weights, officialStateDict(deployed));
    deployed.dispose();
    const notes: string[] = [];
    const progress = { ...silentProgress, note: (line: string) => void notes.push(line) };
    const { last, results } = await train(config("fused", { weights, epochs: 1 }), { progress });
    expect(notes[1]).toMatch(/^took (\d+) of \1 tensors from .*deployed\.safetensors$/);
    expect(notes).toContainEqual(expect.stringContaining("get the statistics of 8 training images"));
    const { spec, config: saved } = loadCheckpoint(last);
    expect([spec.name, spec.auxiliary, saved.model, saved.weights]).toEqual(["gelan-t", [], undefined, weights]);
    expect(results[0]?.metrics).toBeDefined();
  });

  it(
    "takes all classes as one where asked, in training, validation and the checkpoint",
    { timeout: 60_000 },
    async () => {
      const { best, results } = await train(config("one", { singleClass: true, epochs: 1 }), {
        progress: silentProgress,
      });
      const { model, names } = loadCheckpoint(best);
      expect([names, model.classCount]).toEqual([["object"], 1]);
      expect(results[0]?.metrics).toBeDefined();
      model.dispose();
    },
  );

  it("lowers the loss, keeps live tensors flat, and fills the run folder", { timeout: 120_000 }, async () => {
    const losses: number[] = [];
    const alive: number[] = [];
    // Without augmentation, and with biases that move fast, twelve steps are enough to learn something.
    const plain = { mosaic: 0, mixup: 0, scale: 0, translate: 0, fliplr: 0, nominalBatch: BATCH, clipNorm: 50 };
    const fast = { lr0: 0.02, warmupBiasLr: 0.2, warmupMinIterations: 50, epochs: 6, valPeriod: 2 };
    const result = await train(config("flat", { ...plain, ...fast }), {
      progress: silentProgress,
      onStep: (report) => losses.push(total(report)),
      onEpoch: () => alive.push(memory().undisposedTensors),
    });
    expect(result).toMatchObject({ ended: "completed", epochs: fast.epochs });
    expect(losses).toHaveLength((fast.epochs * IMAGES) / BATCH);
    const [first, last] = [result.results[0]!.train, result.results.at(-1)!.train];
    for (const term of ["box", "cls", "dfl"] as const) expect(last[term], term).toBeLessThan(first[term]);
    // The first validation, after epoch 2, makes the anchors of decoding, which stay.
    expect(alive.slice(1)).toEqual(alive.slice(1).map(() => alive[1]));
    for (const file of [
      "results.csv",
      "results.json",
      "curves.svg",
      "args.yaml",
      "weights/last.safetensors",
      "weights/last.json",
      "weights/best.safetensors",
    ]) {
      expect(existsSync(join(result.folder, file)), file).toBe(true);
    }
    const csv = readFileSync(join(result.folder, "results.csv"), "utf8").trim().split("\n");
    expect(csv).toHaveLength(1 + fast.epochs);
    expect(csv[0]).toMatch(/^epoch,train\/box_loss,train\/cls_loss,train\/dfl_loss,metrics\/precision/);
    expect(result.results.map(({ val }) => val !== undefined)).toEqual([false, true, false, true, false, true]);
    expect(result.results.at(-1)!.val!.cls).toBeGreaterThan(0);
    const { model, names, epoch } = loadCheckpoint(result.folder);
    expect(names).toEqual(["red", "blue"]);
    expect(epoch).toBe(result.bestEpoch);
    model.dispose();
  });

  it(
    "goes on after an interruption with exactly the losses of an uninterrupted run",
    { timeout: 120_000 },
    async () => {
      const whole: StepReport[] = [];
      await train(config("whole"), { progress: silentProgress, onStep: (report) => whole.push(report) });

      const parts: StepReport[] = [];
      const stop = new AbortController();
      const first = await train(config("parts"), {
        progress: silentProgress,
        signal: stop.signal,
        onStep: (report) => {
          parts.push(report);
          if (report.iteration === 2) stop.abort();
        },
      });
      expect(first.ended).toBe("interrupted");
      // It ended at a step of the optimiser, in the middle of epoch 2.
      expect(parts.at(-1)!.gradientNorm).toBeDefined();
      expect(parts.length).toBeLessThan(STEPS);
      const second = await train(config("ignored", { resume: first.folder }), {
        progress: silentProgress,
        onStep: (report) => parts.push(report),
      });
      expect(second).toMatchObject({ ended: "completed", folder: first.folder, epochs: EPOCHS });
      expect(parts).toEqual(whole);
    },
  );

  it("does nothing more when a finished run is resumed", { timeout: 60_000 }, async () => {
    const steps: StepReport[] = [];
    const result = await train(config("x", { resume: join(root, "runs", "whole") }), {
      progress: silentProgress,
      onStep: (report) => steps.push(report),
    });
    expect(result).toMatchObject({ ended: "completed", epochs: EPOCHS });
    expect(steps).toEqual([]);
  });

  it(
    "stops at a loss that is no number, says at which step, and keeps the last checkpoint",
    { timeout: 120_000 },
    async () => {
      const failing = train(
        config("diverging", { lr0: 1e12, warmupBiasLr: 1e12, warmupMinIterations: 0, warmupEpochs: 0, epochs: 6 }),
        { progress: silentProgress },
      );
      await expect(failing).rejects.toThrow(NonFiniteLossError);
      await expect(failing).rejects.toThrow(/at step \d+ \(epoch \d, batch \d\)/);
    },
  );

  it("shares the cores by what it measures, unless told how", { timeout: 120_000 }, async () => {
    const notes: string[] = [];
    const progress = { ...silentProgress, note: (line: string) => void notes.push(line) };
    const share = async (name: string, values: Record<string, unknown>) => {
      notes.length = 0;
      await train(config(name, { epochs: 1, ...values }), { progress });
      return notes.filter((line) => line.includes("to train on"));
    };
    const measured =
      /^an image takes [\d.]+ ms to make and [\d.]+ ms to train on: loader threads (\d+), libtorch threads (\d+)$/;
    expect(await share("shared", { workers: undefined, threads: 0 })).toEqual([expect.stringMatching(measured)]);
    expect((await share("partly", { workers: undefined, threads: 1 }))[0]).toMatch(/libtorch threads 1$/);
    expect(await share("told", {})).toEqual([]);
  });

  it("refuses to resume where nothing is", async () => {
    await expect(train(config("y", { resume: join(root, "nowhere") }))).rejects.toThrow(/nothing to resume here/);
  });
});
