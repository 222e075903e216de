/**
 * An ONNX graph with one image input and one output of predictions, on either build of ONNX Runtime. It moves arrays in and out and knows
 * which sizes the graph fixes; class names, letterbox and suppression are the detector's.
 */

import type { InferenceSession, Tensor } from "onnxruntime-web";

/** What is used of onnxruntime-node and onnxruntime-web, which share one interface. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => Tensor;
}

/** Output that is taken when a graph has several. */
const OUTPUT = "output0";

/** A batch that a graph fixes is always filled up. */
const LARGEST_BATCH = 1024;

export class OnnxModel {
  /** Sizes that the graph fixes, undefined where any will do. */
  readonly batch: number | undefined;
  readonly height: number | undefined;
  readonly width: number | undefined;
  /** Rows of the output: 4 + classes, or detections where the graph suppresses boxes. */
  readonly rows: number | undefined;

  readonly #runtime: OnnxRuntime;
  readonly #input: string;
  readonly #output: string;
  readonly #name: string;
  #session: InferenceSession | undefined;

  private constructor(runtime: OnnxRuntime, session: InferenceSession, name: string) {
    const input = imageInput(session, name);
    const output = predictionOutput(session, name);
    [this.batch, , this.height, this.width] = input.shape.map(fixedSize);
    if (this.batch !== undefined && this.batch > LARGEST_BATCH) {
      throw new Error(`${name}: its graph takes ${this.batch} pictures at once; at most ${LARGEST_BATCH} are possible`);
    }
    this.rows = fixedSize(output.shape[1]);
    this.#runtime = runtime;
    this.#session = session;
    this.#input = input.name;
    this.#output = output.name;
    this.#name = name;
  }

  /**
   * @param bytes a whole ONNX file
   * @param name what to call the file in errors
   * @throws Error when ONNX Runtime refuses the graph or its inputs and outputs are not those of a detector
   */
  static async load(
    runtime: OnnxRuntime,
    bytes: Uint8Array,
    options: InferenceSession.SessionOptions,
    name: string,
  ): Promise<OnnxModel> {
    let session: InferenceSession;
    try {
      session = await runtime.InferenceSession.create(bytes, options);
    } catch (cause) {
      throw new Error(`${name}: ONNX Runtime cannot load it: ${messageOf(cause)}`, { cause });
    }
    try {
      return new OnnxModel(runtime, session, name);
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  /**
   * Predictions of a batch. A graph with a fixed batch size is run as often as needed, the last time filled up with black.
   * @param images [batch, 3, height, width] planar RGB 0 … 1
   * @returns the output [batch, rows, columns]
   * @throws Error when the sizes do not fit the graph, or after `dispose`
   */
  async run(images: Float32Array, batch: number, height: number, width: number): Promise<Float32Array> {
    const pixels = 3 * height * width;
    if (images.length !== batch * pixels) {
      throw new RangeError(`${batch} images of ${width}x${height} are ${batch * pixels} floats, not ${images.length}`);
    }
    if ((this.height ?? height) !== height || (this.width ?? width) !== width) {
      throw new RangeError(`${this.#name} takes images of ${this.width}x${this.height}, not ${width}x${height}`);
    }
    const chunk = this.batch ?? batch;
    if (chunk === batch) return this.#runChunk(images, [batch, 3, height, width]);
    const outputs: Float32Array[] = [];
    for (let start = 0; start < batch; start += chunk) {
      const count = Math.min(chunk, batch - start);
      const part = new Float32Array(chunk * pixels);
      part.set(images.subarray(start * pixels, (start + count) * pixels));
      const output = await this.#runChunk(part, [chunk, 3, height, width]);
      outputs.push(output.subarray(0, (output.length / chunk) * count));
    }
    return concatenate(outputs);
  }

  /** Free ONNX Runtime's memory. The model cannot be run afterwards; a second call does nothing. */
  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.release();
  }

  async #runChunk(images: Float32Array, dims: readonly number[]): Promise<Float32Array> {
    if (this.#session === undefined) throw new Error(`${this.#name} has been disposed`);
    const input = new this.#runtime.Tensor("float32", images, dims);
    const output = (await this.#session.run({ [this.#input]: input }, [this.#output]))[this.#output];
    const data = await output?.getData();
    if (!(data instanceof Float32Array)) throw new Error(`${this.#name}: output ${this.#output} is not float32`);
    return data;
  }
}

function imageInput(session: InferenceSession, name: string): InferenceSession.TensorValueMetadata {
  const inputs = session.inputMetadata;
  const [input] = inputs;
  const isImage = input?.isTensor === true && input.type === "float32" && input.shape.length === 4;
  if (inputs.length !== 1 || !isImage || (fixedSize(input.shape[1]) ?? 3) !== 3) {
    throw new Error(
      `${name}: a detector has one input, float32 [batch, 3, height, width]; this graph has ${describe(inputs)}`,
    );
  }
  return input;
}

function predictionOutput(session: InferenceSession, name: string): InferenceSession.TensorValueMetadata {
  const outputs = session.outputMetadata;
  const output =
    outputs.find((candidate) => candidate.name === OUTPUT) ?? (outputs.length === 1 ? outputs[0] : undefined);
  const isPrediction = output?.isTensor === true && output.type === "float32" && output.shape.length === 3;
  if (!isPrediction) {
    throw new Error(
      `${name}: a detector has an output ${OUTPUT}, float32 [batch, 4 + classes, anchors]; this graph has ${describe(outputs)}`,
    );
  }
  return output;
}

function describe(values: readonly InferenceSession.ValueMetadata[]): string {
  return values.map((v) => (v.isTensor ? `${v.name} ${v.type} [${v.shape.join(", ")}]` : v.name)).join(", ") || "none";
}

/** A positive number, or undefined for a named or unknown size. */
function fixedSize(size: number | string | undefined): number | undefined {
  return typeof size === "number" && size > 0 ? size : undefined;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
