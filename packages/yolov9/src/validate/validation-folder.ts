/** The files that a validation leaves in its folder: results.json, args.yaml, plots, report.html, and detections where they are wanted. */
import { join } from "node:path";
import { stringify } from "yaml";
import type { ValConfig } from "../config/index.js";
import { writeWhole } from "@yolov9/torch/whole-file";
import { makeResultFolder } from "../result-folder.js";
import type { ValidationAnalysis } from "./analysis.js";
import { markedFigure } from "./marked-images.js";
import type { ValidationResult } from "./result.js";
import { validationPlots } from "./validation-plots.js";
import { validationReport } from "./validation-report.js";

/** What programs read: figures and analysis, without curves and images. */
export function validationJson(result: ValidationResult, analysis: ValidationAnalysis): Record<string, unknown> {
  const { voc, sizes, errors, calibration } = analysis;
  return { ...result, voc, sizes, errors, calibration };
}

/** @param folder is made where it does not exist */
export async function writeValidationFolder(
  folder: string,
  config: ValConfig,
  names: readonly string[],
  result: ValidationResult,
  analysis: ValidationAnalysis,
): Promise<void> {
  makeResultFolder(folder);
  const confusion = { names: [...names, "background"], counts: confusionRows(analysis) };
  const json = { ...validationJson(result, analysis), confusion };
  writeWhole(join(folder, "results.json"), `${JSON.stringify(json)}\n`);
  writeWhole(join(folder, "args.yaml"), stringify(config));
  const plots = validationPlots(result, analysis, names);
  for (const { name, svg } of plots) writeWhole(join(folder, `${name}.svg`), svg);
  const images: string[] = [];
  for (const image of analysis.worst) images.push(await markedFigure(image));
  const title = `Validation of ${config.weights}`;
  const report = validationReport({ title, settings: settingsOf(config), result, analysis, plots, images });
  writeWhole(join(folder, "report.html"), report);
}

/** One row a detected class, one column a true one; the background last. */
function confusionRows({ confusion: { size, counts } }: ValidationAnalysis): number[][] {
  return Array.from({ length: size }, (_, row) => Array.from(counts.subarray(row * size, (row + 1) * size)));
}

function settingsOf(config: ValConfig): [string, string][] {
  const { data, split, confidence, iou, maxDetections, nms, agnostic, square, augment } = config;
  return [
    ["data", `${data}, ${split}`],
    ["batches", square ? "letterboxed to squares" : "padded to rectangles"],
    [
      "suppression",
      `${nms}${agnostic ? ", across classes" : ""}, IoU ${iou}, score above ${confidence}, at most ${maxDetections}`,
    ],
    ["test-time augmentation", augment ? "on" : "off"],
  ];
}
