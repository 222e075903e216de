/** `yolov9 train`: trains a model on a data set. */
import type { Command } from "commander";
import { TrainConfig, UsageError } from "../config/index.js";
import { configurationOf, describeCommand, givenTo } from "./command.js";
import type { Interruption } from "./interruption.js";
import { print } from "../terminal.js";

export function addTrainCommand(program: Command, interruption: Interruption): void {
  const command = program.command("train");
  describeCommand(command, {
    description: "train a model on a data set, validating after every epoch",
    schema: TrainConfig,
    examples: [
      ["yolov9 train --data data.yaml --model yolov9-t", "from scratch, with the auxiliary branch (PGI)"],
      ["yolov9 train --data bccd/ --imgsz 320 --epochs 40 --close-mosaic 10", "a Pascal VOC folder"],
      ["yolov9 train --config train.yaml --lr0 0.005", "keys from a file, one of them overruled"],
      ["yolov9 train --data data.yaml --weights yolov9-c --dry-run", "what it would do"],
      ["yolov9 train --resume runs/train/yolov9-t", "go on with a stopped run"],
    ],
  })
    .option("--dry-run", "say what would be trained on what, and write nothing")
    .action(() => train(command, interruption));
}

async function train(command: Command, interruption: Interruption): Promise<void> {
  const config = configurationOf(command, TrainConfig);
  const stage = await import("../train/index.js");
  if (command.opts<{ dryRun?: boolean }>().dryRun === true) {
    if (config.resume !== false) throw new UsageError("--dry-run is for a new run; leave out --dry-run or --resume");
    for (const line of await stage.dryRun(config)) print(line);
    return;
  }
  const given = givenTo(command, TrainConfig);
  const { best, last, epochs, ended, bestEpoch, results } = await interruption.gracefully((signal) =>
    stage.train(config, { signal, given }),
  );
  const metrics = results.find(({ epoch }) => epoch === bestEpoch)?.metrics;
  if (metrics !== undefined) {
    print(`best epoch ${bestEpoch} of ${epochs}: mAP50 ${metrics.AP50.toFixed(3)}, mAP50-95 ${metrics.AP.toFixed(3)}`);
  }
  print(ended === "interrupted" ? last : best);
  if (ended === "interrupted") process.exitCode = interruption.exitCode;
}
