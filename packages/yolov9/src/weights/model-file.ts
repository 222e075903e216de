/**
 * A trained model in one safetensors file: its weights under their own names, and in the metadata the complete model file, the class names
 * and where they came from. Unlike a checkpoint of a run it knows nothing of a training; `import` writes it.
 */
import { loadSafetensors, readSafetensorsHeader, saveSafetensors } from "@yolov9/torch";
import { existsSync, statSync } from "node:fs";
import { z } from "zod";
import { parseStoredSpec, restoreModel, type DetectionModel } from "../model/index.js";
import { issueLines } from "../issue-text.js";

const FORMAT = "yolov9-model-1";
const METADATA_KEY = "model";

const storedModel = z.object({
  spec: z.unknown(),
  names: z.array(z.string()).min(1),
  fused: z.boolean(),
  /** Side of the square input that it was trained with, in pixels. */
  imageSize: z.int().positive().optional(),
  /** Name of the file that it was imported from. */
  source: z.string(),
  savedAt: z.string(),
});

export interface ModelFileFacts {
  readonly imageSize?: number | undefined;
  readonly source: string;
}

/** The file appears whole or not at all. */
export function writeModelFile(path: string, model: DetectionModel, { imageSize, source }: ModelFileFacts): void {
  const { spec, names, fused } = model;
  const stored = { spec, names, fused, imageSize, source, savedAt: new Date().toISOString() };
  saveSafetensors(path, model.stateDict(), { format: FORMAT, [METADATA_KEY]: JSON.stringify(stored) });
}

/**
 * @returns the model in evaluation mode; the caller disposes of it
 * @throws Error naming the file when it is none or damaged
 */
export function readModelFile(path: string): { model: DetectionModel; imageSize: number | undefined; source: string } {
  const { tensors, metadata } = loadSafetensors(path);
  try {
    const { spec, names, fused, imageSize, source } = parseStored(metadata[METADATA_KEY], path);
    const stored = parseStoredSpec(spec, path);
    return { model: restoreModel(path, { spec: stored, names, fused }, tensors).eval(), imageSize, source };
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

/** Whether `readModelFile` can take this path. */
export function isModelFile(path: string): boolean {
  if (!path.endsWith(".safetensors") || !existsSync(path) || !statSync(path).isFile()) return false;
  return readSafetensorsHeader(path).metadata["format"] === FORMAT;
}

function parseStored(text: string | undefined, path: string): z.output<typeof storedModel> {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "");
  } catch {
    throw new Error(`${path}: the model in its metadata is missing or damaged`);
  }
  const parsed = storedModel.safeParse(value);
  if (!parsed.success) {
    const [problem] = issueLines(parsed.error, value);
    throw new Error(`${path}: the model in its metadata is damaged: ${problem}`);
  }
  return parsed.data;
}
