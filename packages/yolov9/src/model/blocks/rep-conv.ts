/**
 * RepConv: a 3×3 and a 1×1 convolution side by side while training, one 3×3 convolution once fused (Ding et al. 2021, RepVGG).
 * Like the published models it never has an identity branch ("RepConvN").
 */
import { batchNormActivation, type Conv2d, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { channels, groups, only } from "./options.js";
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
    const [wide, rest] = this.spatial!.conv.pass(x);
    return this.#sum(wide, this.pointwise!.conv.forward(rest));
  }

  override pass(x: Tensor): [output: Tensor, input: Tensor] {
    if (this.fused !== undefined) return super.pass(x);
    const [wide, rest] = this.spatial!.conv.pass(x);
    const [narrow, passed] = this.pointwise!.conv.pass(rest);
    return [this.#sum(wide, narrow), passed];
  }

  /** The branches' convolutions, normalised, added and activated. */
  #sum(wide: Tensor, narrow: Tensor): Tensor {
    const [first, second] = [this.spatial!.norm!, this.pointwise!.norm!];
    return batchNormActivation({ input: wide, norm: first }, { input: narrow, norm: second }, this.activation);
  }
}

const options = z.strictObject({ out: channels, groups: groups.default(1) });

export const repConvDefinition: FeatureDefinition<typeof options> = {
  name: "RepConv",
  inputs: "one",
  options,
  output: (inputs, { out }) => ({ channels: out, stride: only(inputs).stride }),
  build: (inputs, { out, groups }, { activation }) => new RepConv(only(inputs).channels, out, { groups, activation }),
};
