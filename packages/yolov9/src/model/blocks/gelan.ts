/**
 * GELAN, the generalised efficient layer aggregation network (Wang, Yeh and Liao 2024): an ELAN whose stages may hold any block.
 * With inner RepCSP and two stages it is the "RepNCSPELAN4" of the published models.
 */
import { Module, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { DepthwiseConv } from "./depthwise-conv.js";
import { aggregate } from "./layer-aggregation.js";
import { channels, depth, only } from "./options.js";
import { BlockError, FeatureBlock, findBlock, type BlockContext, type FeatureDefinition } from "./registry.js";

/** Makes the inner block of a stage for the channels that it gets and must give. */
export type InnerFactory = (inChannels: number, outChannels: number) => FeatureBlock;

/** One computational stage: the inner block, then a 3×3 convolution, which may be depthwise separable. */
export class GelanStage extends Module {
  readonly inner: FeatureBlock;
  readonly conv: Conv | DepthwiseConv;

  constructor(
    inChannels: number,
    outChannels: number,
    { inner, activation, depthwise }: Pick<GelanOptions, "inner" | "activation" | "depthwise">,
  ) {
    super();
    this.inner = inner(inChannels, outChannels);
    const Convolution = depthwise === true ? DepthwiseConv : Conv;
    this.conv = new Convolution(outChannels, outChannels, { kernel: 3, activation });
  }

  /** What the stage makes of x, and x for whatever else uses it. */
  pass(x: Tensor): [output: Tensor, input: Tensor] {
    const [y, passed] = this.inner.pass(x);
    return [this.conv.forward(y), passed];
  }
}

export interface GelanOptions {
  /** Channels of the split convolution (halved between the two paths) and of each stage: the paper's c3 and c4. */
  hidden: readonly [number, number];
  /** Number of stages, each concatenated to the output. */
  elanDepth: number;
  inner: InnerFactory;
  activation: Activation;
  /** Whether the stages' 3×3 convolutions are depthwise separable. Default false. */
  depthwise?: boolean;
}

/** [B, in, H, W] → [B, out, H, W]: split, a chain of stages, and a 1×1 over both halves and every stage's output. */
export class GELAN extends FeatureBlock {
  readonly split: Conv;
  readonly stages: GelanStage[];
  readonly merge: Conv;

  constructor(inChannels: number, outChannels: number, options: GelanOptions) {
    super();
    const { hidden, elanDepth, activation } = options;
    const [split, width] = hidden;
    this.split = new Conv(inChannels, split, { kernel: 1, activation });
    this.stages = Array.from(
      { length: elanDepth },
      (_, i) => new GelanStage(i === 0 ? split / 2 : width, width, options),
    );
    this.merge = new Conv(split + elanDepth * width, outChannels, { kernel: 1, activation });
  }

  forward(x: Tensor): Tensor {
    return this.merge.forward(aggregate(this.split.forward(x), this.stages));
  }
}

const evenChannels = channels.multipleOf(2, "must be even, it is split in halves");

/** A block's name, or its name with options of its own. */
const innerSchema = z.union([z.string(), z.looseObject({ block: z.string() })]);

const options = z.strictObject({
  out: channels,
  hidden: z.tuple([evenChannels, channels]),
  inner: innerSchema.default("RepCSP"),
  elanDepth: depth.default(2),
  cspDepth: depth.default(1),
  depthwise: z.boolean().default(false),
});

export const gelanDefinition: FeatureDefinition<typeof options> = {
  name: "GELAN",
  inputs: "one",
  options,
  output: (inputs, { out, hidden, inner, cspDepth }) => {
    const { stride } = only(inputs);
    bindInner(inner, hidden[1], cspDepth, { channels: hidden[0] / 2, stride });
    return { channels: out, stride };
  },
  build: (inputs, { out, hidden, inner, elanDepth, cspDepth, depthwise }, context) => {
    const { channels: inChannels, stride } = only(inputs);
    const factory: InnerFactory = (from, to) =>
      bindInner(inner, to, cspDepth, { channels: from, stride }).build(context);
    const { activation } = context;
    return new GELAN(inChannels, out, { hidden, elanDepth, inner: factory, activation, depthwise });
  },
};

/**
 * The inner block for one stage. `cspDepth` reaches it as `depth` when it has such an option.
 * @throws BlockError when it is unknown, is a head, or does not keep the stride and give the channels that the stage needs
 */
function bindInner(
  inner: z.output<typeof innerSchema>,
  out: number,
  cspDepth: number,
  input: { channels: number; stride: number },
): { build(context: BlockContext): FeatureBlock } {
  const { block: name, ...own } = typeof inner === "string" ? { block: inner } : inner;
  const block = findBlock(name);
  const depthOption = block.optionNames.includes("depth") ? { depth: cspDepth } : {};
  const bound = block.bind([input], { out, ...depthOption, ...own });
  if (bound.kind !== "feature") {
    throw new BlockError(
      `${name} is ${bound.kind === "head" ? "a head" : "a block of several outputs"} and cannot be the inner block of a GELAN`,
    );
  }
  if (bound.output.channels !== out || bound.output.stride !== input.stride) {
    throw new BlockError(`inner block ${name} must give ${out} channels at the stride of its input`);
  }
  return bound;
}
