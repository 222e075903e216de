/** `yolov9 export`: trained weights to a checked ONNX file without the auxiliary branch, or to safetensors with the published names. */
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { ExportConfig } from "../config/index.js";
import type { OpenedModel } from "../weights/index.js";
import { configurationOf, describeCommand, printJson } from "./command.js";
import { refuseSameFile } from "./output-path.js";
import { UserError } from "./user-error.js";

export function addExportCommand(program: Command): void {
  const command = program.command("export");
  describeCommand(command, {
    description: "detach the auxiliary branch, fuse, write ONNX, and check it against the trained model",
    schema: ExportConfig,
    examples: [
      ["yolov9 export --weights runs/train/yolov9-t", "best weights of a run, for one image at a time"],
      ["yolov9 export --weights runs/train/yolov9-t --dynamic --output cells.onnx", "any batch and any size"],
      ["yolov9 export --weights yolov9-e.safetensors --verify", "with every comparison of the lead output"],
      ["yolov9 export --weights runs/train/yolov9-t --official-names", "safetensors with the published names"],
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
  const weights = await import("../weights/index.js");
  const opened = weights.openTrainedModel(config.weights, config.model);
  if (config.officialNames) {
    const output = config.output ?? besideWeights(opened.path, "-official.safetensors");
    refuseSameFile(output, opened.path);
    const write = config.detach ? weights.writeOfficialDeployFile : weights.writeOfficialFile;
    const tensors = write(output, opened.model);
    if (json === true) printJson({ output, tensors });
    else console.log(`${output} (${tensors} tensors with published names)`);
  } else {
    await exportOnnx(opened, config, json === true);
  }
}

async function exportOnnx({ model, imageSize, path }: OpenedModel, config: ExportConfig, json: boolean): Promise<void> {
  const { DEFAULT_INPUT_SIZE, exportModel, verificationTable } = await import("../export/index.js");
  const output = config.output ?? besideWeights(path, ".onnx");
  refuseSameFile(output, path);
  const side = config.imgsz ?? imageSize ?? DEFAULT_INPUT_SIZE;
  const { file, verification } = await exportModel(model, { ...config, height: side, width: side });
  writeFileSync(output, file);
  if (json) {
    printJson({ output, bytes: file.length, ...verification });
    return;
  }
  console.log(verificationTable(verification, config.verify).join("\n"));
  console.log(`${output} (${(file.length / 1e6).toFixed(1)} MB)`);
}

function besideWeights(path: string, ending: string): string {
  return path.replace(/(\.safetensors)?$/, ending);
}
