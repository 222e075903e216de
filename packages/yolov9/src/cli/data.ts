/** `yolov9 data`: commands that look at data sets or write them. Each is in a file of its own. */
import type { Command } from "commander";
import { addDataCheckCommand } from "./data-check.js";
import { addDataConvertCommand } from "./data-convert.js";
import { addDataPreviewCommand } from "./data-preview.js";
import { addDataSplitCommand } from "./data-split.js";

export function addDataCommand(program: Command): void {
  const command = program.command("data").description("convert, split, check and preview data sets");
  addDataConvertCommand(command);
  addDataSplitCommand(command);
  addDataCheckCommand(command);
  addDataPreviewCommand(command);
}
