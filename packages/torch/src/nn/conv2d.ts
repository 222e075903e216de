// Two-dimensional convolution with its weights.
import { isGradEnabled, noGrad } from "../autograd.js";
import { callOperator } from "../dispatch.js";
import { conv2d, empty } from "../operators.generated.js";
import type { Tensor } from "../tensor.js";
import { activate, activationCodes, type Activation } from "./activation.js";
import { Module, parameter } from "./module.js";
import { usesOwnKernels } from "./plain-kernels.js";
import { checkWholeNumber } from "./whole-number.js";
import { placement } from "./shapes-only.js";

export interface Conv2dOptions {
  stride?: number;
  /** Default: none. */
  padding?: number;
  dilation?: number;
  groups?: number;
  bias?: boolean;
}

export class Conv2d extends Module {
  /** [outChannels, inChannels / groups, kernel, kernel] */
  weight: Tensor;
  /** [outChannels] */
  bias: Tensor | undefined;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly kernel: number;

  /**
   * Weights are uniform in ±1/√fanIn, which is what PyTorch's kaiming_uniform(a = √5) comes to; so is the bias.
   * @throws RangeError unless numbers are whole and make a convolution
   */
  constructor(inChannels: number, outChannels: number, kernel: number, options: Conv2dOptions = {}) {
    super();
    this.kernel = kernel;
    this.stride = options.stride ?? 1;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.groups = options.groups ?? 1;
    const { stride, dilation, groups } = this;
    for (const [name, number] of Object.entries({ inChannels, outChannels, kernel, stride, dilation, groups })) {
      checkWholeNumber(`Conv2d: ${name}`, number, 1);
    }
    checkWholeNumber("Conv2d: padding", this.padding, 0);
    if (inChannels % this.groups !== 0 || outChannels % this.groups !== 0) {
      throw new RangeError(
        `a convolution from ${inChannels} to ${outChannels} channels cannot have ${this.groups} groups`,
      );
    }
    const fanIn = (inChannels / this.groups) * kernel * kernel;
    const bound = 1 / Math.sqrt(fanIn);
    const uniform = (shape: number[]) => parameter(noGrad(() => filled(shape, bound)));
    this.weight = uniform([outChannels, inChannels / this.groups, kernel, kernel]);
    this.bias = options.bias === true ? uniform([outChannels]) : undefined;
  }

  /**
   * Weights of another precision are converted to the input's: float32 master weights serve a bfloat16 pass, and their
   * gradients arrive in float32.
   * @param input [B, inChannels, H, W]
   * @param activation applied to the result; where nothing is differentiated, as part of the convolution itself
   * @returns in channels-last memory on a CPU
   */
  forward(input: Tensor, activation: Activation = "none"): Tensor {
    const { weight, bias, stride, padding, dilation, groups } = this;
    if (usesOwnKernels()) {
      const operands = [input, weight, bias ?? null, stride, padding, dilation, groups, activationCodes[activation]];
      return callOperator("yolov9::convolution", "", operands) as Tensor;
    }
    const { dtype } = input;
    const like = (tensor: Tensor): Tensor => (tensor.dtype === dtype ? tensor : tensor.to({ dtype }));
    return activate(conv2d(input, like(weight), bias && like(bias), stride, padding, dilation, groups), activation);
  }

  /**
   * The convolution of the input, and the input for whatever else uses it: the gradients of both uses are then added where the
   * convolution's own is made, not afterwards.
   * @param input [B, inChannels, H, W]
   */
  pass(input: Tensor): [output: Tensor, input: Tensor] {
    if (!usesOwnKernels() || !isGradEnabled()) return [this.forward(input), input];
    const { weight, bias, stride, padding, dilation, groups } = this;
    const operands = [input, weight, bias ?? null, stride, padding, dilation, groups];
    return callOperator("yolov9::convolution_passing", "", operands) as [Tensor, Tensor];
  }
}

function filled(shape: number[], bound: number): Tensor {
  const place = placement();
  const values = empty(shape, place);
  if (place.device === undefined) values.uniform_(-bound, bound).dispose();
  return values;
}
