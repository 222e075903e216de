// From what the steps measured to what the report shows: sentences, sums and the comparison with the painted digits.

import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { basename, join } from "node:path";
import type { Written } from "./dataset.js";
import { countFound, type Count, type LabelledBoxes } from "./held-out.js";
import type { ClassRow, EpochRow, Picture, ReportData, StepRow } from "./report.js";
import type { Detected, Exported, Profile, Results, Validated } from "./results.js";

/** Everything that the steps measured. */
export interface Outcome {
  data: Written;
  training: Results;
  validated: Validated;
  profile: Profile;
  exported: Exported;
  detected: Detected;
}

/** The step's name, the command that did it, and its wall time. */
export type Timing = Record<keyof Omit<Outcome, "profile">, { command?: string; seconds: number }>;

export interface ReportSettings {
  model: string;
  imageSize: number;
  /** Folder with the annotated pictures of the held-out scenes. */
  pictures: string;
}

export function reportData(outcome: Outcome, timing: Timing, settings: ReportSettings): ReportData {
  const { validated, profile, training } = outcome;
  return {
    model: settings.model.replace(/^yolo(.*)-t$/, "YOLO$1-T"),
    imageSize: settings.imageSize,
    mAP50: validated.AP50,
    mAP: validated.AP,
    precision: validated.precision,
    recall: validated.recall,
    imagesPerSecond: mean(training.map((row) => row.imagesPerSecond)),
    parameters: { training: profile.parameters.training, deployed: profile.parameters.deploy },
    epochs: training.map(epochRow),
    classes: validated.perClass.map(({ name, AP50, AP, instances }): ClassRow => ({
      name,
      AP50,
      AP,
      objects: instances,
    })),
    steps: stepRows(outcome, timing),
    heldOut: countHeldOut(outcome),
    pictures: outcome.detected.map((scene) => picture(scene, settings.pictures)),
    machine: `${availableParallelism()} cores, ${cpus()[0]?.model ?? "unknown processor"}`,
  };
}

/** The digits of all held-out scenes together. */
export function countHeldOut({ detected }: Pick<Outcome, "detected">): Count {
  return detected.map(compareScene).reduce((sum, count) => ({
    digits: sum.digits + count.digits,
    found: sum.found + count.found,
    wrong: sum.wrong + count.wrong,
  }));
}

function epochRow({ train, val, metrics }: Results[number]): EpochRow {
  return {
    trainBox: train.box,
    trainClass: train.cls,
    trainDistribution: train.dfl,
    valBox: val?.box ?? Number.NaN,
    valClass: val?.cls ?? Number.NaN,
    valDistribution: val?.dfl ?? Number.NaN,
    mAP50: metrics?.AP50 ?? Number.NaN,
    mAP: metrics?.AP ?? Number.NaN,
  };
}

function stepRows({ data, training, validated, exported, detected }: Outcome, timing: Timing): StepRow[] {
  const { scenes, boxes } = data;
  const inference = mean(detected.map(({ milliseconds }) => milliseconds.inference));
  const best = Math.max(...training.map(({ metrics }) => metrics?.AP50 ?? 0));
  return [
    {
      title: "Compose",
      text: `${scenes.train} scenes to train on with ${boxes.train} digits, ${scenes.val} to validate with ${boxes.val}, and ${scenes.test} held out with ${boxes.test}. No handwriting is in two of these sets, and every box ends where the ink ends.`,
      ...timing.data,
    },
    {
      title: "Train",
      text: `${training.length} epochs from random weights, the auxiliary branch included. After each epoch the moving average of the weights was validated; the best had mAP50 ${best.toFixed(3)}.`,
      ...timing.training,
    },
    {
      title: "Validate",
      text: `The best weights on ${validated.images} scenes: mAP50 ${validated.AP50.toFixed(3)}, mAP50-95 ${validated.AP.toFixed(3)}, in COCO's way of counting.`,
      ...timing.validated,
    },
    {
      title: "Export",
      text: `The auxiliary branch was dropped, batch norms and RepConv branches folded, and ${(exported.bytes / 1e6).toFixed(1)} MB of ONNX written. On the same input the folded model differs from the trained one by at most ${small(exported.fusing.box)} pixels, and ONNX Runtime from libtorch by at most ${small(exported.runtime.box)}.`,
      ...timing.exported,
    },
    {
      title: "Detect",
      text: `ONNX Runtime looked at ${detected.length} scenes that were held out, in ${inference.toFixed(1)} ms each.`,
      ...timing.detected,
    },
  ];
}

type DetectedScene = Detected[number];

function picture(scene: DetectedScene, folder: string): Picture {
  const { digits, found, wrong } = compareScene(scene);
  const title = `${found} of ${digits} found${wrong > 0 ? `, ${wrong} wrong` : ""}`;
  return { title, jpeg: readFileSync(join(folder, basename(scene.path))) };
}

function compareScene(scene: DetectedScene): Count {
  const detections = {
    boxes: Float32Array.from(scene.detections.flatMap(({ box }) => box)),
    classes: scene.detections.map((detection) => detection.class),
  };
  return countFound(paintedDigits(scene), detections);
}

/** The scene's label file: rows of class, centre, width and height as fractions. */
function paintedDigits({ path, width, height }: DetectedScene): LabelledBoxes {
  const file = path.replace(/\bimages\b/, "labels").replace(/\.jpg$/, ".txt");
  const rows = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((row) => row.split(" ").map(Number));
  return {
    classes: rows.map(([label]) => label ?? -1),
    boxes: Float32Array.from(
      rows.flatMap(([, cx = 0, cy = 0, w = 0, h = 0]) => [
        (cx - w / 2) * width,
        (cy - h / 2) * height,
        (cx + w / 2) * width,
        (cy + h / 2) * height,
      ]),
    ),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
}

/** One digit that counts: "0.00003" rather than "3.1e-5". */
function small(value: number): string {
  return value === 0 ? "0" : value.toFixed(Math.min(Math.max(0, -Math.floor(Math.log10(value))), 12));
}
