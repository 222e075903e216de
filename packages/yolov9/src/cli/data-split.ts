/** `yolov9 data split`: images dealt out to training, validation and test. */
import type { Command } from "commander";
import { DataSplitConfig } from "../config/index.js";
import type { DealtDataset } from "../data/index.js";
import { configurationOf, describeCommand } from "./command.js";
import { UserError } from "./user-error.js";
import { messageOf } from "../error-message.js";
import { print, printJson } from "../terminal.js";

export function addDataSplitCommand(data: Command): void {
  const command = data.command("split");
  describeCommand(command, {
    description: "deal images out to training, validation and test, each class in the same shares",
    schema: DataSplitConfig,
    examples: [
      ["yolov9 data split --data cells/ --output cells-split", "lists and a data.yaml; images stay in place"],
      ["yolov9 data split --data d.yaml --output s --ratio 0.9,0.1 --seed 7", "no test images, other choices"],
      ["yolov9 data split --data d.yaml --output s --group 'patient(\\d+)'", "a patient's images stay together"],
    ],
  })
    .option("--json", "print one JSON object instead of a table")
    .action(() => split(command));
}

async function split(command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const { data, group, ...config } = configurationOf(command, DataSplitConfig);
  const { splitDataset } = await import("../data/index.js");
  const pattern = group === undefined ? {} : { group: patternOf(group) };
  const result = await splitDataset(data, { ...config, ...pattern });
  if (json === true) printJson(result);
  else print(table(result));
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UserError(`--group: ${messageOf(error)}`);
  }
}

function table({ output, names, splits, lost }: DealtDataset): string {
  const entries = Object.entries(splits);
  const width = Math.max(8, ...names.map((name) => name.length)) + 2;
  const row = (name: string, values: readonly (string | number)[]) =>
    name.padEnd(width) + values.map((value) => String(value).padStart(9)).join("");
  const lines = [
    row("", entries.map(([name]) => name)),
    row("images", entries.map(([, { images }]) => images)),
    row("objects", entries.map(([, { objects }]) => objects)),
    ...names.map((name, index) => row(name, entries.map(([, { classes }]) => classes[index]!))),
  ]; // prettier-ignore
  const losses = Object.entries(lost).map(([what, count]) => `not kept: ${count} ${what}`);
  return [...lines, ...losses, `in ${output}; use it with --data ${output}`].join("\n");
}
