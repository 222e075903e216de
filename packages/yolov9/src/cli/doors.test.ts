import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capabilities } from "@yolov9/torch";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TrainConfig } from "../config/index.js";
import { TrainingState } from "../train/training-state.js";
import { settle } from "../train/schedule.js";
import { yolov9 } from "./testing/command-line.js";

const containing = (text: string) => expect.stringContaining(text) as string;

let folder = "";
let data = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "doors-"));
  data = join(folder, "data.yaml");
  for (const split of ["train", "val"]) {
    for (const kind of ["images", "labels"]) mkdirSync(join(folder, kind, split), { recursive: true });
    const picture = sharp({ create: { width: 64, height: 48, channels: 3, background: "#606060" } });
    await picture.png().toFile(join(folder, "images", split, "a.png"));
    writeFileSync(join(folder, "labels", split, "a.txt"), "0 0.5 0.5 0.5 0.5\n");
  }
  writeFileSync(data, "train: images/train\nval: images/val\nnames: [red, blue]\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("arguments as key=value", () => {
  it.each([
    ["train data=x epochs=3 model=yolov9-t", "train --data x --epochs 3 --model yolov9-t"],
    ["train model=yolov9-c.pt exist_ok=True auxiliary=False", "train --weights yolov9-c.pt --exist-ok --no-auxiliary"],
    ["detect predict model=best.onnx source=a.jpg conf=0.3", "detect --weights best.onnx a.jpg --conf 0.3"],
    ["predict model=best.onnx save_txt=True", "detect --weights best.onnx --save-txt"],
    ["detect val model=best.pt data=x.yaml --batch 3", "val --weights best.pt --data x.yaml --batch 3"],
    ["task=detect mode=train data=coco.yaml", "train --data coco.yaml"],
    ["train model=yolov9-s.yaml weightDecay=0", "train --model yolov9-s --weight-decay 0"],
    ["data split --data a ratio=0.8,0.2", "data split --data a --ratio 0.8,0.2"],
  ])("%s is answered with the command line", async (typed, wanted) => {
    const { code, err } = await yolov9(...typed.split(" "));
    expect([code, err.split("\n")[1]]).toEqual([2, `  yolov9 ${wanted}`]);
  });

  it("says what has no flag, and quotes for the shell", async () => {
    const { err } = await yolov9("train", "data=my cells", "optimizer=Adam");
    expect(err).toContain("yolov9 train --data 'my cells'\n");
    expect(err).toContain("left out: optimizer=Adam: no such option");
  });

  it("leaves files of such a name, and values of flags, alone", async () => {
    const file = join(folder, "a=b.jpg");
    writeFileSync(file, "");
    expect(await yolov9("detect", "--weights", "w.onnx", file)).toMatchObject({ code: 1, err: containing("w.onnx") });
    const converted = await yolov9(
      "data",
      "convert",
      "--from",
      "nowhere",
      "--to",
      "yolo",
      "--output",
      "x",
      "--classes",
      "pet=cat",
    );
    expect(converted).toMatchObject({ code: 1, err: containing("nowhere: no such file") });
  });
});

describe("usual names", () => {
  it("predict is detect, and --conf is --confidence", async () => {
    const { code, out } = await yolov9("predict", "--help");
    expect([code, out]).toEqual([0, containing("--conf, --confidence <x>")]);
    const high = await yolov9("predict", "--weights", "w.onnx", "--conf", "2", "a.jpg");
    expect(high).toMatchObject({ code: 2, err: containing("--confidence is 2, but must be a number ≥ 0 and ≤ 1") });
  });

  it("--device 0 is the first GPU, and what is no device is refused", async () => {
    const wrong = await yolov9("val", "--weights", "w", "--data", data, "--device", "gpu");
    expect(wrong).toMatchObject({
      code: 2,
      err: containing('--device is "gpu", but must be one of auto, cpu, cuda, cuda:N or N'),
    });
    if (capabilities().cuda) return;
    const run = ["--data", data, "--project", join(folder, "runs"), "--imgsz", "64"];
    const none = await yolov9("train", ...run, "--device", "0");
    expect(none).toMatchObject({ code: 1, err: containing("device '0' is not available: libtorch") });
    expect(none.err).toContain("finds no GPU; use cpu or auto");
  });

  it("--imgsz 300 becomes 320 with a note", async () => {
    const { code, out, err } = await yolov9("info", "gelan-t", "--imgsz", "300");
    expect(code).toBe(0);
    expect(out).toContain("320 x 320 pixels");
    expect(err).toBe("command line: --imgsz 300 is no multiple of 32; taking 320\n");
    expect(await yolov9("info", "gelan-t", "--imgsz", "-5")).toMatchObject({ code: 2 });
    expect(await yolov9("info", "gelan-t", "--imgsz", "300.5")).toMatchObject({ code: 2 });
  });

  it("typos are met with the right word", async () => {
    expect(await yolov9("trian")).toMatchObject({ code: 2, err: containing("Did you mean train?") });
    expect(await yolov9("train", "--epoch", "3")).toMatchObject({ code: 2, err: containing("Did you mean --epochs?") });
  });
});

describe("addresses as sources", () => {
  it("need a host that is allowed", async () => {
    const other = ["--allow-host", "example.org", "--allow-host", "*.example.net"];
    const { code, err } = await yolov9("detect", "--weights", "w.onnx", ...other, "https://example.com/a.jpg");
    const advice = "https://example.com/a.jpg: the host is not allowed; --allow-host example.com allows it";
    expect([code, err]).toEqual([2, `error: ${advice}\n`]);
    const allowed = await yolov9("detect", "--weights", "w.onnx", ...other, "https://a.example.net/a.jpg");
    expect(allowed).toMatchObject({ code: 1, err: containing("w.onnx") });
  });
});

describe("exit codes", () => {
  it("are 2 where the command line is wrong, 1 where something else is", async () => {
    expect(await yolov9("train", "--data", "d", "--epochs", "0")).toMatchObject({ code: 2 });
    expect(await yolov9("train", "--imgsz", "64")).toMatchObject({ code: 2, err: containing("data is missing") });
    expect(await yolov9("val", "--data", "d")).toMatchObject({ code: 2, err: containing("weights is missing") });
    const quantised = ["--weights", "w.safetensors", "--precision", "int4"];
    expect(await yolov9("export", ...quantised)).toMatchObject({ code: 2 });
    const file = join(folder, "train.yaml");
    writeFileSync(file, "epochs: 0\n");
    expect(await yolov9("train", "--config", file, "--data", "d")).toMatchObject({
      code: 1,
      err: containing("train.yaml:1"),
    });
    expect(await yolov9("train", "--config", file, "--batch", "0")).toMatchObject({ code: 2 });
  });
});

describe("train --dry-run", () => {
  it("says what would be trained and writes nothing", async () => {
    const project = join(folder, "dry");
    const options = ["--data", data, "--project", project, "--imgsz", "64", "--batch", "2", "--device", "cpu"];
    const { code, out } = await yolov9("train", ...options, "--epochs", "7", "--dry-run");
    expect(code).toBe(0);
    expect(out).toContain("model   yolov9-t at 64 px on cpu in ");
    expect(out).toMatch(/size {4}[23],\d{3},\d{3} parameters and 0\.\d+ GFLOPs while training/);
    expect(out).toContain("data    1 training and 1 validation images\nclasses 2: red, blue\n");
    expect(out).toMatch(/steps {3}1 batches per epoch, an optimiser step every 8 after warm-up, 7 epochs/);
    expect(out).toContain(`folder  ${join(project, "yolov9-t")}\n`);
    expect(out).toContain("\nepochs: 7\n");
    expect(existsSync(project)).toBe(false);
    expect(await yolov9("train", "--resume", project, "--dry-run")).toMatchObject({ code: 2 });
  });
});

describe("val", () => {
  it("measures a run on its own data where none is named", { timeout: 60_000 }, async () => {
    const config = settle(
      TrainConfig.parse({ data, singleClass: true, model: "gelan-t", device: "cpu", imgsz: 64 }),
      1,
    );
    const { state } = TrainingState.fresh(config, ["object"]);
    const weights = join(folder, "best.safetensors");
    state.saveWeights(weights, { train: 1, val: 1 });
    state.dispose();
    const options = ["--project", join(folder, "val"), "--json", "--no-report"];
    const { code, out, err } = await yolov9("val", "--weights", weights, ...options);
    expect([code, err]).toEqual([0, containing(`data of the run: ${data}\n`)]);
    expect(JSON.parse(out)).toMatchObject({ images: 1, instances: 1 });
  });

  it("asks for data where the weights are of no run", async () => {
    expect(await yolov9("val", "--weights", "bare.onnx")).toMatchObject({
      code: 2,
      err: containing("data is missing: give --data"),
    });
  });

  it("lists the splits that there are", async () => {
    const { code, err } = await yolov9("val", "--weights", "w", "--data", data, "--split", "test");
    expect([code, err]).toEqual([
      1,
      `error: ${data}: the data set has no split "test"; the images that it has are train (1), val (1)\n`,
    ]);
  });
});
