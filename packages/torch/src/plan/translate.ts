// From recorded operators to steps. Tensors are told apart by their memory; an operator that only gives other views of it is no step.
import type { DType } from "../dtype.js";
import { bridge } from "../native.js";
import type { OperatorCall } from "../recording.js";
import { Tensor } from "../tensor.js";
import { copyStep, whole, type Features, type Slice, type Step } from "./steps.js";

/** What a plan does not know how to do. */
export class UnknownOperatorError extends Error {}

type Translate = (call: OperatorCall, translation: Translation) => void;

const DTYPES: readonly DType[] = ["float32", "bfloat16"];

const VIEWS = ["aten::chunk", "aten::narrow", "aten::split", "aten::split_with_sizes", "aten::alias", "aten::detach"];

const translators: Readonly<Record<string, Translate>> = {
  "yolov9::unit_images": ({ args, results }, translation) => {
    if (!translation.isInput(args[0])) throw new UnknownOperatorError("images that are not the input");
    translation.add("images", [], results, { dense: true });
  },
  "yolov9::convolution": ({ args, results }, translation) => {
    const [x, weight, bias, ...geometry] = args as [Tensor, Tensor, Tensor | null, ...number[]];
    const dense = !bridge.convolvesSlices(
      x.handle,
      weight.handle,
      ...(geometry.slice(0, 4) as [number, number, number, number]),
    );
    translation.add("convolution", [x], results, { constants: [weight, bias], numbers: geometry, dense });
  },
  "yolov9::concat": ({ args, results }, translation) => concatenate(args[0], results, translation),
  "aten::cat": ({ args, results }, translation) => {
    if (args[1] !== 1) throw new UnknownOperatorError("aten::cat of another dimension than the channels");
    concatenate(args[0], results, translation);
  },
  "aten::add": ({ args, results }, translation) => {
    if (args.slice(2).some((alpha) => alpha !== undefined)) throw new UnknownOperatorError("aten::add with a factor");
    translation.add("add", args.slice(0, 2), results);
  },
  "yolov9::smooth": ({ args, results }, translation) => translation.add("smooth", args, results),
  "yolov9::enlarge": ({ args, results }, translation) => translation.add("enlarge", args, results),
  "aten::max_pool2d": ({ args: [x, ...window], results }, translation) => {
    const [kernel, stride, padding, dilation, ceil] = window as (readonly number[] | undefined)[];
    const isSquare = [kernel, stride, padding].every((sides) => sides?.length === 2 && sides[0] === sides[1]);
    if (!isSquare || dilation !== undefined || ceil !== undefined)
      throw new UnknownOperatorError("this aten::max_pool2d");
    translation.add("maxPool", [x], results, { numbers: [kernel![0]!, stride![0]!, padding![0]!] });
  },
  "yolov9::fan_out": ({ args, results }, translation) => {
    for (const result of results) translation.rename(args[0], result);
  },
  "yolov9::decode_levels": ({ args }, translation) => {
    const [levels, centres, strides, bins, objectness] = args as [Tensor[], Tensor, Tensor, number, boolean];
    translation.finish(levels, [centres, strides], [bins, Number(objectness)]);
  },
};

function concatenate(parts: unknown, results: readonly Tensor[], translation: Translation): void {
  const target = translation.make(results[0]!);
  let first = 0;
  for (const part of (parts as Tensor[]).map((tensor) => translation.sliceOf(tensor))) {
    translation.steps.push(copyStep(part, { of: target, first, channels: part.channels }));
    first += part.channels;
  }
}

/** Steps as they are found, and which features lie in which tensor's memory. */
export class Translation {
  readonly steps: Step[] = [];
  /** Of all features. */
  dtype: DType = "float32";
  #isFinished = false;
  readonly #input: Tensor;
  readonly #features = new Map<number, Slice>();

  constructor(input: Tensor) {
    this.#input = input;
  }

  /** @throws UnknownOperatorError */
  translate(calls: readonly OperatorCall[]): void {
    for (const call of calls) {
      if (this.#isFinished) throw new UnknownOperatorError(`${call.name} after decoding`);
      if (VIEWS.includes(call.name)) continue;
      const translate = translators[call.name];
      if (translate === undefined) throw new UnknownOperatorError(call.name);
      translate(call, this);
    }
    if (!this.#isFinished) throw new UnknownOperatorError("no decoding");
  }

  isInput(value: unknown): boolean {
    return (
      value instanceof Tensor && bridge.memoryOf(value.handle).storage === bridge.memoryOf(this.#input.handle).storage
    );
  }

  add(
    kind: Step["kind"],
    inputs: readonly unknown[],
    [result]: readonly Tensor[],
    { constants = [], numbers = [], dense = false }: Partial<Pick<Step, "constants" | "numbers" | "dense">> = {},
  ): void {
    const reads = inputs.map((input) => this.sliceOf(input));
    this.steps.push({ kind, reads, writes: [whole(this.make(result!))], constants, numbers, dense });
  }

  finish(levels: readonly Tensor[], constants: readonly Tensor[], numbers: readonly number[]): void {
    const reads = levels.map((level) => this.sliceOf(level));
    this.steps.push({ kind: "decode", reads, writes: [], constants, numbers, dense: false });
    this.#isFinished = true;
  }

  /** New features for an operator's result. */
  make(result: Tensor): Features {
    const [batch, channels, height, width, ...rest] = result.shape;
    if (batch !== 1 || width === undefined || rest.length > 0)
      throw new UnknownOperatorError("a result that is no features of one picture");
    const dtype = result.dtype;
    if (this.#features.size === 0) this.dtype = dtype;
    if (dtype !== this.dtype || !DTYPES.includes(dtype) || result.device !== "cpu") {
      throw new UnknownOperatorError(`features of ${dtype}`);
    }
    const features: Features = { channels: channels!, height: height!, width };
    this.#features.set(bridge.memoryOf(result.handle).storage, whole(features));
    return features;
  }

  /** Gives the memory of a result to the features of another tensor. */
  rename(of: unknown, result: Tensor): void {
    const slice = this.sliceOf(of);
    const { storage } = bridge.memoryOf(result.handle);
    if (!this.#features.has(storage)) this.#features.set(storage, slice);
  }

  /** Which channels of which features a tensor holds. @throws UnknownOperatorError where it is anything else */
  sliceOf(value: unknown): Slice {
    if (!(value instanceof Tensor)) throw new UnknownOperatorError("a number where features should be");
    const { storage, offset, pixelStride } = bridge.memoryOf(value.handle);
    const [, channels, height, width] = value.shape;
    const held = this.#features.get(storage);
    if (held === undefined) throw new UnknownOperatorError("features that no operator made");
    const { of } = held;
    const isAll = offset === 0 && channels === held.channels;
    // The stride of a single pixel says nothing.
    const isStrided = pixelStride >= held.channels || (height === 1 && width === 1);
    const isRange = isAll || (isStrided && offset + channels! <= held.channels);
    if (!isRange || height !== of.height || width !== of.width)
      throw new UnknownOperatorError("a view that is no range of channels");
    return { of, first: held.first + offset, channels: channels! };
  }
}
