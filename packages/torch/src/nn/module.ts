// Module: a named tree of parameters and buffers, with training mode. Names come from the objects themselves: the
// properties of a module that hold tensors with a role, modules or arrays of modules, in the order of their definition.
import type { DType, MemoryFormat } from "../dtype.js";
import { noGrad } from "../autograd.js";
import { scope } from "../scope.js";
import { Tensor } from "../tensor.js";

/** Marks a tensor as trained; it leaves the scopes and lives as long as its module. */
export function parameter(tensor: Tensor): Tensor {
  tensor.role = "parameter";
  tensor.requiresGrad = true;
  return tensor.keep();
}

/** Marks a tensor as state that is saved but not trained. */
export function buffer(tensor: Tensor): Tensor {
  tensor.role = "buffer";
  return tensor.keep();
}

export abstract class Module {
  training = true;

  /** Sets training (or evaluation) mode here and below. */
  train(mode = true): this {
    for (const [, module] of this.modules()) module.training = mode;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** The modules directly below, with their names; items of an array are named `array.0`, `array.1`, … */
  children(): [string, Module][] {
    return this.#members().filter((entry): entry is [string, Module] => entry[1] instanceof Module);
  }

  /** This module (named "") and all below it, depth first. */
  modules(prefix = ""): [string, Module][] {
    const below = this.children().flatMap(([name, child]) => child.modules(join(prefix, name)));
    return [[prefix, this], ...below];
  }

  parameters(): [string, Tensor][] {
    return this.#tensors().filter(([, tensor]) => tensor.role === "parameter");
  }

  /** Parameters and buffers of this very module, without those of the modules below. */
  ownTensors(): [string, Tensor][] {
    return this.#members().filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor);
  }

  buffers(): [string, Tensor][] {
    return this.#tensors().filter(([, tensor]) => tensor.role === "buffer");
  }

  /** Parameters and buffers by path, in the order of definition, depth first. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.#tensors());
  }

  /**
   * Copies values in by path.
   * @throws Error with the list of missing, unexpected and wrongly shaped tensors; nothing is copied then
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    const own = this.stateDict();
    const problems = [
      ...[...own.keys()].filter((name) => !state.has(name)).map((name) => `missing: ${name}`),
      ...[...state.keys()].filter((name) => !own.has(name)).map((name) => `unexpected: ${name}`),
      ...[...own].flatMap(([name, tensor]) => {
        const given = state.get(name);
        if (given === undefined || given.shape.join() === tensor.shape.join()) return [];
        return [`wrong shape: ${name} is [${given.shape.join(", ")}], the model has [${tensor.shape.join(", ")}]`];
      }),
    ];
    if (problems.length > 0) throw new Error(`the weights do not fit the model:\n  ${summarise(problems)}`);
    noGrad(() => scope(() => own.forEach((tensor, name) => void tensor.copy_(state.get(name)!))));
  }

  /** Moves or converts parameters and floating-point buffers, in place. */
  to(target: { dtype?: DType; device?: string; memoryFormat?: MemoryFormat }): this {
    for (const [, module] of this.modules()) module.#convert(target);
    return this;
  }

  /** Frees all parameters and buffers. The module cannot be used afterwards. */
  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }

  #convert(target: { dtype?: DType; device?: string; memoryFormat?: MemoryFormat }): void {
    for (const [name, member] of Object.entries(this)) {
      if (!(member instanceof Tensor) || member.role === undefined) continue;
      const isFloating = /float/.test(member.dtype);
      const options = {
        ...(isFloating && target.dtype ? { dtype: target.dtype } : {}),
        ...(target.device ? { device: target.device } : {}),
        ...(member.ndim === 4 && target.memoryFormat ? { memoryFormat: target.memoryFormat } : {}),
      };
      const moved = noGrad(() => scope(() => member.to(options).detach()));
      const converted = member.role === "parameter" ? parameter(moved) : buffer(moved);
      converted.requiresGrad = member.requiresGrad;
      member.dispose();
      Object.assign(this, { [name]: converted });
    }
  }

  #members(): [string, Module | Tensor][] {
    return Object.entries(this).flatMap(([name, member]: [string, unknown]): [string, Module | Tensor][] => {
      if (member instanceof Module) return [[name, member]];
      if (member instanceof Tensor) return member.role === undefined ? [] : [[name, member]];
      if (!Array.isArray(member)) return [];
      return member.flatMap((item: unknown, index): [string, Module][] =>
        item instanceof Module ? [[`${name}.${index}`, item]] : [],
      );
    });
  }

  #tensors(): [string, Tensor][] {
    return this.#members().flatMap(([name, member]): [string, Tensor][] => {
      if (member instanceof Tensor) return [[name, member]];
      return member.#tensors().map(([path, tensor]): [string, Tensor] => [join(name, path), tensor]);
    });
  }
}

function join(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}

function summarise(problems: readonly string[]): string {
  const shown = problems.slice(0, 20);
  const rest = problems.length - shown.length;
  return [...shown, ...(rest > 0 ? [`… and ${rest} more`] : [])].join("\n  ");
}
