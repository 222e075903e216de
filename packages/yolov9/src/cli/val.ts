/** `yolov9 val`: measures weights on a split of a data set. */
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { ValConfig } from "../config/index.js";
import { configurationOf, describeCommand, printJson } from "./command.js";
import { openSplit, reportProblems } from "./open-split.js";

export function addValCommand(program: Command): void {
  const command = program.command("val");
  describeCommand(command, {
    description: "measure weights on a data set: COCO's average precision, precision and recall, losses, speed",
    schema: ValConfig,
    examples: [
      ["yolov9 val --weights runs/train/yolov9-t --data data.yaml", "the best weights of a run"],
      ["yolov9 val --weights best.onnx --data data.yaml --split test --json", "an exported model, for programs"],
      ["yolov9 val --model gelan-t --weights w.safetensors --data coco/", "bare weights with published names"],
    ],
  })
    .option("--json", "print one JSON object instead of a table")
    .option("--save-json <file>", "write the detections in COCO's result format")
    .action(() => val(command));
}

async function val(command: Command): Promise<void> {
  const own = command.opts<{ json?: boolean; saveJson?: string }>();
  const config = configurationOf(command, ValConfig);
  const { dataset, samples } = await openSplit(config.data, config.split);
  const { openPredictor, squareInput, validate, cocoResults, resultTable, resultSummary } =
    await import("../validate/index.js");
  const predictor = await openPredictor(config.weights, { ...config, withLosses: true });
  try {
    const { result, collector, problems } = await validate(predictor, samples, {
      ...config,
      names: dataset.names,
      imageSize: squareInput(predictor, config.imgsz),
      batchSize: config.batch,
    });
    reportProblems(problems);
    if (own.saveJson !== undefined) {
      const rows = cocoResults(collector.samples, collector.detections, dataset.categoryIds);
      writeFileSync(own.saveJson, JSON.stringify(rows));
    }
    if (own.json === true) printJson(result);
    else console.log(`${resultTable(result)}\n${resultSummary(result)}`);
  } finally {
    await predictor.close();
  }
}
