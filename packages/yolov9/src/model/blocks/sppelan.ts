/**
 * SPPELAN: spatial pyramid pooling as a chain of max-pools whose every stage is concatenated.
 */
import { concatFeatures, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { channels, only } from "./options.js";
import { FeatureBlock, type FeatureDefinition } from "./registry.js";

const SPP_KERNEL = 5;
const SPP_POOLS = 3;

/** [B, in, H, W] → [B, out, H, W]. */
export class SPPELAN extends FeatureBlock {
  readonly reduce: Conv;
  readonly merge: Conv;

  constructor(inChannels: number, outChannels: number, options: { hidden: number; activation: Activation }) {
    super();
    const { hidden, activation } = options;
    this.reduce = new Conv(inChannels, hidden, { kernel: 1, activation });
    this.merge = new Conv((1 + SPP_POOLS) * hidden, outChannels, { kernel: 1, activation });
  }

  forward(x: Tensor): Tensor {
    const outputs = [this.reduce.forward(x)];
    for (let i = 0; i < SPP_POOLS; i++) {
      const padding = (SPP_KERNEL - 1) / 2;
      outputs.push(outputs.at(-1)!.max_pool2d([SPP_KERNEL, SPP_KERNEL], [1, 1], [padding, padding]));
    }
    return this.merge.forward(concatFeatures(outputs));
  }
}

const options = z.strictObject({ out: channels, hidden: channels });

export const sppelanDefinition: FeatureDefinition<typeof options> = {
  name: "SPPELAN",
  inputs: "one",
  options,
  output: (inputs, { out }) => ({ channels: out, stride: only(inputs).stride }),
  build: (inputs, { out, hidden }, { activation }) => new SPPELAN(only(inputs).channels, out, { hidden, activation }),
};
