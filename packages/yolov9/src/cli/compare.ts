/** `yolov9 compare`: training runs next to each other. */
import { writeWhole } from "@yolov9/torch/whole-file";
import { dirname } from "node:path";
import type { Command } from "commander";
import { CompareConfig } from "../config/index.js";
import { makeFolder } from "../make-folder.js";
import { configurationOf, describeCommand } from "./command.js";
import { note, print, printJson } from "../terminal.js";

export function addCompareCommand(program: Command): void {
  const command = program.command("compare").argument("<runs...>", "folders of training runs");
  describeCommand(command, {
    description: "lay the curves of training runs over each other, and list their best epochs",
    schema: CompareConfig,
    examples: [
      ["yolov9 compare runs/train/with-pgi runs/train/without", "a table, and the curves as an SVG"],
      ["yolov9 compare runs/train/* --output seeds.svg --json", "for programs"],
    ],
  })
    .option("--json", "print one JSON array instead of a table")
    .action((runs: string[]) => compare(runs, command));
}

async function compare(folders: readonly string[], command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const { output } = configurationOf(command, CompareConfig);
  const { comparisonSvg, comparisonTable, readRun, summarise } = await import("../train/index.js");
  const runs = folders.map(readRun);
  makeFolder(dirname(output));
  writeWhole(output, comparisonSvg(runs));
  const summaries = runs.map(summarise);
  if (json === true) printJson(summaries);
  else print(comparisonTable(summaries));
  (json === true ? note : print)(`curves: ${output}`);
}
