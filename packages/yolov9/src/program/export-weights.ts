/** What `yolov9 export` does, as a function: from trained weights to a checked ONNX file, or to safetensors with the published names. */
import { resolve } from "node:path";
import { writeWhole } from "@yolov9/torch/whole-file";
import { ConfigError, UsageError, type ExportConfig } from "../config/index.js";
import { DatasetError, openDataset, type Dataset, type Sample } from "../data/index.js";
import {
  calibrationImages,
  DEFAULT_INPUT_SIZE,
  exportModel,
  type ExportedModel,
  type Int8Options,
  type MeasuredFiles,
} from "../export/index.js";
import { OnnxPredictor, validate } from "../validate/index.js";
import { openTrainedModel, writeOfficialDeployFile, writeOfficialFile, type OpenedModel } from "../weights/index.js";
import { noteProblems, openSplit, type Note } from "./open-split.js";

export type WeightsExport =
  | {
      readonly kind: "onnx";
      /** Path of the file that was written. */
      readonly output: string;
      readonly exported: ExportedModel;
      /** Where `config.data` asked for it. */
      readonly measured: MeasuredFiles | undefined;
    }
  | { readonly kind: "safetensors"; readonly output: string; readonly tensors: number };

/**
 * Writes weights as an ONNX file that computes the same, or as safetensors where `config.officialNames` asks for them.
 * @param config from `createExportConfig`
 * @param note takes remarks: images to calibrate with, what had to be left out of the data
 * @throws ConfigError when the output would overwrite the weights; ExportError when ONNX Runtime computes something else than the model
 */
export async function exportWeights(config: ExportConfig, note: Note = () => undefined): Promise<WeightsExport> {
  if (config.weights.endsWith(".onnx")) throw new ConfigError(`${config.weights}: is exported already`);
  const opened = openTrainedModel(config.weights, config.model);
  try {
    const ending = config.officialNames ? "-official.safetensors" : ".onnx";
    const output = config.output ?? opened.path.replace(/(\.safetensors)?$/, ending);
    if (resolve(output) === resolve(opened.path))
      throw new ConfigError(`${output}: is the file that is read; name another`);
    if (!config.officialNames) return await exportOnnx(opened, output, config, note);
    const write = config.detach ? writeOfficialDeployFile : writeOfficialFile;
    return { kind: "safetensors", output, tensors: write(output, opened.model) };
  } finally {
    opened.model.dispose();
  }
}

async function exportOnnx(
  { model, imageSize }: OpenedModel,
  output: string,
  config: ExportConfig,
  note: Note,
): Promise<WeightsExport> {
  const { precision, batch, dynamicBatch, dynamicSize, opset } = config;
  const side = config.imgsz ?? imageSize ?? DEFAULT_INPUT_SIZE;
  const exported = await exportModel(model, {
    ...{ height: side, width: side, batch, dynamicBatch, dynamicSize, opset },
    precision: precision === "float16" ? "float16" : "float32",
    int8: precision === "int8" ? await int8Options(config, side, note) : undefined,
    suppression: config.nms ? suppressionOf(config) : undefined,
  });
  writeWhole(output, exported.file);
  const measured = config.data === undefined ? undefined : await measure(exported, config.data, side, config, note);
  return { kind: "onnx", output, exported, measured };
}

function suppressionOf({ confidence, iou, maxDetections, multiLabel }: ExportConfig) {
  return { confidence, iou, maxDetections, multiLabel };
}

async function int8Options(config: ExportConfig, side: number, note: Note): Promise<Int8Options> {
  const path = config.calibrationData ?? config.data;
  if (path === undefined) {
    throw new UsageError(
      "int8 needs images to calibrate with: give --calibration-data, a data set like those of train",
    );
  }
  const maxPixels = config.maxMegapixels * 1e6;
  const dataset = await openDataset(path, { splits: ["train", "val"], maxPixels, deriveVal: true });
  const images = trainingImages(dataset, path);
  const count = Math.min(config.calibrationImages, images.length);
  note(`calibrating with ${count} of the ${images.length} images of ${path}`);
  return { calibration: calibrationImages(images, count, side), reduceRange: config.reduceRange };
}

/** Images of the training split, or of the validation split where there is nothing else. */
function trainingImages({ splits }: Dataset, path: string): readonly Sample[] {
  const images = splits.train ?? splits.val;
  if (images === undefined || images.length === 0) throw new DatasetError(`${path}: no images to calibrate with`);
  return images;
}

async function measure(
  { file, reference }: ExportedModel,
  data: string,
  imageSize: number,
  config: ExportConfig,
  note: Note,
): Promise<MeasuredFiles> {
  const { dataset, samples } = await openSplit(data, "val", note, config);
  const figures = async (bytes: Uint8Array): Promise<MeasuredFiles["file"]> => {
    const predictor = await OnnxPredictor.load(bytes);
    try {
      const options = { names: dataset.names, imageSize, batchSize: 1 };
      const { result, problems } = await validate(predictor, samples, options);
      noteProblems(problems, data, note);
      return { AP: result.AP, AP50: result.AP50 };
    } finally {
      await predictor.close();
    }
  };
  const before = await figures(reference);
  return { reference: before, file: file === reference ? before : await figures(file) };
}
