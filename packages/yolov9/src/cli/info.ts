/** `yolov9 info`: size and arithmetic of a model, in training and deploy form. */
import type { Command } from "commander";
import { InfoConfig } from "../config/index.js";
import { configurationOf, describeCommand, printJson } from "./command.js";

export function addInfoCommand(program: Command): void {
  const command = program.command("info").argument("[model]", "zoo name or path of a model YAML file");
  describeCommand(command, {
    description: "parameters and GFLOPs of a model; without a model, the names of the zoo",
    schema: InfoConfig,
    examples: [
      ["yolov9 info", "the models of the zoo"],
      ["yolov9 info yolov9-t --nc 3", "what three classes make of it"],
      ["yolov9 info gelan-s --json", "for programs, row by row"],
    ],
  })
    .option("--json", "print one JSON object instead of a table")
    .action((model: string | undefined) => info(model, command));
}

async function info(model: string | undefined, command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const { nc, imgsz } = configurationOf(command, InfoConfig);
  const { loadModelSpec, modelNames, profile } = await import("../model/index.js");
  if (model === undefined) {
    const names = modelNames();
    if (json === true) printJson({ models: names });
    else console.log(names.join("\n"));
    return;
  }
  const measured = profile({ ...loadModelSpec(model), classCount: nc }, imgsz);
  if (json === true) {
    printJson(measured);
    return;
  }
  const row = (name: string, ...cells: string[]): string =>
    name.padEnd(12) + cells.map((cell) => cell.padStart(14)).join("");
  const { name, classCount, parameters, gflops } = measured;
  console.log(`${name}, ${classCount} classes, ${imgsz} x ${imgsz} pixels`);
  console.log(row("", "training", "deploy"));
  console.log(row("parameters", parameters.training.toLocaleString("en"), parameters.deploy.toLocaleString("en")));
  console.log(row("GFLOPs", gflops.training.toFixed(2), gflops.deploy.toFixed(2)));
}
