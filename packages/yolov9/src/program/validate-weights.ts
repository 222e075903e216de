/** What `yolov9 val` does, as a function: from weights and a data set to figures and a report. */
import { join } from "node:path";
import { ConfigError, type ValConfig } from "../config/index.js";
import type { Dataset } from "../data/index.js";
import { resultFolder } from "../result-folder.js";
import {
  analyse,
  AugmentedPredictor,
  openPredictor,
  SingleClassPredictor,
  squareInput,
  suppressionNote,
  validate,
  writeValidationFolder,
  type Predictor,
  type Validation,
  type ValidationAnalysis,
} from "../validate/index.js";
import { noteProblems, openSplit, type Note } from "./open-split.js";

export interface WeightsValidation extends Validation {
  readonly dataset: Dataset;
  readonly analysis: ValidationAnalysis;
  /** Where results go; the report's path is there when `config.report` asks for it. */
  readonly folder: string;
  readonly report: string | undefined;
}

/**
 * Measures weights of any kind (run folder, checkpoint, ONNX file) on a split of a data set.
 * @param config from `createValConfig`
 * @param note takes remarks: what had to be left out of the data, which settings have no effect
 * @throws ConfigError, DatasetError, Error when weights or data cannot be used
 */
export async function validateWeights(config: ValConfig, note: Note = () => undefined): Promise<WeightsValidation> {
  if (config.data === undefined) throw new ConfigError("data is missing: name the data set to measure on");
  const { dataset, samples } = await openSplit(config.data, config.split, note, config);
  const opened = await openPredictor(config.weights, { ...config, withLosses: true });
  const suppression = suppressionNote(opened);
  if (suppression !== undefined) note(suppression);
  const predictor = predictorFor(config, opened);
  try {
    const imageSize = squareInput(predictor, config.imgsz);
    const options = { ...config, names: dataset.names, imageSize, batchSize: config.batch };
    const validation = await validate(predictor, samples, options);
    noteProblems(validation.problems, config.data, note);
    const folder = resultFolder(config.project, config.name, config.existOk);
    const analysis = analyse(validation, dataset.names, config.worst);
    if (config.report) await writeValidationFolder(folder, config, dataset.names, validation.result, analysis);
    return {
      ...validation,
      dataset,
      analysis,
      folder,
      report: config.report ? join(folder, "report.html") : undefined,
    };
  } finally {
    await predictor.close();
  }
}

function predictorFor({ augment, singleClass }: ValConfig, opened: Predictor): Predictor {
  const predictor = augment ? new AugmentedPredictor(opened) : opened;
  return singleClass ? new SingleClassPredictor(predictor) : predictor;
}
