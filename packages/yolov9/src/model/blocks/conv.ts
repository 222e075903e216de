/**
 * Convolution, batch norm and activation: the unit that every other block is made of. `Conv.forward` and `RepConv.forward` are
 * the only places where these three meet, so a faster kernel for them belongs there.
 */
import { BatchNorm2d, batchNormActivation, Conv2d, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import { activationSchema, type Activation } from "../activation.js";
import { countConvolution } from "./budget.js";
import { channels, dilation, groups, kernelSize, only, stride } from "./options.js";
import { FeatureBlock, type FeatureDefinition } from "./registry.js";

/** Batch norm of the published models; fusing needs the same epsilon. */
export const BATCH_NORM = { eps: 1e-3, momentum: 0.03 } as const;

export interface ConvOptions {
  kernel: number;
  stride?: number;
  groups?: number;
  dilation?: number;
  activation: Activation;
}

/** [B, in, H, W] → [B, out, H / stride, W / stride]. Padding keeps the size at stride 1 for an odd kernel. */
export class Conv extends FeatureBlock {
  readonly activation: Activation;
  conv: Conv2d;
  /** Absent once folded into `conv`, which then has a bias. */
  norm: BatchNorm2d | undefined;

  constructor(inChannels: number, outChannels: number, options: ConvOptions) {
    super();
    const { kernel, stride = 1, groups = 1, dilation = 1 } = options;
    this.activation = options.activation;
    countConvolution(inChannels, outChannels, kernel, groups);
    const padding = Math.floor((dilation * (kernel - 1) + 1) / 2);
    this.conv = new Conv2d(inChannels, outChannels, kernel, { stride, padding, groups, dilation, bias: false });
    this.norm = new BatchNorm2d(outChannels, BATCH_NORM);
  }

  forward(x: Tensor): Tensor {
    if (this.norm === undefined) return this.conv.forward(x, this.activation);
    return batchNormActivation({ input: this.conv.forward(x), norm: this.norm }, undefined, this.activation);
  }

  override pass(x: Tensor): [output: Tensor, input: Tensor] {
    if (this.norm === undefined) return super.pass(x);
    const [input, passed] = this.conv.pass(x);
    return [batchNormActivation({ input, norm: this.norm }, undefined, this.activation), passed];
  }
}

const options = z.strictObject({
  out: channels,
  kernel: kernelSize.default(3),
  stride: stride.default(1),
  groups: groups.default(1),
  dilation: dilation.default(1),
  activation: activationSchema.optional(),
});

export const convDefinition: FeatureDefinition<typeof options> = {
  name: "Conv",
  inputs: "one",
  options,
  output: (inputs, { out, stride }) => ({ channels: out, stride: only(inputs).stride * stride }),
  build: (inputs, { out, activation, ...rest }, context) =>
    new Conv(only(inputs).channels, out, { ...rest, activation: activation ?? context.activation }),
};
