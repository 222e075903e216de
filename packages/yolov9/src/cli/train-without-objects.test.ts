import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeJpeg, testFolder } from "../data/testing/folders.js";
import { yolov9 } from "./testing/command-line.js";

const DESCRIPTION = "train: images/train\nval: images/val\nnames: [cat]\n";

/** Two training images and one for validation, with these label rows. */
async function yoloFolder(training: string, validation: string): Promise<string> {
  const image = await makeJpeg(64, 64, 1);
  return testFolder({
    "data.yaml": DESCRIPTION,
    "images/train/a.jpg": image,
    "images/train/b.jpg": image,
    "images/val/c.jpg": image,
    "labels/train/a.txt": training,
    "labels/train/b.txt": training,
    "labels/val/c.txt": validation,
  });
}

async function cocoFolder(annotations: readonly object[]): Promise<string> {
  const image = await makeJpeg(64, 64, 1);
  const images = [{ id: 1, file_name: "a.jpg", width: 64, height: 64 }];
  const file = JSON.stringify({ images, categories: [{ id: 1, name: "cat" }], annotations });
  return testFolder({
    "images/a.jpg": image,
    "annotations/instances_train.json": file,
    "annotations/instances_val.json": file,
  });
}

function training(root: string) {
  const sizes = ["--model", "gelan-t", "--imgsz", "32", "--batch", "1", "--epochs", "1", "--workers", "0"];
  return yolov9("train", "--data", root, ...sizes, "--project", join(root, "runs"), "--name", "a");
}

describe("yolov9 train", () => {
  it("refuses a training split without any object, before there is a run folder", async () => {
    const root = await yoloFolder("", "0 0.5 0.5 0.4 0.4\n");
    const { code, err } = await training(root);
    expect(code).toBe(1);
    expect(err).toBe(
      `error: ${root}: none of the 2 training images has an object, so that nothing can be learned; ` +
        `\`yolov9 data check --data ${root} --show 0\` shows what is in it\n`,
    );
    expect(existsSync(join(root, "runs"))).toBe(false);
  });

  it("takes crowd regions for no objects", async () => {
    const crowd = { id: 1, image_id: 1, category_id: 1, bbox: [8, 8, 30, 30], area: 900, iscrowd: 1 };
    const root = await cocoFolder([crowd]);
    const { code, err } = await training(root);
    expect(code).toBe(1);
    expect(err).toContain("the only training image has no object");
    expect(existsSync(join(root, "runs"))).toBe(false);
  });

  it("refuses a data set without classes", async () => {
    // The names of Pascal VOC are those of its objects.
    const xml = "<annotation><filename>a.jpg</filename><size><width>64</width><height>64</height></size></annotation>";
    const root = await testFolder({
      "JPEGImages/a.jpg": await makeJpeg(64, 64, 1),
      "Annotations/a.xml": xml,
      "ImageSets/Main/train.txt": "a\n",
      "ImageSets/Main/val.txt": "a\n",
    });
    const { code, err } = await training(root);
    expect(code).toBe(1);
    expect(err).toContain(`error: ${root}: names no class, so that nothing can be learned`);
    expect(existsSync(join(root, "runs"))).toBe(false);
  });

  it("warns of a validation split without objects, and goes on", { timeout: 60_000 }, async () => {
    const root = await yoloFolder("0 0.5 0.5 0.4 0.4\n", "");
    const { code, err } = await training(root);
    expect(code).toBe(0);
    expect(err).toContain("warning: no validation image has an object: nothing can be measured");
    expect(existsSync(join(root, "runs", "a", "weights", "best.safetensors"))).toBe(true);
  });
});
