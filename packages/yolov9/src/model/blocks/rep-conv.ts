/**
 * RepConv: a 3×3 and a 1×1 convolution side by side while training, one 3×3 convolution once fused (Ding et al. 2021, RepVGG).
 * Like the published models it never has an identity branch ("RepConvN").
 */
import { batchNormActivation, fanOut, type Conv2d, type NormalisedInput, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { channels, only } from "./options.js";
import { FeatureBlock, type FeatureDefinition } from "./registry.js";

export const REP_CONV_KERNEL = 3;

/** [B, in, H, W] → [B, out, H, W]. */
export class RepConv extends FeatureBlock {
  readonly activation: Activation;
  /** The two training branches; absent once folded into `fused`. */
  spatial: Conv | undefined;
  pointwise: Conv | undefined;
  fused: Conv2d | undefined;

  constructor(inChannels: number, outChannels: number, options: { groups?: number; activation: Activation }) {
    super();
    const { groups = 1, activation } = options;
    this.activation = activation;
    this.spatial = new Conv(inChannels, outChannels, { kernel: REP_CONV_KERNEL, groups, activation: "none" });
    this.pointwise = new Conv(inChannels, outChannels, { kernel: 1, groups, activation: "none" });
    this.fused = undefined;
  }

  forward(x: Tensor): Tensor {
    if (this.fused !== undefined) return this.fused.forward(x, this.activation);
    const [wide, narrow] = fanOut(x, 2);
    return batchNormActivation(branch(this.spatial!, wide), branch(this.pointwise!, narrow), this.activation);
  }
}

/** A branch's convolution of x, and the norm that is still to follow. */
function branch({ conv, norm }: Conv, x: Tensor): NormalisedInput {
  return { input: conv.forward(x), norm: norm! };
}

const options = z.strictObject({ out: channels, groups: z.int().positive().default(1) });

export const repConvDefinition: FeatureDefinition<typeof options> = {
  name: "RepConv",
  inputs: "one",
  options,
  output: (inputs, { out }) => ({ channels: out, stride: only(inputs).stride }),
  build: (inputs, { out, groups }, { activation }) => new RepConv(only(inputs).channels, out, { groups, activation }),
};
