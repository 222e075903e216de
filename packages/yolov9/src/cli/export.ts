/** `yolov9 export`: trained weights to a checked ONNX file without the auxiliary branch, or to safetensors with the published names. */
import type { Command } from "commander";
import { ExportConfig } from "../config/index.js";
import { configurationOf, describeCommand } from "./command.js";
import { note, print, printJson } from "../terminal.js";

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
      ["yolov9 export --weights runs/train/yolov9-t --nms", "the detections themselves as output"],
      [
        "yolov9 export --weights runs/train/yolov9-t --int8 --data data.yaml",
        "8-bit integers, measured before and after",
      ],
      ["yolov9 export --weights w.safetensors --model gelan-t --imgsz 416", "bare weights, another size"],
    ],
  })
    .option("--dynamic", "both --dynamic-batch and --dynamic-size")
    .option("--int8", "--precision int8")
    .option("--json", "print one JSON object with the path and the differences")
    .action(() => exportWeights(command));
}

async function exportWeights(command: Command): Promise<void> {
  const { dynamic, int8, json } = command.opts<{ dynamic?: boolean; int8?: boolean; json?: boolean }>();
  const config = configurationOf(command, ExportConfig, {
    ...(dynamic === true ? { dynamicBatch: true, dynamicSize: true } : {}),
    ...(int8 === true ? { precision: "int8" } : {}),
  });
  const program = await import("../program/index.js");
  const written = await program.exportWeights(config, note);
  if (written.kind === "safetensors") {
    const { output, tensors } = written;
    if (json === true) printJson({ output, tensors });
    else print(`${output} (${tensors} tensors with published names)`);
    return;
  }
  const { output, exported, measured } = written;
  const { file, verification, reduction } = exported;
  if (json === true) {
    printJson({ output, bytes: file.length, ...verification, reduction, measured });
    return;
  }
  const { precisionTable, verificationTable } = await import("../export/index.js");
  print(verificationTable(exported, config.verify).join("\n"));
  if (measured !== undefined) print(precisionTable(measured));
  print(`${output} (${(file.length / 1e6).toFixed(1)} MB)`);
}
