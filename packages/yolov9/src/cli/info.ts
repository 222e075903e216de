/** `yolov9 info`: size and arithmetic of models, their rows, and drawings of them. */
import { writeWhole } from "@yolov9/torch/whole-file";
import type { Command } from "commander";
import { InfoConfig } from "../config/index.js";
import type { ModelProfile } from "../model/index.js";
import { configurationOf, describeCommand } from "./command.js";
import { note, print, printJson } from "../terminal.js";

interface InfoOptions {
  all?: boolean;
  json?: boolean;
  tree?: boolean;
  svg?: string;
}

export function addInfoCommand(program: Command): void {
  const command = program.command("info").argument("[model]", "zoo name or path of a model YAML file");
  describeCommand(command, {
    description: "parameters and GFLOPs of a model; without a model, the names of the zoo",
    schema: InfoConfig,
    examples: [
      ["yolov9 info", "the models of the zoo and of the paper's tables"],
      ["yolov9 info yolov9-t --nc 3", "what three classes make of it"],
      ["yolov9 info gelan-s --json", "for programs, row by row"],
      ["yolov9 info yolov9-c --tree", "rows with shapes, parameters, GFLOPs"],
      ["yolov9 info yolov9-c --svg c.svg", "a drawing of branches, heads and losses"],
      ["yolov9 info --all", "every model beside the paper's figures"],
    ],
  })
    .option("--all", "every model of the zoo and of the paper's tables, beside the printed figures")
    .option("--tree", "the rows with shapes, parameters and GFLOPs")
    .option("--svg <file>", "draw the model into a file")
    .option("--json", "print one JSON object instead of a table")
    .action((model: string | undefined) => info(model, command));
}

async function info(model: string | undefined, command: Command): Promise<void> {
  const { all, json, tree, svg } = command.opts<InfoOptions>();
  const { nc, imgsz } = configurationOf(command, InfoConfig);
  if (all === true) return infoOfAll(json === true);
  const { loadModelSpec, profile } = await import("../model/index.js");
  const { drawModel, rowTree } = await import("../describe/index.js");
  if (model === undefined) return listModels(json === true);
  const own = loadModelSpec(model);
  const spec = { ...own, classCount: nc ?? own.classCount };
  if (svg !== undefined) {
    writeWhole(svg, drawModel(spec, { size: imgsz }));
    note(`${svg} written`);
  }
  const measured = profile(spec, imgsz);
  if (json === true) printJson(measured);
  else if (tree === true) print(`${heading(measured)}\n${rowTree(measured)}`);
  else printSizes(measured);
}

async function listModels(json: boolean): Promise<void> {
  const { modelNames, variantNames } = await import("../model/index.js");
  const models = [...modelNames(), ...variantNames()];
  if (json) printJson({ models });
  else print(models.join("\n"));
}

async function infoOfAll(json: boolean): Promise<void> {
  const { allModelSizes, plainTable, sizeTables } = await import("../describe/index.js");
  const models = allModelSizes();
  if (json) printJson({ models });
  else print(sizeTables(models).map(plainTable).join("\n\n"));
}

function heading({ name, classCount, size }: ModelProfile): string {
  return `${name}, ${classCount} classes, ${size} x ${size} pixels`;
}

function printSizes(measured: ModelProfile): void {
  const { parameters, gflops } = measured;
  const row = (name: string, ...cells: string[]): string =>
    name.padEnd(12) + cells.map((cell) => cell.padStart(14)).join("");
  print(heading(measured));
  print(row("", "training", "deploy"));
  print(row("parameters", parameters.training.toLocaleString("en"), parameters.deploy.toLocaleString("en")));
  print(row("GFLOPs", gflops.training.toFixed(2), gflops.deploy.toFixed(2)));
}
