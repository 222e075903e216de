// A block of one's own: a convolution whose channels are weighted by what the whole image shows (Hu et al. 2018, Squeeze-and-Excitation).
// Importing this file makes it known to model files as "ChannelAttention", also inside a GELAN.

import { Conv2d, type Tensor } from "@yolov9/torch";
import { Conv, FeatureBlock, registerBlock } from "yolov9";
import type { Activation } from "yolov9";
import { z } from "zod";

const SQUEEZE = 4;

/** [B, in, H, W] → [B, out, H, W]. */
export class ChannelAttention extends FeatureBlock {
  readonly conv: Conv;
  readonly squeeze: Conv2d;
  readonly excite: Conv2d;

  constructor(inChannels: number, outChannels: number, activation: Activation) {
    super();
    const hidden = Math.ceil(outChannels / SQUEEZE);
    this.conv = new Conv(inChannels, outChannels, { kernel: 3, activation });
    this.squeeze = new Conv2d(outChannels, hidden, 1, { bias: true });
    this.excite = new Conv2d(hidden, outChannels, 1, { bias: true });
  }

  forward(x: Tensor): Tensor {
    const y = this.conv.forward(x);
    const hidden = this.squeeze.forward(y.mean([2, 3], true)).relu();
    return y.mul(this.excite.forward(hidden).sigmoid());
  }
}

registerBlock({
  name: "ChannelAttention",
  inputs: "one",
  options: z.strictObject({ out: z.int().positive() }),
  output: ([input], { out }) => ({ channels: out, stride: input!.stride }),
  build: ([input], { out }, { activation }) => new ChannelAttention(input!.channels, out, activation),
});
