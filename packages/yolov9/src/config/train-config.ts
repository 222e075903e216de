/**
 * Configuration of `train`. The defaults are the published recipe for training from scratch, adapted to short runs (`settle` in
 * train/schedule.ts, train/ema.ts); every key is a flag, a YAML key and a property, and ends up in the run folder's args.yaml.
 */
import { z } from "zod";
import { GUIDANCES } from "../model/guidance.js";
import { augmentationFields, batchFields } from "./augmentation-fields.js";
import { data, device, imageSize, maxMegapixels, precision, threads, workers } from "./common-fields.js";
import { singleClass } from "./data-fields.js";

const gain = (value: number, of: string) => z.number().min(0).default(value).describe(`gain of the ${of} loss`);

export const LEARNING_RATE_SCHEDULES = ["linear", "cosine", "flat-cosine", "fixed"] as const;

export const TrainConfig = z.strictObject({
  // What is trained, on what, and where the run goes
  model: z
    .string()
    .min(1)
    .optional()
    .describe("zoo name (gelan-t, ...) or model YAML file; what the weights belong to, else yolov9-t, when left out"),
  data: data.optional(),
  singleClass,
  weights: z
    .string()
    .min(1)
    .optional()
    .describe(
      "start from these: a run, a checkpoint, a .pt or .safetensors file, or the name of a published file (yolov9-c)",
    ),
  resume: z
    .union([z.boolean(), z.string()])
    .default(false)
    .describe("continue a stopped run: its folder or last.safetensors, or no value for the newest run of the project"),
  project: z.string().min(1).default("runs/train").describe("folder that holds the runs"),
  name: z
    .string()
    .min(1)
    .optional()
    .describe("folder of this run inside the project; the model's name with a number when left out"),
  existOk: z.boolean().default(false).describe("write into an existing run folder instead of a new numbered one"),

  // How long and how large
  epochs: z.int().min(1).default(100).describe("passes over the training images"),
  batch: z.int().min(1).default(16).describe("images a step"),
  imgsz: imageSize,
  patience: z
    .int()
    .min(0)
    .default(100)
    .describe("epochs without a better fitness before training stops; 0 never stops early"),
  valPeriod: z.int().min(1).default(1).describe("validate every so many epochs, and after the last one"),
  savePeriod: z
    .int()
    .min(-1)
    .default(-1)
    .describe("keep a checkpoint of every so many epochs; -1 keeps only last and best"),
  seed: z.int().min(0).default(0).describe("seed of weights, shuffling and augmentation"),

  // Machine
  device,
  threads,
  workers,
  maxMegapixels,
  cacheBudget: z
    .number()
    .min(0)
    .optional()
    .describe("memory for decoded images in MiB; half of the free memory, at most 2048, when left out"),
  diskCache: z
    .number()
    .min(0)
    .default(0)
    .describe("disk space for decoded images that memory does not hold, in MiB, in the user's cache folder"),
  precision: precision.default("auto"),
  checkpointActivations: z
    .boolean()
    .default(false)
    .describe(
      "keep only what flows between the model's rows and compute the rest again in backward: less memory, more time (CPU only)",
    ),

  // Optimiser: SGD with Nesterov momentum
  lr0: z.number().gt(0).default(0.01).describe("learning rate after warm-up"),
  lrf: z.number().min(0).max(1).default(0.01).describe("last learning rate as a fraction of lr0"),
  schedule: z.enum(LEARNING_RATE_SCHEDULES).default("linear").describe("course of the learning rate over the epochs"),
  momentum: z.number().min(0).lt(1).default(0.937).describe("momentum of SGD"),
  weightDecay: z.number().min(0).default(0.0005).describe("weight decay of convolution weights, for the nominal batch"),
  nominalBatch: z
    .int()
    .min(1)
    .optional()
    .describe(
      "gradients are summed over batches up to about this many images; 64 when left out, in short runs down to 16",
    ),
  clipNorm: z.number().gt(0).default(10).describe("largest L2 norm of the gradient; a larger one is scaled down"),
  warmupEpochs: z.number().min(0).default(3).describe("epochs in which learning rate, momentum and accumulation rise"),
  warmupMinIterations: z.int().min(0).default(100).describe("least iterations of warm-up, however small the data set"),
  warmupMomentum: z.number().min(0).lt(1).default(0.8).describe("momentum at the start of warm-up"),
  warmupBiasLr: z.number().min(0).default(0.1).describe("learning rate of biases at the start of warm-up"),
  emaDecay: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9999)
    .describe("final decay of the exponential moving average of the weights"),
  emaTau: z
    .number()
    .gt(0)
    .optional()
    .describe("optimiser steps in which that decay is approached (published: 2000); faster at first when left out"),

  // Loss
  box: gain(7.5, "box (CIoU)"),
  cls: gain(0.5, "class"),
  dfl: gain(1.5, "distribution focal"),
  auxiliary: z.boolean().default(true).describe("train with the model's auxiliary branch (PGI), where it has one"),
  auxiliaryWeight: z
    .number()
    .min(0)
    .optional()
    .describe("weight of an auxiliary head's loss next to the lead head's; the model's own (0.25) when left out"),
  auxiliaryWeightEnd: z
    .number()
    .min(0)
    .optional()
    .describe("that weight in the last epoch, reached in a straight line; constant when left out"),
  guidance: z
    .enum(GUIDANCES)
    .optional()
    .describe("whose predictions assign objects to anchors; the model's own (independent) when left out"),
  assignerTopk: z.int().min(1).default(10).describe("anchors that an object may claim"),
  assignerAlpha: z.number().gt(0).default(0.5).describe("exponent of the class score in the alignment metric"),
  assignerBeta: z.number().gt(0).default(6).describe("exponent of the overlap in the alignment metric"),

  // Augmentation
  ...batchFields,
  ...augmentationFields,
});

export type TrainConfig = z.output<typeof TrainConfig>;
