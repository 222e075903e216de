import { join } from "node:path";
import { saveSafetensors, setNumThreads } from "@yolov9/torch";
import { expect, it } from "vitest";
import { makeJpeg, testFolder } from "../data/testing/folders.js";
import type { FileAgreement, MeasuredFiles } from "../export/index.js";
import { buildModel, officialStateDict } from "../model/index.js";
import { tinyComposite } from "../model/testing/tiny-composite.js";
import { yolov9 } from "./testing/command-line.js";

it("yolov9 export tells what INT8 costs as detections and as AP", async () => {
  setNumThreads(1);
  const root = await testFolder({
    "tiny.yaml": JSON.stringify(tinyComposite()),
    "data.yaml": "train: images\nval: images\nnames: [cat, dog]\n",
    "images/a.jpg": await makeJpeg(64, 64, 1),
    "images/b.jpg": await makeJpeg(64, 64, 2),
    "labels/a.txt": "0 0.5 0.5 0.4 0.4\n",
    "labels/b.txt": "1 0.5 0.5 0.4 0.4\n",
  });
  const weights = join(root, "w.safetensors");
  saveSafetensors(weights, officialStateDict(buildModel(tinyComposite(), { classCount: 2 })));
  const reduced = ["--int8", "--data", join(root, "data.yaml")];
  const options = ["--weights", weights, "--model", join(root, "tiny.yaml"), "--imgsz", "64", ...reduced];
  const { code, out, err } = await yolov9("export", ...options);
  expect([code, err]).toEqual([0, expect.stringContaining("calibrating with 2 of the 2 images")]);
  const [checked, agreement, precision] = out.split("\n");
  expect(checked).toMatch(/boxes \S+ px/);
  expect(agreement).toMatch(
    /^lower precision .* on 2 calibration images, .*: \d+ of \d+ detections found again \(\d+\.\d %\), \d+ new; mean IoU [01]\.\d{3};/,
  );
  expect(agreement).not.toContain("px");
  expect(precision).toMatch(/: AP 0\.\d{4} → 0\.\d{4} \([+-]?0\.\d{4}\), AP50 /);
  const { reduction, measured } = JSON.parse((await yolov9("export", ...options, "--json")).out) as {
    reduction: FileAgreement;
    measured: MeasuredFiles;
  };
  expect(agreement).toContain(`${reduction.found} of ${reduction.detections} detections`);
  expect(reduction.share).toBe(reduction.found / reduction.detections);
  expect(reduction.score).toBeGreaterThan(0);
  expect(reduction.box).toBeGreaterThanOrEqual(0);
  expect(precision).toContain(`AP ${measured.reference.AP.toFixed(4)} → ${measured.file.AP.toFixed(4)} `);
});
