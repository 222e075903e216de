/** `yolov9 evaluate`: COCO's figures for a result file, whichever program wrote it. */
import type { Command } from "commander";
import { EvaluateConfig } from "../config/index.js";
import { configurationOf, describeCommand } from "./command.js";
import { note, print, printJson } from "../terminal.js";

export function addEvaluateCommand(program: Command): void {
  const command = program.command("evaluate");
  describeCommand(command, {
    description: "compare detections with ground truth, both COCO JSON files, as the COCO API does; no model is needed",
    schema: EvaluateConfig,
    examples: [
      ["yolov9 evaluate --gt instances_val2017.json --dt predictions.json", "the twelve figures of boxes"],
      ["yolov9 evaluate --gt instances.json --dt masks.json --iou-type segm --per-class", "masks, class by class"],
      ["yolov9 evaluate --gt persons.json --dt poses.json --iou-type keypoints --json", "keypoints, for programs"],
    ],
  })
    .option("--json", "print one JSON object instead of lines")
    .action(() => evaluate(command));
}

async function evaluate(command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const config = configurationOf(command, EvaluateConfig);
  const { evaluateFiles, evaluationJson, evaluationText } = await import("../evaluate/index.js");
  const evaluation = await evaluateFiles(config);
  const { skipped, annotationsNumberedZero, annotationsReplaced } = evaluation;
  if (skipped.annotations > 0) note(`warning: ${skipped.annotations} objects are of unlisted images or categories`);
  if (skipped.detections > 0) note(`warning: ${skipped.detections} detections are of unlisted categories`);
  if (annotationsNumberedZero > 0) {
    note(
      `warning: ${annotationsNumberedZero} annotation(s) with the id 0: as in the COCO API, what finds them counts as wrong; number from 1`,
    );
  }
  if (annotationsReplaced > 0) {
    note(
      `warning: ${annotationsReplaced} annotation(s) have the id of a later one: as in the COCO API, that one takes their place; number each differently`,
    );
  }
  if (json === true) printJson(evaluationJson(evaluation, config.perClass));
  else print(evaluationText(evaluation, config.perClass));
}
