/** Runs in processes of their own: killed, resumed from elsewhere, locked, extended, damaged. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadSafetensors } from "@yolov9/torch";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { EpochResult } from "../train/results.js";

const PROGRAM = fileURLToPath(new URL("../../bin/yolov9.js", import.meta.url));
const SIDE = 64;
const EPOCHS = 4;
let root: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "resume-"));
  for (const split of ["train", "val"]) {
    for (const kind of ["images", "labels"]) mkdirSync(join(root, "data", kind, split), { recursive: true });
    for (let index = 0; index < (split === "train" ? 8 : 2); index++) {
      const background = { r: 30 * index, g: 90, b: 200 - 20 * index };
      const picture = sharp({ create: { width: SIDE, height: SIDE, channels: 3, background } });
      await picture.png().toFile(join(root, "data", "images", split, `${index}.png`));
      writeFileSync(join(root, "data", "labels", split, `${index}.txt`), `${index % 2} 0.5 0.5 0.6 0.6\n`);
    }
  }
  writeFileSync(join(root, "data", "data.yaml"), "train: images/train\nval: images/val\nnames: [a, b]\n");
  mkdirSync(join(root, "elsewhere"));
});
afterAll(() => rmSync(root, { recursive: true }));

const environment = { ...process.env, OMP_NUM_THREADS: "1" };
const start = (name: string, epochs = EPOCHS): string[] => [
  ...["train", "--data", "data/data.yaml", "--model", "gelan-t", "--imgsz", String(SIDE), "--batch", "4"],
  ...["--epochs", String(epochs), "--threads", "1", "--workers", "0", "--device", "cpu", "--name", name],
];
const run = (name: string): string => join(root, "runs", "train", name);

function yolov9(folder: string, ...args: string[]): { code: number | null; text: string } {
  const options = { cwd: join(root, folder), env: environment, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], options);
  return { code: status, text: stdout + stderr };
}

function results(name: string): unknown {
  const rows = JSON.parse(readFileSync(join(run(name), "results.json"), "utf8")) as EpochResult[];
  return rows.map(({ epoch, train, val, metrics, lr }) => ({ epoch, train, val, metrics, lr }));
}

/** Starts a command and kills it after so many lines and milliseconds, if it still runs. */
async function killedAfter(args: readonly string[], lines: number, milliseconds: number): Promise<void> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: root,
    env: environment,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  let seen = 0;
  child.stderr.on("data", (text: Buffer) => {
    seen += text.toString().split("\n").length - 1;
    if (seen >= lines) setTimeout(() => child.kill("SIGKILL"), milliseconds);
  });
  await ended;
}

describe("runs", { timeout: 180_000 }, () => {
  it("that are killed again and again end as if nothing had happened", async () => {
    expect(yolov9(".", ...start("whole")).code).toBe(0);
    await killedAfter(start("killed"), 5, 130);
    await killedAfter(["train", "--resume", "runs/train/killed"], 5, 70);
    const { code, text } = yolov9("elsewhere", "train", "--resume", run("killed"));
    expect([code, text]).toEqual([0, expect.stringContaining("best epoch")]);
    expect(results("killed")).toEqual(results("whole"));
    const tensors = (name: string) =>
      [...loadSafetensors(join(run(name), "weights/last.safetensors")).tensors].map(([key, value]) => [
        key,
        Buffer.from(value.toBytes()).toString("base64"),
      ]);
    expect(tensors("killed")).toEqual(tensors("whole"));
    expect(readdirSync(run("killed")).filter((name) => /lock|tmp/.test(name))).toEqual([]);
    expect(parse(readFileSync(join(run("killed"), "args.yaml"), "utf8"))).toMatchObject({
      data: join(root, "data/data.yaml"),
      project: join(root, "runs/train"),
    });
  });

  it("that are finished say so, go on with more epochs, and refuse other settings by name", () => {
    const finished = yolov9("elsewhere", "train", "--resume", run("whole"));
    expect([finished.code, finished.text]).toEqual([0, expect.stringContaining("is finished: all 4 epochs are done")]);
    const other = yolov9(".", ...start("whole"), "--resume", run("whole"), "--lr0", "0.02", "--imgsz", "96");
    expect(other.code).toBe(2);
    expect(other.text).toContain("--imgsz: cannot change when a run is resumed (it has 64)");
    expect(other.text).toContain("--lr0: cannot change when a run is resumed (it has 0.01)");
    expect(other.text).not.toContain("--batch:");
    expect(yolov9(".", "train", "--resume", run("whole"), "--epochs", "3").text).toContain("has done 4 epochs already");
    const more = yolov9("elsewhere", "train", "--resume", run("whole"), "--epochs", "5");
    expect(more.text).toContain("epochs 4 → 5: the schedule (linear) is that of 5 epochs from here on");
    expect([more.code, (results("whole") as unknown[]).length]).toEqual([0, 5]);
  });

  it("of which the last checkpoint is damaged name the tensor, and the checkpoints that are not", () => {
    const last = join(run("killed"), "weights/last.safetensors");
    const bytes = readFileSync(last);
    const at = bytes.length - 200_000;
    bytes[at] = bytes[at]! ^ 1;
    writeFileSync(last, bytes);
    const { code, text } = yolov9(".", "train", "--resume", run("killed"));
    expect(code).toBe(1);
    expect(text).toMatch(/last\.safetensors: tensor \S+ is damaged/);
    expect(text).toMatch(
      /weights\/best\.safetensors \(epoch \d\)\n.*yolov9 train --config \S+args\.yaml --weights \S+best/,
    );
  });

  it("are locked while they are written", async () => {
    const child = spawn(process.execPath, [PROGRAM, ...start("held", 500)], {
      cwd: root,
      env: environment,
      stdio: ["ignore", "ignore", "pipe"],
    });
    for await (const text of child.stderr as AsyncIterable<Buffer>) if (text.includes("epoch 1/")) break;
    const resumed = yolov9(".", "train", "--resume", "runs/train/held");
    const started = yolov9(".", ...start("held"), "--exist-ok");
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    for (const { code, text } of [resumed, started]) {
      expect(code).toBe(1);
      expect(text).toMatch(new RegExp(`is being written by process ${child.pid} on .*\\(yolov9 train .*--name held`));
    }
    const over = yolov9(".", "train", "--resume", "runs/train/held", "--epochs", "500", "--lr0", "0.02");
    expect(over.code).toBe(2);
    expect(readdirSync(run("held"))).not.toContain(".lock");
  });
});
