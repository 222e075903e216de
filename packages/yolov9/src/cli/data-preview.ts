/** `yolov9 data preview`: contact sheets of training images with their labels drawn. */
import { join } from "node:path";
import type { Command } from "commander";
import { PreviewConfig, resolveConfig, TrainConfig } from "../config/index.js";
import { configurationOf, describeCommand } from "./command.js";
import { openSplit } from "../program/open-split.js";
import { note, print, printJson } from "../terminal.js";

export function addDataPreviewCommand(data: Command): void {
  const command = data.command("preview");
  describeCommand(command, {
    description: "show training images as a run sees them: contact sheets with labels drawn",
    schema: PreviewConfig,
    examples: [
      ["yolov9 data preview --data data.yaml", "the first 16 images in epoch 0"],
      ["yolov9 data preview --run runs/train/yolov9-t --epoch 7 --index 120 --count 1", "what a run saw"],
      ["yolov9 data preview --data data.yaml --each", "every augmentation alone, a sheet each"],
    ],
  })
    .option("--run <folder>", "take data, sizes, seed and augmentation from this training run; flags win over it")
    .option("--json", "print the files as one JSON array")
    .action(() => preview(command));
}

async function preview(command: Command): Promise<void> {
  const { json, run } = command.opts<{ json?: boolean; run?: string }>();
  const given = Object.entries(command.opts<Record<string, unknown>>()).filter(([, value]) => value !== undefined);
  const config = configurationOf(command, PreviewConfig, {
    ...(run === undefined ? {} : settingsOfRun(run)),
    ...Object.fromEntries(given),
  });
  const { dataset, samples } = await openSplit(config.data, config.split, note, config);
  const { writePreview } = await import("../data/index.js");
  const files = await writePreview(samples, dataset, config, (file) => {
    if (json !== true) print(file);
  });
  if (json === true) printJson(files);
}

/** The keys that a training run and a preview have in common. */
function settingsOfRun(folder: string): Record<string, unknown> {
  const config = resolveConfig(TrainConfig, { file: join(folder, "args.yaml") });
  return Object.fromEntries(Object.entries(config).filter(([key]) => key in PreviewConfig.shape));
}
