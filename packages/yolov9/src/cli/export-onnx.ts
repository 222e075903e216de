/** The ONNX part of `yolov9 export`: precision, calibration images and suppression from the configuration, and what is told about the file. */
import { writeWhole } from "@yolov9/torch/whole-file";
import { UsageError, type ExportConfig } from "../config/index.js";
import { openDataset, type Dataset, type Sample } from "../data/index.js";
import type { ExportedModel, Int8Options, MeasuredFiles } from "../export/index.js";
import type { OpenedModel } from "../weights/index.js";
import { openSplit, reportProblems } from "./open-split.js";
import { UserError } from "./user-error.js";
import { note, print, printJson } from "../terminal.js";

export async function exportOnnx(
  { model, imageSize }: OpenedModel,
  output: string,
  config: ExportConfig,
  json: boolean,
): Promise<void> {
  const { DEFAULT_INPUT_SIZE, exportModel, precisionTable, verificationTable } = await import("../export/index.js");
  const { precision, batch, dynamicBatch, dynamicSize, opset } = config;
  const side = config.imgsz ?? imageSize ?? DEFAULT_INPUT_SIZE;
  const exported = await exportModel(model, {
    ...{ height: side, width: side, batch, dynamicBatch, dynamicSize, opset },
    precision: precision === "float16" ? "float16" : "float32",
    int8: precision === "int8" ? await int8Options(config, side) : undefined,
    suppression: config.nms ? suppressionOf(config) : undefined,
  });
  const { file, verification, reduction } = exported;
  writeWhole(output, file);
  const measured = config.data === undefined ? undefined : await measure(exported, config.data, side, config);
  if (json) {
    printJson({ output, bytes: file.length, ...verification, reduction, measured });
    return;
  }
  print(verificationTable(exported, config.verify).join("\n"));
  if (measured !== undefined) print(precisionTable(measured));
  print(`${output} (${(file.length / 1e6).toFixed(1)} MB)`);
}

function suppressionOf({ confidence, iou, maxDetections, multiLabel }: ExportConfig) {
  return { confidence, iou, maxDetections, multiLabel };
}

async function int8Options(config: ExportConfig, side: number): Promise<Int8Options> {
  const path = config.calibrationData ?? config.data;
  if (path === undefined) {
    throw new UsageError(
      "int8 needs images to calibrate with: give --calibration-data, a data set like those of train",
    );
  }
  const maxPixels = config.maxMegapixels * 1e6;
  const { calibrationImages } = await import("../export/index.js");
  const dataset = await openDataset(path, { splits: ["train", "val"], maxPixels, deriveVal: true });
  const images = trainingImages(dataset, path);
  const count = Math.min(config.calibrationImages, images.length);
  note(`calibrating with ${count} of the ${images.length} images of ${path}`);
  return { calibration: calibrationImages(images, count, side), reduceRange: config.reduceRange };
}

/** Images of the training split, or of the validation split where there is nothing else. */
function trainingImages({ splits }: Dataset, path: string): readonly Sample[] {
  const images = splits.train ?? splits.val;
  if (images === undefined || images.length === 0) throw new UserError(`${path}: no images to calibrate with`);
  return images;
}

async function measure(
  { file, reference }: ExportedModel,
  data: string,
  imageSize: number,
  config: ExportConfig,
): Promise<MeasuredFiles> {
  const { dataset, samples } = await openSplit(data, "val", config);
  const { OnnxPredictor, validate } = await import("../validate/index.js");
  const figures = async (bytes: Uint8Array): Promise<{ AP: number; AP50: number }> => {
    const predictor = await OnnxPredictor.load(bytes);
    try {
      const options = { names: dataset.names, imageSize, batchSize: 1 };
      const { result, problems } = await validate(predictor, samples, options);
      reportProblems(problems, data);
      return { AP: result.AP, AP50: result.AP50 };
    } finally {
      await predictor.close();
    }
  };
  const before = await figures(reference);
  return { reference: before, file: file === reference ? before : await figures(file) };
}
