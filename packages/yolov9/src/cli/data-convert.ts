/** `yolov9 data convert`: a data set in another format, in a new folder. */
import type { Command } from "commander";
import { DataConvertConfig } from "../config/index.js";
import { configurationOf, describeCommand } from "./command.js";
import { noteProblems } from "../program/open-split.js";
import { note, print, printJson } from "../terminal.js";

export function addDataConvertCommand(data: Command): void {
  const command = data.command("convert");
  describeCommand(command, {
    description: "write a data set in another format, keeping all that it can hold and saying what it cannot",
    schema: DataConvertConfig,
    examples: [
      ["yolov9 data convert --from voc/ --to yolo --output cells", "images are copied"],
      ["yolov9 data convert --from data.yaml --to coco --output coco --images link", "symbolic links to the images"],
      ["yolov9 data convert --from coco/ --to yolo --output pets --classes pet=cat+dog", "only some classes, merged"],
    ],
  })
    .option("--json", "print one JSON object instead of text")
    .action(() => convert(command));
}

async function convert(command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const { from, classes, ...config } = configurationOf(command, DataConvertConfig);
  const { convertDataset, parseSelection } = await import("../data/index.js");
  const selection = classes && parseSelection(classes);
  const result = await convertDataset(from, { ...config, ...(selection && { classes: selection }) });
  if (json === true) {
    printJson(result);
    return;
  }
  noteProblems(result.problems, from, note);
  print(`${result.images} images with ${result.objects} objects: ${result.from} → ${result.to} in ${result.output}`);
  for (const [what, count] of Object.entries(result.lost)) print(`  ${result.to} cannot hold: ${count} ${what}`);
}
