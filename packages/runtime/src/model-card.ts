/**
 * What a detector has to know of a model besides its graph: class names, input size, letterbox, thresholds. The exporter writes it into
 * the ONNX file's metadata; options of the caller come first, and can describe a file that carries nothing.
 */

import { LETTERBOX_PAD, type ResizeKernel } from "@yolov9/vision";
import type { SuppressionCard } from "./detection-rows.js";

/** The metadata's own version; a file with another one is refused rather than misread. */
export const METADATA_FORMAT = "1";

export interface LetterboxCard {
  /** Grey level of the padding. */
  readonly pad: number;
  readonly scaleUp: boolean;
  readonly kernel: ResizeKernel;
}

export interface ModelCard {
  readonly task: "detect";
  /** Class names by class number. */
  readonly names: readonly string[];
  /** Pixels per cell of each level. */
  readonly strides: readonly number[];
  /** Input size in pixels. */
  readonly imageHeight: number;
  readonly imageWidth: number;
  readonly letterbox: LetterboxCard;
  /** Defaults of `detect`. */
  readonly confidence: number;
  readonly iou: number;
  /** Where the graph suppresses overlapping boxes itself: how it does. */
  readonly suppression?: SuppressionCard;
  /** Model name, date, author and licence, as far as the file tells. */
  readonly model?: string;
  readonly date?: string;
  readonly author?: string;
  readonly license?: string;
}

/** What a caller may say about a model; wins over what the file says. */
export interface ModelCardOptions {
  readonly names?: readonly string[];
  readonly strides?: readonly number[];
  /** Input size in pixels, of both sides or [height, width]. Only for models with a dynamic size. */
  readonly imageSize?: number | readonly [height: number, width: number];
  readonly letterbox?: Partial<LetterboxCard>;
  readonly confidence?: number;
  readonly iou?: number;
}

/** Sizes that the graph fixes; undefined where any will do. */
export interface FixedSizes {
  readonly height: number | undefined;
  readonly width: number | undefined;
  /** Of the output [batch, rows, columns]: 4 + classes, or detections where the graph suppresses. */
  readonly rows: number | undefined;
}

const DEFAULT_STRIDES = [8, 16, 32];
const DEFAULT_SIZE = 640;
const DEFAULT_CONFIDENCE = 0.25;
const DEFAULT_IOU = 0.45;
/** Sides of an input in pixels; one picture of this size takes 800 MB. */
const LARGEST_SIDE = 8192;
const LARGEST_STRIDE = 1024;
const MOST_CLASSES = 50_000;
const MOST_DETECTIONS = 1_000_000;
/** Of a list: strides of levels, sides of an input. */
const MOST_NUMBERS = 16;

/**
 * Put metadata, options and graph together.
 * @param name what to call the file in errors
 * @throws Error when names are unknown, a value is malformed, or the three contradict each other
 */
export function modelCard(
  metadata: ReadonlyMap<string, string>,
  options: ModelCardOptions,
  fixed: FixedSizes,
  name: string,
): ModelCard {
  const format = metadata.get("yolov9.format");
  if (format !== undefined && format !== METADATA_FORMAT) {
    throw new Error(
      `${name}: metadata of format ${format}, but only ${METADATA_FORMAT} is known here; update @yolov9/runtime`,
    );
  }
  // Keys such as `names` mean other things in files of other exporters.
  const fields = new MetadataFields(format === undefined ? new Map() : metadata, name);
  const task = fields.text("task") ?? "detect";
  if (task !== "detect")
    throw new Error(`${name}: a model for the task "${task}", but a Detector needs one for "detect"`);
  const names = options.names ?? fields.names();
  if (names === undefined) {
    throw new Error(
      `${name} carries no description by this project's exporter. Export it with \`yolov9 export\`, or pass the class names: ` +
        `Detector.load(file, { names: ["…"] })`,
    );
  }
  const suppression = fields.suppression();
  if (suppression === undefined && fixed.rows !== undefined && fixed.rows - 4 !== names.length) {
    throw new Error(`${name}: ${names.length} class names, but the graph predicts ${fixed.rows - 4} classes`);
  }
  const strides = options.strides ?? fields.strides() ?? DEFAULT_STRIDES;
  return {
    task,
    names,
    strides,
    ...imageSize(options.imageSize, fields.numbers("imgsz"), fixed, Math.max(...strides), name),
    letterbox: { ...fields.letterbox(), ...options.letterbox },
    confidence: options.confidence ?? fields.share("confidence") ?? DEFAULT_CONFIDENCE,
    iou: options.iou ?? fields.share("iou") ?? DEFAULT_IOU,
    ...(suppression && { suppression }),
    ...fields.texts("model", "date", "author", "license"),
  };
}

function imageSize(
  wanted: number | readonly [number, number] | undefined,
  exported: readonly number[] | undefined,
  fixed: FixedSizes,
  stride: number,
  name: string,
): { imageHeight: number; imageWidth: number } {
  const given = typeof wanted === "number" ? [wanted, wanted] : wanted;
  const side = (axis: 0 | 1, fixedSide: number | undefined): number => {
    if (fixedSide === undefined) return given?.[axis] ?? exported?.[axis] ?? DEFAULT_SIZE;
    if (given !== undefined && given[axis] !== fixedSide) {
      throw new Error(`${name} was exported for ${["height", "width"][axis]} ${fixedSide} only, not ${given[axis]}`);
    }
    return fixedSide;
  };
  const size = { imageHeight: side(0, fixed.height), imageWidth: side(1, fixed.width) };
  for (const [what, pixels] of Object.entries(size)) {
    if (pixels > LARGEST_SIDE) {
      throw new Error(`${name}: ${what} ${pixels} is more than the ${LARGEST_SIDE} pixels that an input may have`);
    }
    if (!(Number.isInteger(pixels) && pixels > 0 && pixels % stride === 0)) {
      const nearest = Math.max(stride, Math.round(pixels / stride) * stride) || stride;
      throw new Error(`${name}: ${what} ${pixels} is not a multiple of the stride ${stride}; ${nearest} is`);
    }
  }
  return size;
}

/** Metadata values, each checked as it is read. */
class MetadataFields {
  readonly #metadata: ReadonlyMap<string, string>;
  readonly #file: string;

  constructor(metadata: ReadonlyMap<string, string>, file: string) {
    this.#metadata = metadata;
    this.#file = file;
  }

  text(key: string): string | undefined {
    return this.#metadata.get(key);
  }

  texts(...keys: string[]): Record<string, string> {
    return Object.fromEntries(
      keys.filter((key) => this.#metadata.has(key)).map((key) => [key, this.#metadata.get(key)!]),
    );
  }

  /** A number from 0 to 1. */
  share(key: string): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() === "" || !isShare(value)) throw this.#malformed(key, "a number from 0 to 1");
    return value;
  }

  numbers(key: string): number[] | undefined {
    const value = this.#json(key, "a JSON array of positive numbers");
    if (value === undefined) return undefined;
    const isPositive = (item: unknown): item is number => typeof item === "number" && Number.isFinite(item) && item > 0;
    if (!Array.isArray(value) || value.length === 0 || value.length > MOST_NUMBERS || !value.every(isPositive)) {
      throw this.#malformed(key, "a JSON array of positive numbers");
    }
    return value;
  }

  strides(): number[] | undefined {
    const strides = this.numbers("stride");
    if (strides?.every((stride) => Number.isInteger(stride) && stride <= LARGEST_STRIDE) === false) {
      throw this.#malformed("stride", `a JSON array of whole numbers up to ${LARGEST_STRIDE}`);
    }
    return strides;
  }

  /** {"0": "cat", "1": "dog"} as ["cat", "dog"]. */
  names(): string[] | undefined {
    const expected = 'a JSON object of class names {"0": "…", "1": "…"}';
    const value = this.#json("names", expected);
    if (value === undefined) return undefined;
    if (!isRecord(value)) throw this.#malformed("names", expected);
    const count = Object.keys(value).length;
    if (count > MOST_CLASSES) throw this.#malformed("names", `at most ${MOST_CLASSES} class names`);
    const names = Object.keys(value).map((_, classId) => value[String(classId)]);
    if (!names.every((name) => typeof name === "string")) throw this.#malformed("names", expected);
    return names;
  }

  letterbox(): LetterboxCard {
    const expected = 'a JSON object {"pad": 114, "scaleUp": true}';
    const value = this.#json("letterbox", expected) ?? {};
    if (!isRecord(value)) throw this.#malformed("letterbox", expected);
    const { pad = LETTERBOX_PAD, scaleUp = true, kernel = "auto" } = value;
    const isKernel = kernel === "linear" || kernel === "area" || kernel === "auto";
    if (!isWhole(pad, 255) || typeof scaleUp !== "boolean" || !isKernel) throw this.#malformed("letterbox", expected);
    return { pad, scaleUp, kernel };
  }

  suppression(): SuppressionCard | undefined {
    const expected = 'a JSON object {"confidence": 0.25, "iou": 0.45, "maxDetections": 300, "multiLabel": false}';
    const value = this.#json("suppression", expected);
    if (value === undefined) return undefined;
    if (!isRecord(value)) throw this.#malformed("suppression", expected);
    const { confidence, iou, maxDetections, multiLabel } = value;
    const isCard =
      isShare(confidence) && isShare(iou) && isWhole(maxDetections, MOST_DETECTIONS) && typeof multiLabel === "boolean";
    if (!isCard) throw this.#malformed("suppression", expected);
    return { confidence, iou, maxDetections, multiLabel };
  }

  #json(key: string, expected: string): unknown {
    const text = this.text(key);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      throw this.#malformed(key, expected);
    }
  }

  #malformed(key: string, expected: string): Error {
    const text = this.text(key) ?? "";
    const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    return new Error(`${this.#file}: metadata "${key}" is not ${expected}: ${shown}`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isShare(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
}
