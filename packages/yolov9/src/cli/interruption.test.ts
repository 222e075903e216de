import { spawnSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeJpeg } from "../data/testing/folders.js";
import { ChildCommand, PROGRAM } from "./testing/child-command.js";

const IMAGES = 120;

let root = "";

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "yolov9-interrupted-"));
  for (const folder of ["images", "labels"]) mkdirSync(join(root, folder));
  // Large enough that making a batch takes longer than training on it: some are always underway.
  writeFileSync(join(root, "first.jpg"), await makeJpeg(1280, 960, 1));
  for (let i = 0; i < IMAGES; i++) {
    linkSync(join(root, "first.jpg"), join(root, "images", `${i}.jpg`));
    writeFileSync(join(root, "labels", `${i}.txt`), `${i % 2} 0.5 0.5 0.6 0.6\n`);
  }
  writeFileSync(join(root, "data.yaml"), "train: images\nval: images\nnames: [cat, dog]\n");
});

afterAll(() => rmSync(root, { recursive: true }));

/** A training of many short steps, with threads that make batches ahead. */
function training(name: string, ...more: string[]): ChildCommand {
  const sizes = ["--model", "gelan-t", "--imgsz", "32", "--batch", "1", "--epochs", "3", "--threads", "1"];
  const loading = ["--workers", "2", "--cache-budget", "0", "--warmup-min-iterations", "0", "--warmup-epochs", "0"];
  const folder = ["--project", join(root, "runs"), "--name", name];
  return new ChildCommand("train", "--data", root, ...sizes, ...loading, "--nominal-batch", "1", ...folder, ...more);
}

/** Printed right before the first batch. */
const underway = /training and \d+ validation images/;

function stateOf(name: string): { epoch: number; batch: number } {
  const text = readFileSync(join(root, "runs", name, "weights", "last.json"), "utf8");
  return JSON.parse(text) as { epoch: number; batch: number };
}

describe("a training", { timeout: 150_000 }, () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s in the middle of an epoch finishes the step, saves and exits with %i", async (signal, code) => {
    const command = training(signal);
    await command.printed(underway);
    command.process.kill(signal);
    // As npx hands it on once more; this is no second request.
    command.process.kill(signal);
    const ended = await command.ended;
    expect(ended).toMatchObject({ code });
    expect(ended.err).toContain(`stopped and saved; go on with: yolov9 train --resume ${join(root, "runs", signal)}`);
    expect(ended.out).toBe(`${join(root, "runs", signal, "weights", "last.safetensors")}\n`);
    const { epoch, batch } = stateOf(signal);
    expect(epoch).toBe(0);
    expect(batch).toBeGreaterThan(0);
  });

  it("ends at once, without saving, when it is asked again", async () => {
    // One step of the optimiser an epoch: the first request alone would be answered much later.
    const command = training("twice", "--nominal-batch", String(IMAGES));
    await command.printed(underway);
    command.process.kill("SIGTERM");
    await command.printed(/once more ends it at once/);
    await sleep(500);
    command.process.kill("SIGINT");
    const ended = await command.ended;
    expect(ended).toMatchObject({ code: 130, out: "" });
    expect(ended.err).not.toContain("saved");
    expect(stateOf("twice")).toMatchObject({ epoch: 0, batch: 0 });
  });

  it("says that its loss is not finite, and ends with 1, while threads make batches", async () => {
    const { code, err } = await training("infinite", "--lr0", "1e30", "--warmup-bias-lr", "1e30").ended;
    expect(err).toMatch(/error: the (loss|gradient norm) is (NaN|Infinity) at step \d+ \(epoch 1, batch \d+\)/);
    expect(code).toBe(1);
  });

  it("says that its pictures are gone, and ends with 1, when they are removed meanwhile", async () => {
    const command = training("gone");
    await command.printed(underway);
    // Their directory entries go at once, so that every picture is missing from now on.
    renameSync(join(root, "images"), join(root, "elsewhere"));
    const { code, err } = await command.ended.finally(() => renameSync(join(root, "elsewhere"), join(root, "images")));
    expect(err).toMatch(
      /^error: none of the 120 images can be decoded \(.*\/images\/\d+\.jpg: image file is missing\)$/m,
    );
    expect(code).toBe(1);
  });
});

describe("other commands", { timeout: 150_000 }, () => {
  it("end at once with the signal's exit code, and what they wrote is whole", async () => {
    // What a training of above has left.
    const weights = ["--weights", join(root, "runs", "SIGINT", "weights", "last.safetensors")];
    const folder = ["--project", join(root, "found"), "--name", "a"];
    const command = new ChildCommand("detect", ...weights, "--imgsz", "32", ...folder, join(root, "images"));
    await command.printed(/^2\/120/m);
    command.process.kill("SIGHUP");
    const { code, out, err } = await command.ended;
    expect({ code, err }).toEqual({ code: 129, err: "" });
    expect(out).not.toContain("120/120");
    const pictures = readdirSync(join(root, "found", "a")).map((name) => join(root, "found", "a", name));
    for (const picture of pictures) await sharp(picture).stats();
  });

  it("end quietly, as a program that SIGPIPE ends, when nobody reads their output", async () => {
    const command = new ChildCommand("info", "--json");
    command.process.stdout!.destroy();
    expect(await command.ended).toEqual({ code: 141, out: "", err: "" });
  });

  it("say that their output cannot be written", () => {
    const command = `"${process.execPath}" "${PROGRAM}" info > /dev/full`;
    const { status, stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: "error: cannot write the output: ENOSPC: no space left on device, write\n",
    });
  });
});
