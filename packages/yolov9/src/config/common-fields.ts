/**
 * Fields that several commands share, each written once with its limits and description. Every command's own file joins them to its
 * schema; none of them carries behaviour.
 */
import { MAX_PIXELS } from "@yolov9/vision";
import { z } from "zod";

/** Side of the network's input must be a multiple of the largest stride. */
const LARGEST_STRIDE = 32;

const inputSide = z.int().min(LARGEST_STRIDE).multipleOf(LARGEST_STRIDE);

export const imageSize = inputSide.default(640).describe("side of the square network input in pixels");

/** For commands on trained weights, which know the size that they were trained or exported with. */
export const ownImageSize = inputSide
  .optional()
  .describe("side of the square network input in pixels; the model's own when left out, else 640");

export const data = z
  .string()
  .min(1)
  .describe("data set: a YAML file, or a folder in YOLO, Pascal VOC, COCO or CSV layout");

export const device = z
  .string()
  .regex(/^(auto|cpu|cuda(:\d+)?|\d+)$/)
  .meta({ allowed: "one of auto, cpu, cuda, cuda:N or N, the number of one GPU" })
  .default("auto")
  .describe("auto (a GPU when libtorch has one), cpu, cuda:0 or 0 (the first GPU)");

export const threads = z.int().min(0).default(0).describe("threads of libtorch; 0 uses every core");

export const precision = z
  .enum(["auto", "float32", "bfloat16"])
  .describe("number format of convolutions; auto takes bfloat16 on a GPU, and where the CPU has instructions for it");

export const maxMegapixels = z
  .number()
  .gt(0)
  .max(1e4)
  .default(MAX_PIXELS / 1e6)
  .describe("pictures of more million pixels are left out before they are decoded");

export const workers = z
  .int()
  .min(0)
  .max(256)
  .optional()
  .describe("threads that decode and augment images; one a core, at most 4, when left out");

export const confidence = z.number().min(0).max(1).describe("lowest score of a detection");

export const iou = z
  .number()
  .gt(0)
  .max(1)
  .default(0.7)
  .describe("IoU above which non-maximum suppression drops the weaker box");

export const maxDetections = z.int().min(1).default(300).describe("most detections an image");

export const model = z.string().describe("zoo name (yolov9-t, gelan-t, ...) or path of a model YAML file");

/** For commands on trained weights. */
export const modelOfWeights = model
  .optional()
  .describe("zoo name or YAML file; needed where the weights are bare tensors without a model inside");

export const resultProject = z.string().min(1).describe("folder that holds the results");

export const resultName = z.string().min(1).describe("folder of this result inside the project; numbered when taken");

export const existOk = z
  .boolean()
  .default(false)
  .describe("write into an existing folder instead of a new numbered one");

export const weights = z
  .string()
  .min(1)
  .describe("run folder, checkpoint (.safetensors or .json), imported model, safetensors of weights, or ONNX file");
