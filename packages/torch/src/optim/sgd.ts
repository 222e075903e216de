// Stochastic gradient descent with Nesterov momentum and weight decay, clipping of the gradient and a moving average: two
// passes over memory a step, one for the gradient's norm and one for all the rest.
import { noGrad } from "../autograd.js";
import { callOperator } from "../dispatch.js";
import { usesOwnKernels } from "../nn/plain-kernels.js";
import type { Tensor } from "../tensor.js";
import { TensorList } from "../tensor-list.js";
import { followLists, type AverageUpdate } from "./moving-average.js";
import { StepLists } from "./step-lists.js";

export interface ParameterGroup {
  parameters: readonly Tensor[];
  lr: number;
  momentum: number;
  weightDecay: number;
  nesterov: boolean;
}

export interface StepOptions {
  /** L2 norm of all gradients together to which longer ones are scaled down. Default: none are. */
  readonly maxGradientNorm?: number;
  /** Averages to update once the parameters have moved. */
  readonly average?: AverageUpdate;
}

/** As in torch.nn.utils.clip_grad_norm_. */
const CLIPPING_EPSILON = 1e-6;

export class SGD {
  readonly groups: readonly ParameterGroup[];
  readonly #parameters: ReadonlySet<Tensor>;
  readonly #all: TensorList;
  /** Momentum buffer of each parameter, in its memory layout; all are made at the first step. */
  readonly #momenta = new Map<Tensor, Tensor>();
  /** On a GPU, gradients since `zeroGrad`. */
  readonly #sums = new Map<Tensor, Tensor>();
  #lists: { readonly key: readonly unknown[]; readonly step: StepLists; readonly sums: TensorList[] } | undefined;

  constructor(groups: readonly ParameterGroup[]) {
    this.groups = groups;
    this.#parameters = new Set(groups.flatMap(({ parameters }) => parameters));
    this.#all = new TensorList([...this.#parameters]);
  }

  /**
   * One update of every parameter that has a gradient; the formulas are torch.optim.SGD's. Gradients may be overwritten.
   * @returns the gradients' norm before clipping. When that is not finite, nothing was changed.
   */
  step(options: StepOptions = {}): number {
    if (this.#device !== "cpu") {
      using norm = this.stepOnDevice(options);
      return norm.item();
    }
    const { maxGradientNorm = Infinity, average } = options;
    const norm = callOperator("yolov9::gradient_norm", "", [this.#all, usesOwnKernels()]) as number;
    if (!Number.isFinite(norm)) return norm;
    const scale = Math.min(maxGradientNorm / (norm + CLIPPING_EPSILON), 1);
    const { step } = this.#listsFor(average, this.#parameters);
    this.groups.forEach(({ lr, momentum, weightDecay, nesterov }, i) => {
      const { parameters, momenta, averages } = step.groups[i]!;
      const settings = [scale, lr, momentum, weightDecay, nesterov, average?.decay ?? 0, usesOwnKernels()];
      callOperator("yolov9::sgd_step", "", [parameters, momenta, averages, ...settings]);
    });
    this.#follow(step, average);
    return norm;
  }

  /**
   * On a GPU, after a backward pass: moves gradients to sums of the optimiser's own, many at once, whose place in memory stays. A
   * parameter that never had a gradient is left alone by `step`.
   */
  collectGradients(): void {
    for (const parameter of this.#parameters) {
      if (this.#sums.has(parameter) || parameter.grad === undefined) continue;
      const sum = noGrad(() => parameter.zeros_like().keep());
      this.#sums.set(parameter, sum);
    }
    callOperator("yolov9::collect_gradients", "", [[...this.#sums.keys()], [...this.#sums.values()]]);
  }

  /**
   * `step` where the parameters are on a GPU, which is not waited for.
   * @returns [] the norm
   */
  stepOnDevice({ maxGradientNorm = Infinity, average }: StepOptions = {}): Tensor {
    this.collectGradients();
    const norm = callOperator("yolov9::gradient_norm_on_device", "", [[...this.#sums.values()]]) as Tensor;
    const { step, sums } = this.#listsFor(average, new Set(this.#sums.keys()));
    this.groups.forEach(({ lr, momentum, weightDecay, nesterov }, i) => {
      const { parameters, momenta, averages } = step.groups[i]!;
      const settings = [maxGradientNorm, CLIPPING_EPSILON, lr, momentum, weightDecay, nesterov, average?.decay ?? 0];
      callOperator("yolov9::sgd_step_on_device", "", [parameters, sums[i], momenta, averages, norm, ...settings]);
    });
    this.#follow(step, average);
    return norm;
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    callOperator("yolov9::clear_gradients", "", [this.#all]);
    if (this.#sums.size > 0) callOperator("aten::_foreach_zero_", "", [[...this.#sums.values()]]);
  }

  /** Momentum buffers as `group.index`, in a fixed order. */
  stateDict(): Map<string, Tensor> {
    return new Map(
      this.#named().flatMap(([name, parameter]) => {
        const momentum = this.#momenta.get(parameter);
        return momentum === undefined ? [] : [[name, momentum] as const];
      }),
    );
  }

  /** Takes over copies of momentum buffers saved by `stateDict`. @throws Error if a name is unknown */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    const byName = new Map(this.#named());
    for (const [name, momentum] of state) {
      const parameter = byName.get(name);
      if (parameter === undefined)
        throw new Error(`the optimiser has no parameter '${name}': the checkpoint belongs to another model`);
      noGrad(() => this.#momentumOf(parameter).copy_(momentum).dispose());
    }
  }

  dispose(): void {
    this.#forgetLists();
    this.#all.dispose();
    for (const buffers of [this.#momenta, this.#sums]) {
      for (const buffer of buffers.values()) buffer.dispose();
      buffers.clear();
    }
  }

  get #device(): string {
    const [first] = this.#parameters;
    return first?.device ?? "cpu";
  }

  /** Lists of a step that moves some of the parameters: those of the step before, where it moved as many and the averages are the same. */
  #listsFor(average: AverageUpdate | undefined, moved: ReadonlySet<Tensor>) {
    const key = [average?.averages, moved.size];
    if (this.#lists?.key.every((value, i) => value === key[i]) === true) return this.#lists;
    this.#forgetLists();
    const groups = this.groups.map(({ parameters }) => parameters.filter((parameter) => moved.has(parameter)));
    const step = new StepLists(groups, (parameter) => this.#momentumOf(parameter), average?.averages);
    const sums = groups.map((parameters) => new TensorList(parameters.map((parameter) => this.#sums.get(parameter))));
    return (this.#lists = { key, step, sums });
  }

  #forgetLists(): void {
    this.#lists?.step.dispose();
    for (const list of this.#lists?.sums ?? []) list.dispose();
    this.#lists = undefined;
  }

  /** The averages of what the optimiser does not move, such as running statistics. */
  #follow({ followers }: StepLists, average: AverageUpdate | undefined): void {
    if (followers !== undefined && average !== undefined)
      followLists(followers.averages, followers.sources, average.decay);
  }

  /** A fresh buffer is zero: zero · momentum + gradient is the gradient, which PyTorch's first step starts from. */
  #momentumOf(parameter: Tensor): Tensor {
    const known = this.#momenta.get(parameter);
    if (known !== undefined) return known;
    const fresh = noGrad(() => parameter.zeros_like().keep());
    this.#momenta.set(parameter, fresh);
    return fresh;
  }

  #named(): [string, Tensor][] {
    return this.groups.flatMap((group, groupIndex) =>
      group.parameters.map((parameter, index) => [`${groupIndex}.${index}`, parameter] as [string, Tensor]),
    );
  }
}
