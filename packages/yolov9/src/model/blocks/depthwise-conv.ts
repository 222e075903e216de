/**
 * A depthwise separable convolution (Howard et al. 2017): a convolution of each channel alone, then a 1×1 over all channels. About
 * an eighth of the cost of the full convolution that it stands for; used in lightweight auxiliary branches and in the class branches of
 * some third-party weights.
 */
import type { Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { channels, kernelSize, only, stride } from "./options.js";
import { FeatureBlock, type FeatureDefinition } from "./registry.js";

/** [B, in, H, W] → [B, out, H / stride, W / stride]. */
export class DepthwiseConv extends FeatureBlock {
  readonly depthwise: Conv;
  readonly pointwise: Conv;

  constructor(
    inChannels: number,
    outChannels: number,
    { kernel = 3, stride = 1, activation }: { kernel?: number; stride?: number; activation: Activation },
  ) {
    super();
    this.depthwise = new Conv(inChannels, inChannels, { kernel, stride, groups: inChannels, activation });
    this.pointwise = new Conv(inChannels, outChannels, { kernel: 1, activation });
  }

  forward(x: Tensor): Tensor {
    return this.pointwise.forward(this.depthwise.forward(x));
  }
}

const options = z.strictObject({
  out: channels,
  kernel: kernelSize.default(3),
  stride: stride.default(1),
});

export const depthwiseConvDefinition: FeatureDefinition<typeof options> = {
  name: "DepthwiseConv",
  inputs: "one",
  options,
  output: (inputs, { out, stride }) => ({ channels: out, stride: only(inputs).stride * stride }),
  build: (inputs, { out, ...rest }, { activation }) =>
    new DepthwiseConv(only(inputs).channels, out, { ...rest, activation }),
};
