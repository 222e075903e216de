/** `yolov9 export`: trained weights to a checked ONNX file without the auxiliary branch. */
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { ExportConfig } from "../config/index.js";
import { configurationOf, describeCommand, printJson } from "./command.js";
import { UserError } from "./user-error.js";

export function addExportCommand(program: Command): void {
  const command = program.command("export");
  describeCommand(command, {
    description: "detach the auxiliary branch, fuse, write ONNX, and check it against the trained model",
    schema: ExportConfig,
    examples: [
      ["yolov9 export --weights runs/train/yolov9-t", "best weights of a run, for one image at a time"],
      ["yolov9 export --weights runs/train/yolov9-t --dynamic --output cells.onnx", "any batch and any size"],
      ["yolov9 export --weights w.safetensors --model gelan-t --imgsz 416", "bare weights, another size"],
    ],
  })
    .option("--dynamic", "both --dynamic-batch and --dynamic-size")
    .option("--json", "print one JSON object with the path and the differences")
    .action(() => exportWeights(command));
}

async function exportWeights(command: Command): Promise<void> {
  const { dynamic, json } = command.opts<{ dynamic?: boolean; json?: boolean }>();
  const config = configurationOf(
    command,
    ExportConfig,
    dynamic === true ? { dynamicBatch: true, dynamicSize: true } : {},
  );
  if (config.weights.endsWith(".onnx")) throw new UserError(`${config.weights}: is exported already`);
  const { openTrainedModel } = await import("../weights/index.js");
  const { DEFAULT_INPUT_SIZE, exportModel } = await import("../export/index.js");
  const { model, imageSize, path } = openTrainedModel(config.weights, config.model);
  const side = config.imgsz ?? imageSize ?? DEFAULT_INPUT_SIZE;
  const { file, verification } = await exportModel(model, { ...config, height: side, width: side });
  const output = config.output ?? path.replace(/(\.safetensors)?$/, ".onnx");
  writeFileSync(output, file);
  if (json === true) {
    printJson({ output, bytes: file.length, ...verification });
    return;
  }
  const { fusing, runtime } = verification;
  const differences = ({ box, score }: typeof fusing): string =>
    `boxes ${box.toExponential(1)} px, scores ${score.toExponential(1)}`;
  console.log(`fused against trained model:       ${differences(fusing)}`);
  console.log(`ONNX Runtime against libtorch:     ${differences(runtime)}`);
  console.log(`${output} (${(file.length / 1e6).toFixed(1)} MB)`);
}
