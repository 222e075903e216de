/**
 * Configurations for programs: some values are given, the compiler checks their names and types, and the defaults of the command line fill in
 * the rest.
 */
import type { z } from "zod";
import { ExportConfig } from "./export-config.js";
import { parseConfig } from "./resolve.js";
import { TrainConfig } from "./train-config.js";
import { ValConfig } from "./val-config.js";

/**
 * For `train`. Give `data`, or `resume` for a stopped run.
 * @throws ConfigError that names an unknown key, or each value that is not allowed and what is
 */
export function createTrainConfig(values: z.input<typeof TrainConfig>): TrainConfig {
  return parseConfig(TrainConfig, values, "createTrainConfig");
}

/**
 * For `validateWeights`.
 * @throws ConfigError that names an unknown key, or each value that is missing or not allowed
 */
export function createValConfig(values: z.input<typeof ValConfig>): ValConfig {
  return parseConfig(ValConfig, values, "createValConfig");
}

/**
 * For `exportWeights`.
 * @throws ConfigError that names an unknown key, or each value that is missing or not allowed
 */
export function createExportConfig(values: z.input<typeof ExportConfig>): ExportConfig {
  return parseConfig(ExportConfig, values, "createExportConfig");
}
