/**
 * Halving of the resolution: AConv (smooth, then a strided convolution) and ADown (half of the channels through a strided
 * convolution, half through a max-pool).
 */
import { concatFeatures, smooth, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { channels, only } from "./options.js";
import { BlockError, FeatureBlock, type FeatureDefinition } from "./registry.js";

const STRIDE = 2;

/** [B, in, H, W] → [B, out, H / 2, W / 2]. */
export class AConv extends FeatureBlock {
  readonly conv: Conv;

  constructor(inChannels: number, outChannels: number, activation: Activation) {
    super();
    this.conv = new Conv(inChannels, outChannels, { kernel: 3, stride: STRIDE, activation });
  }

  forward(x: Tensor): Tensor {
    return this.conv.forward(smooth(x));
  }
}

/** [B, in, H, W] → [B, out, H / 2, W / 2]. */
export class ADown extends FeatureBlock {
  /** 3×3 of stride 2 on the first half of the channels. */
  readonly strided: Conv;
  /** 1×1 on the max-pooled second half. */
  readonly pooled: Conv;

  constructor(inChannels: number, outChannels: number, activation: Activation) {
    super();
    this.strided = new Conv(inChannels / 2, outChannels / 2, { kernel: 3, stride: STRIDE, activation });
    this.pooled = new Conv(inChannels / 2, outChannels / 2, { kernel: 1, activation });
  }

  forward(x: Tensor): Tensor {
    const [first, second] = smooth(x).chunk(2, 1);
    const pooled = second!.max_pool2d([3, 3], [STRIDE, STRIDE], [1, 1]);
    return concatFeatures([this.strided.forward(first!), this.pooled.forward(pooled)]);
  }
}

const options = z.strictObject({ out: channels });
const evenOptions = z.strictObject({ out: channels.multipleOf(2, "must be even, it is made of two halves") });

export const aconvDefinition: FeatureDefinition<typeof options> = {
  name: "AConv",
  inputs: "one",
  options,
  output: (inputs, { out }) => ({ channels: out, stride: only(inputs).stride * STRIDE }),
  build: (inputs, { out }, { activation }) => new AConv(only(inputs).channels, out, activation),
};

export const adownDefinition: FeatureDefinition<typeof evenOptions> = {
  name: "ADown",
  inputs: "one",
  options: evenOptions,
  output: (inputs, { out }) => {
    const { channels: inChannels, stride } = only(inputs);
    if (inChannels % 2 !== 0) throw new BlockError(`ADown halves its input, but it has ${inChannels} channels`);
    return { channels: out, stride: stride * STRIDE };
  },
  build: (inputs, { out }, { activation }) => new ADown(only(inputs).channels, out, activation),
};
