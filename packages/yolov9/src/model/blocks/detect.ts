/**
 * Anchor-free detection heads: for every level a box branch (a distribution over `regMax` bins for each of the four sides) and a
 * class branch. `DecoupledDetect` computes the four sides in separate convolution groups ("DDetect"), `Detect` together.
 * Decoding the raw outputs into boxes is the model's part, because export and loss do it too.
 */
import { Conv2d, Module, cat, noGrad, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { DepthwiseSeparable } from "./depthwise-separable.js";
import { channels } from "./options.js";
import { Head, type BlockContext, type Feature, type HeadDefinition } from "./registry.js";

/** Sides of a box, in the channel order left, top, right, bottom. */
const SIDES = 4;
const SMALLEST_BOX_WIDTH = 64;
const LARGEST_CLASS_WIDTH_FROM_CLASSES = 128;
const INITIAL_BOX_BIAS = 1;
/** An untrained model expects this many objects of any class in an image of this side length in pixels. */
const EXPECTED_OBJECTS = 5;
const EXPECTED_IMAGE_SIZE = 640;

/** Two 3×3 convolutions and a 1×1 with bias: [B, in, H, W] → [B, out, H, W]. */
export class Branch extends Module {
  readonly first: Conv | DepthwiseSeparable;
  readonly second: Conv | DepthwiseSeparable;
  readonly predict: Conv2d;

  constructor(inChannels: number, width: number, outChannels: number, options: BranchOptions) {
    super();
    const { groups = 1, convolution = "full", activation } = options;
    const conv = (input: number, convGroups: number): Conv | DepthwiseSeparable =>
      convolution === "full"
        ? new Conv(input, width, { kernel: 3, groups: convGroups, activation })
        : new DepthwiseSeparable(input, width, activation);
    this.first = conv(inChannels, 1);
    this.second = conv(width, groups);
    this.predict = new Conv2d(width, outChannels, 1, { groups, bias: true });
  }

  forward(x: Tensor): Tensor {
    return this.predict.forward(this.second.forward(this.first.forward(x)));
  }
}

/** Whether a branch's 3×3 convolutions are full ones, or depthwise with a 1×1 after them. */
export const BRANCH_CONVOLUTIONS = ["full", "depthwise"] as const;
export type BranchConvolution = (typeof BRANCH_CONVOLUTIONS)[number];

export interface BranchOptions {
  /** Of the second and the last convolution. Default 1. */
  groups?: number;
  /** Default full. */
  convolution?: BranchConvolution;
  activation: Activation;
}

export interface DetectOptions {
  /** Groups of the box branch's second and last convolution: 1, or 4 to decouple the sides. */
  boxGroups: 1 | 4;
  boxWidth: number;
  classWidth: number;
  classConvolution: BranchConvolution;
  classCount: number;
  regMax: number;
  activation: Activation;
}

/** Levels [B, Cᵢ, Hᵢ, Wᵢ] → [B, 4 · regMax + classCount, Hᵢ, Wᵢ]; box channels are side · regMax + bin. */
export class DetectionHead extends Head {
  readonly classCount: number;
  readonly boxes: Branch[];
  readonly classes: Branch[];

  constructor(levels: readonly number[], options: DetectOptions) {
    super();
    const { boxGroups, boxWidth, classWidth, classConvolution, classCount, regMax, activation } = options;
    this.classCount = classCount;
    this.boxes = levels.map((width) => new Branch(width, boxWidth, SIDES * regMax, { groups: boxGroups, activation }));
    this.classes = levels.map(
      (width) => new Branch(width, classWidth, classCount, { convolution: classConvolution, activation }),
    );
  }

  forward(...levels: Tensor[]): Tensor[] {
    return levels.map((x, i) => cat([this.boxes[i]!.forward(x), this.classes[i]!.forward(x)], 1));
  }

  level(index: number): readonly Module[] {
    return [this.boxes[index]!, this.classes[index]!];
  }

  initialiseBiases(strides: readonly number[]): void {
    const fill = (branch: Branch, value: number) => noGrad(() => branch.predict.bias!.fill_(value).dispose());
    for (const [i, stride] of strides.entries()) {
      const cells = (EXPECTED_IMAGE_SIZE / stride) ** 2;
      fill(this.boxes[i]!, INITIAL_BOX_BIAS);
      fill(this.classes[i]!, Math.log(EXPECTED_OBJECTS / this.classCount / cells));
    }
  }
}

/** Hidden width of the box branches for the channels of the finest level. */
export function boxWidth(finest: number, regMax: number, groups: number): number {
  return Math.ceil(Math.max(Math.floor(finest / 4), SMALLEST_BOX_WIDTH, regMax) / groups) * groups;
}

/** Hidden width of the class branches for the channels of the finest level. */
export function classWidth(finest: number, classCount: number): number {
  return Math.max(finest, Math.min(2 * classCount, LARGEST_CLASS_WIDTH_FROM_CLASSES));
}

const options = z.strictObject({
  boxWidth: channels.optional(),
  classWidth: channels.optional(),
  classConvolution: z.enum(BRANCH_CONVOLUTIONS).default("full"),
});

function definition(name: string, boxGroups: 1 | 4): HeadDefinition<typeof options> {
  return {
    name,
    inputs: "many",
    options,
    build: (inputs: readonly Feature[], own, { classCount, regMax, activation }: BlockContext) => {
      const finest = inputs[0]!.channels;
      return new DetectionHead(
        inputs.map((input) => input.channels),
        {
          boxGroups,
          boxWidth: own.boxWidth ?? boxWidth(finest, regMax, boxGroups),
          classWidth: own.classWidth ?? classWidth(finest, classCount),
          classConvolution: own.classConvolution,
          classCount,
          regMax,
          activation,
        },
      );
    },
  };
}

export const detectDefinitions = [definition("Detect", 1), definition("DecoupledDetect", SIDES)];
