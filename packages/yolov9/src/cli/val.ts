/** `yolov9 val`: measures weights on a split of a data set. */
import { writeWhole } from "@yolov9/torch/whole-file";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { UsageError, ValConfig } from "../config/index.js";
import { makeFolder } from "../make-folder.js";
import { configurationOf, describeCommand } from "./command.js";
import { note, print, printJson } from "../terminal.js";

export function addValCommand(program: Command): void {
  const command = program.command("val");
  describeCommand(command, {
    description: "measure weights on a data set: COCO's average precision, kinds of errors, losses, speed, a report",
    schema: ValConfig,
    examples: [
      ["yolov9 val --weights runs/train/yolov9-t", "the best weights of a run, on its data"],
      ["yolov9 val --weights best.onnx --data data.yaml --split test --json", "an exported model, for programs"],
      ["yolov9 val --model gelan-t --weights w.safetensors --data coco/ --no-square", "as the published figures"],
    ],
  })
    .option("--json", "print one JSON object instead of a table")
    .option("--save-json [file]", "write the detections in COCO's result format, by default into the run's folder")
    .action(() => val(command));
}

/**
 * What a run was trained on where no other data is named: the same classes too.
 * @throws UsageError when the weights are of no run
 */
async function withDataOfRun(config: ValConfig): Promise<ValConfig & { data: string }> {
  const { data, weights } = config;
  if (data !== undefined) return { ...config, data };
  const { runConfigOf } = await import("../train/checkpoint.js");
  const run = runConfigOf(weights);
  if (run?.data === undefined) {
    throw new UsageError(`data is missing: give --data (${weights} does not say what it was trained on)`);
  }
  note(`data of the run: ${run.data}`);
  return { ...config, data: run.data, singleClass: config.singleClass || run.singleClass };
}

async function val(command: Command): Promise<void> {
  const own = command.opts<{ json?: boolean; saveJson?: string | true }>();
  const config = await withDataOfRun(configurationOf(command, ValConfig));
  const { validateWeights } = await import("../program/index.js");
  const stage = await import("../validate/index.js");
  const { result, analysis, collector, dataset, folder, report } = await validateWeights(config, note);
  if (own.saveJson !== undefined) {
    const file = own.saveJson === true ? join(folder, "predictions.json") : own.saveJson;
    const rows = stage.cocoResults(collector.samples, collector.detections, stage.categoryIdsOf(dataset));
    makeFolder(dirname(file));
    writeWhole(file, JSON.stringify(rows));
  }
  if (own.json === true) printJson(stage.validationJson(result, analysis));
  else print([stage.resultTable(result), stage.resultSummary(result), stage.analysisSummary(analysis)].join("\n"));
  if (report !== undefined) (own.json === true ? note : print)(`report: ${report}`);
}
