// Stochastic gradient descent with Nesterov momentum and weight decay, many tensors a call.
import { noGrad } from "../autograd.js";
import { callOperator } from "../dispatch.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";

export interface ParameterGroup {
  parameters: readonly Tensor[];
  lr: number;
  momentum: number;
  weightDecay: number;
  nesterov: boolean;
}

export class SGD {
  readonly groups: readonly ParameterGroup[];
  /** Momentum buffer of each parameter, made at its first step. */
  readonly #momenta = new Map<Tensor, Tensor>();

  constructor(groups: readonly ParameterGroup[]) {
    this.groups = groups;
  }

  /** One update of every parameter that has a gradient; the formulas are torch.optim.SGD's. Gradients are overwritten. */
  step(): void {
    noGrad(() => scope(() => this.groups.forEach((group) => this.#update(group))));
  }

  zeroGrad(): void {
    for (const { parameters } of this.groups) for (const parameter of parameters) parameter.clearGrad();
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
      this.#momenta.get(parameter)?.dispose();
      this.#momenta.set(parameter, momentum.clone().keep());
    }
  }

  dispose(): void {
    for (const momentum of this.#momenta.values()) momentum.dispose();
    this.#momenta.clear();
  }

  #update({ parameters, lr, momentum, weightDecay, nesterov }: ParameterGroup): void {
    const updated: Tensor[] = [];
    const gradients: Tensor[] = [];
    for (const parameter of parameters) {
      const gradient = parameter.grad;
      if (gradient === undefined) continue;
      updated.push(parameter);
      gradients.push(gradient);
    }
    if (updated.length === 0) return;
    if (weightDecay !== 0) foreachAdd(gradients, updated, weightDecay);
    foreachAdd(updated, momentum === 0 ? gradients : this.#directions(updated, gradients, momentum, nesterov), -lr);
  }

  /** Momentum v ← momentum · v + g; the step goes along v or, with Nesterov, along g + momentum · v. */
  #directions(parameters: readonly Tensor[], gradients: readonly Tensor[], momentum: number, nesterov: boolean) {
    const momenta = this.#momentaOf(parameters);
    callOperator("aten::_foreach_mul_", "Scalar", [momenta, momentum]);
    foreachAdd(momenta, gradients, 1);
    if (!nesterov) return momenta;
    foreachAdd(gradients, momenta, momentum);
    return gradients;
  }

  /** A fresh buffer is zero: zero · momentum + gradient is the gradient, which PyTorch's first step starts from. */
  #momentaOf(parameters: readonly Tensor[]): Tensor[] {
    return parameters.map((parameter) => {
      const known = this.#momenta.get(parameter);
      if (known !== undefined) return known;
      const fresh = parameter.zeros_like().keep();
      this.#momenta.set(parameter, fresh);
      return fresh;
    });
  }

  #named(): [string, Tensor][] {
    return this.groups.flatMap((group, groupIndex) =>
      group.parameters.map((parameter, index) => [`${groupIndex}.${index}`, parameter] as [string, Tensor]),
    );
  }
}

function foreachAdd(targets: readonly Tensor[], others: readonly Tensor[], alpha: number): void {
  callOperator("aten::_foreach_add_", "List", [targets, others, alpha]);
}
