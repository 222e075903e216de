/** What a training would do, found out without training and without writing into a run folder. */
import { existsSync } from "node:fs";
import { resolveDevice, resolvePrecision } from "@yolov9/torch";
import { stringify } from "yaml";
import type { TrainConfig } from "../config/index.js";
import { publishedName } from "../download/index.js";
import { buildModel, profile } from "../model/index.js";
import { openStartWeights, type StartWeights } from "../weights/start-weights.js";
import { openData } from "./run-data.js";
import { newRunFolder } from "./run-folder.js";
import { settle } from "./schedule.js";
import { trainedSpec } from "./training-state.js";
import { transferText, transferWeights } from "./transfer.js";

/** Float32 weights, gradients, momentum and moving average. */
const BYTES_PER_PARAMETER = 4 * 4;
const MEBIBYTE = 2 ** 20;
const SHOWN_NAMES = 10;

/**
 * @returns lines for people: data, model, steps, memory, run folder, and the whole configuration as YAML
 * @throws Error for what would stop the training itself
 */
export async function dryRun(given: TrainConfig): Promise<string[]> {
  const { dataset, train, val } = await openData(given);
  const { names } = dataset;
  const config = settle(given, train.length);
  const notes: string[] = [];
  const start = await startOf(config, (line) => notes.push(line));
  try {
    const spec = trainedSpec(config, start?.spec);
    const { parameters, gflops } = profile({ ...spec, classCount: names.length }, config.imgsz);
    if (start !== undefined) {
      const model = buildModel(spec, { names });
      notes.push(transferText(transferWeights(model, start), model, start));
      model.dispose();
    }
    const device = resolveDevice(config.device);
    const batches = Math.ceil(train.length / config.batch);
    const accumulated = Math.max(Math.round(config.nominalBatch / config.batch), 1);
    const memory = Math.ceil((parameters.training * BYTES_PER_PARAMETER) / MEBIBYTE);
    const count = (value: number): string => value.toLocaleString("en");
    const shownNames = names.slice(0, SHOWN_NAMES).join(", ") + (names.length > SHOWN_NAMES ? " …" : "");
    return [
      ...notes,
      `model   ${spec.name} at ${config.imgsz} px on ${device} in ${resolvePrecision(config.precision, device)}`,
      `size    ${count(parameters.training)} parameters and ${gflops.training.toFixed(2)} GFLOPs while training, ` +
        `${count(parameters.deploy)} and ${gflops.deploy.toFixed(2)} deployed`,
      `data    ${train.length} training and ${val.length} validation images`,
      `classes ${names.length}: ${shownNames}`,
      `steps   ${batches} batches per epoch, an optimiser step every ${accumulated} after warm-up, ${config.epochs} epochs`,
      `memory  ${memory} MiB for weights, gradients, momentum and average; the features of a batch come on top`,
      `folder  ${newRunFolder(config, spec.name).path}`,
      "",
      stringify(config).trimEnd(),
    ];
  } finally {
    start?.dispose();
  }
}

/** Weights that lie on this machine; published ones would be fetched when the training starts. */
async function startOf(config: TrainConfig, note: (line: string) => void): Promise<StartWeights | undefined> {
  const { weights, model } = config;
  if (weights === undefined) return undefined;
  if (!existsSync(weights) && publishedName(weights) !== undefined) {
    note(`weights ${weights} are fetched when the training starts; what is said of the model holds without them`);
    return undefined;
  }
  return openStartWeights(weights, { model, note });
}
