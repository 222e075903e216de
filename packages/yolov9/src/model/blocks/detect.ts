/**
 * Anchor-free detection heads: for every level a box branch (a distribution over `regMax` bins for each of the four sides) and a
 * class branch, and on wish an objectness branch. `DecoupledDetect` computes the four sides in separate convolution groups
 * ("DDetect"), `Detect` together.
 * Decoding the raw outputs into boxes is the model's part, because export and loss do it too.
 */
import { Conv2d, Module, cat, noGrad, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { DepthwiseConv } from "./depthwise-conv.js";
import { countConvolution } from "./budget.js";
import { channels } from "./options.js";
import { Head, type BlockContext, type Feature, type HeadDefinition } from "./registry.js";

/** Sides of a box, in the channel order left, top, right, bottom. */
export const SIDES = 4;
const SMALLEST_BOX_WIDTH = 64;
const LARGEST_CLASS_WIDTH_FROM_CLASSES = 128;
const INITIAL_BOX_BIAS = 1;
/** An untrained model expects this many objects of any class in an image of this side length in pixels. */
const EXPECTED_OBJECTS = 5;
const EXPECTED_IMAGE_SIZE = 640;

/** Two 3×3 convolutions and a 1×1 with bias: [B, in, H, W] → [B, out, H, W]. */
export class Branch extends Module {
  readonly first: Conv | DepthwiseConv;
  readonly second: Conv | DepthwiseConv;
  readonly predict: Conv2d;

  constructor(inChannels: number, width: number, outChannels: number, options: BranchOptions) {
    super();
    const { groups = 1, convolution = "full", activation } = options;
    const conv = (input: number, convGroups: number): Conv | DepthwiseConv =>
      convolution === "full"
        ? new Conv(input, width, { kernel: 3, groups: convGroups, activation })
        : new DepthwiseConv(input, width, { activation });
    this.first = conv(inChannels, 1);
    this.second = conv(width, groups);
    countConvolution(width, outChannels, 1, groups);
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
  /** Of the box branch and, where there is one, the objectness branch. Default full. */
  boxConvolution?: BranchConvolution;
  boxWidth: number;
  classConvolution: BranchConvolution;
  classWidth: number;
  classCount: number;
  regMax: number;
  activation: Activation;
  /** Whether there is a branch for how well a box fits an object of any class. Default false. */
  objectness?: boolean;
}

/**
 * Levels [B, Cᵢ, Hᵢ, Wᵢ] → [B, 4 · regMax + classCount, Hᵢ, Wᵢ], with objectness one channel more at the end; box channels are
 * side · regMax + bin.
 */
export class DetectionHead extends Head {
  readonly classCount: number;
  readonly boxes: Branch[];
  readonly classes: Branch[];
  /** Empty without objectness. */
  readonly objectness: Branch[];

  constructor(levels: readonly number[], options: DetectOptions) {
    super();
    const {
      boxGroups,
      boxConvolution = "full",
      boxWidth,
      classConvolution,
      classWidth,
      classCount,
      regMax,
      activation,
    } = options;
    const branches = (width: number, outChannels: number, own: Omit<BranchOptions, "activation">): Branch[] =>
      levels.map((inChannels) => new Branch(inChannels, width, outChannels, { ...own, activation }));
    this.classCount = classCount;
    this.boxes = branches(boxWidth, SIDES * regMax, { groups: boxGroups, convolution: boxConvolution });
    this.classes = branches(classWidth, classCount, { convolution: classConvolution });
    this.objectness = options.objectness === true ? branches(boxWidth, 1, { convolution: boxConvolution }) : [];
  }

  forward(...levels: Tensor[]): Tensor[] {
    return levels.map((x, i) =>
      cat(
        this.level(i).map((branch) => branch.forward(x)),
        1,
      ),
    );
  }

  /** The branches of one level in the order of their channels. */
  level(index: number): readonly Branch[] {
    return [this.boxes[index]!, this.classes[index]!, ...this.objectness.slice(index, index + 1)];
  }

  initialiseBiases(strides: readonly number[]): void {
    const fill = (branch: Branch, value: number) => noGrad(() => branch.predict.bias!.fill_(value).dispose());
    for (const [i, stride] of strides.entries()) {
      const cells = (EXPECTED_IMAGE_SIZE / stride) ** 2;
      fill(this.boxes[i]!, INITIAL_BOX_BIAS);
      const rare = Math.log(EXPECTED_OBJECTS / cells);
      if (this.objectness.length === 0) fill(this.classes[i]!, rare - Math.log(this.classCount));
      else {
        // With objectness, that is what says how rare objects are; a class is then one among all.
        fill(this.objectness[i]!, rare);
        fill(this.classes[i]!, -Math.log(this.classCount));
      }
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

/** The widths of a light head as a share of an ordinary one's. */
const LIGHT_SHARE = 0.5;

const options = z.strictObject({
  boxWidth: channels.optional(),
  classWidth: channels.optional(),
  classConvolution: z.enum(BRANCH_CONVOLUTIONS).optional(),
  light: z.boolean().default(false),
});

function definition(name: string, boxGroups: 1 | 4): HeadDefinition<typeof options> {
  return {
    name,
    inputs: "many",
    options,
    build: (inputs: readonly Feature[], own, context: BlockContext) => {
      const { classCount, regMax } = context;
      const finest = inputs[0]!.channels;
      const share = own.light ? LIGHT_SHARE : 1;
      const convolution = own.light ? "depthwise" : "full";
      return new DetectionHead(
        inputs.map((input) => input.channels),
        {
          ...context,
          boxGroups,
          boxConvolution: convolution,
          boxWidth: own.boxWidth ?? share * boxWidth(finest, regMax, boxGroups),
          classConvolution: own.classConvolution ?? convolution,
          classWidth: own.classWidth ?? Math.ceil(share * classWidth(finest, classCount)),
        },
      );
    },
  };
}

export const detectDefinitions = [definition("Detect", 1), definition("DecoupledDetect", SIDES)];
