/**
 * A convolution in two steps: 3×3 on every channel by itself, then 1×1 across channels (Howard et al. 2017, MobileNets). Far fewer
 * weights than a full 3×3; some third-party YOLOv9 weights have class branches of it.
 */
import type { Tensor } from "@yolov9/torch";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { FeatureBlock } from "./registry.js";

/** [B, in, H, W] → [B, out, H, W]; both steps have batch norm and activation. */
export class DepthwiseSeparable extends FeatureBlock {
  readonly depthwise: Conv;
  readonly pointwise: Conv;

  constructor(inChannels: number, outChannels: number, activation: Activation) {
    super();
    this.depthwise = new Conv(inChannels, inChannels, { kernel: 3, groups: inChannels, activation });
    this.pointwise = new Conv(inChannels, outChannels, { kernel: 1, activation });
  }

  forward(x: Tensor): Tensor {
    return this.pointwise.forward(this.depthwise.forward(x));
  }
}
