/**
 * SPPCSPC: spatial pyramid pooling inside a cross-stage-partial block, the end of YOLOv7's backbone (Wang et al. 2022).
 */
import { concatFeatures, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { channels, only } from "./options.js";
import { FeatureBlock, type FeatureDefinition } from "./registry.js";

/** Kernels of the max-pools, side by side. */
const SPPCSPC_KERNELS = [5, 9, 13] as const;

/** [B, in, H, W] → [B, out, H, W]; every convolution inside has `out` channels. */
export class SPPCSPC extends FeatureBlock {
  /** 1×1 → 3×3 → 1×1 in front of the pools. */
  readonly before: Conv[];
  /** 1×1 → 3×3 behind them. */
  readonly after: Conv[];
  readonly bypass: Conv;
  readonly merge: Conv;

  constructor(inChannels: number, outChannels: number, activation: Activation) {
    super();
    const conv = (from: number, kernel: number): Conv => new Conv(from, outChannels, { kernel, activation });
    this.before = [conv(inChannels, 1), conv(outChannels, 3), conv(outChannels, 1)];
    this.after = [conv((1 + SPPCSPC_KERNELS.length) * outChannels, 1), conv(outChannels, 3)];
    this.bypass = conv(inChannels, 1);
    this.merge = conv(2 * outChannels, 1);
  }

  forward(x: Tensor): Tensor {
    const y = this.before.reduce((value, conv) => conv.forward(value), x);
    const pooled = SPPCSPC_KERNELS.map((kernel) => {
      const padding = (kernel - 1) / 2;
      return y.max_pool2d([kernel, kernel], [1, 1], [padding, padding]);
    });
    const main = this.after.reduce((value, conv) => conv.forward(value), concatFeatures([y, ...pooled]));
    return this.merge.forward(concatFeatures([main, this.bypass.forward(x)]));
  }
}

const options = z.strictObject({ out: channels });

export const sppcspcDefinition: FeatureDefinition<typeof options> = {
  name: "SPPCSPC",
  inputs: "one",
  options,
  output: (inputs, { out }) => ({ channels: out, stride: only(inputs).stride }),
  build: (inputs, { out }, { activation }) => new SPPCSPC(only(inputs).channels, out, activation),
};
