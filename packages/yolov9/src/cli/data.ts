/** `yolov9 data`: commands that look at data sets or write them. Each is in a file of its own. */
import type { Command } from "commander";
import { addDataPreviewCommand } from "./data-preview.js";

export function addDataCommand(program: Command): void {
  const command = program.command("data").description("look at data sets");
  addDataPreviewCommand(command);
}
