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

export interface BranchOptions {
  width: number;
  /** Of the second and last convolution. */
  groups: number;
  /** Whether the two 3×3 convolutions are depthwise separable. */
  depthwise: boolean;
  activation: Activation;
}

/** Two 3×3 convolutions and a 1×1 with bias: [B, in, H, W] → [B, out, H, W]. */
export class Branch extends Module {
  readonly first: Conv | DepthwiseConv;
  readonly second: Conv | DepthwiseConv;
  readonly predict: Conv2d;

  constructor(inChannels: number, outChannels: number, { width, groups, depthwise, activation }: BranchOptions) {
    super();
    this.first = depthwise
      ? new DepthwiseConv(inChannels, width, { activation })
      : new Conv(inChannels, width, { kernel: 3, activation });
    this.second = depthwise
      ? new DepthwiseConv(width, width, { activation })
      : new Conv(width, width, { kernel: 3, groups, activation });
    this.predict = new Conv2d(width, outChannels, 1, { groups, bias: true });
  }

  forward(x: Tensor): Tensor {
    return this.predict.forward(this.second.forward(this.first.forward(x)));
  }
}

export interface DetectOptions {
  /** Groups of the box branch's second and last convolution: 1, or 4 to decouple the sides. */
  boxGroups: 1 | 4;
  boxWidth: number;
  classWidth: number;
  classCount: number;
  regMax: number;
  activation: Activation;
  /** Whether there is a branch for how well a box fits an object of any class. */
  objectness: boolean;
  /** Whether the branches' 3×3 convolutions are depthwise separable. */
  depthwise: boolean;
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
    const { boxGroups, boxWidth, classWidth, classCount, regMax } = options;
    const branches = (outChannels: number, width: number, groups: number): Branch[] =>
      levels.map((inChannels) => new Branch(inChannels, outChannels, { ...options, width, groups }));
    this.classCount = classCount;
    this.boxes = branches(SIDES * regMax, boxWidth, boxGroups);
    this.classes = branches(classCount, classWidth, 1);
    this.objectness = options.objectness ? branches(1, boxWidth, 1) : [];
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
      return new DetectionHead(
        inputs.map((input) => input.channels),
        {
          ...context,
          boxGroups,
          boxWidth: own.boxWidth ?? share * boxWidth(finest, regMax, boxGroups),
          classWidth: own.classWidth ?? Math.ceil(share * classWidth(finest, classCount)),
          depthwise: own.light,
        },
      );
    },
  };
}

export const detectDefinitions = [definition("Detect", 1), definition("DecoupledDetect", SIDES)];
