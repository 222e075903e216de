// Explicit lifetimes: every tensor made inside a scope is freed when it closes, except what the scope gives back.
// Scopes are synchronous; a promise would outlive the tensors that it works on.
import { bridge } from "./native.js";
import type { Tensor } from "./tensor.js";

/** The open scopes, innermost last. */
const open: Scope[] = [];

/** Gives a tensor to the innermost scope; without one, the garbage collector is its net. */
export function registerInScope(tensor: Tensor): void {
  adopt(open.at(-1), tensor);
}

function adopt(owner: Scope | undefined, tensor: Tensor): void {
  if (owner === undefined) bridge.watchMemory(tensor.handle);
  else owner.add(tensor);
}

/** A lifetime that ends with `using`, `dispose()` or, for `scope(…)`, the end of the function. */
export class Scope implements Disposable {
  readonly #parent = open.at(-1);
  readonly #tensors = new Set<Tensor>();

  constructor() {
    open.push(this);
  }

  add(tensor: Tensor): void {
    this.#tensors.add(tensor);
  }

  /** Moves a tensor to the scope outside this one. */
  keep<T extends Tensor>(tensor: T): T {
    if (this.#tensors.delete(tensor)) adopt(this.#parent, tensor);
    return tensor;
  }

  /** Takes a tensor out of every scope: from now on its owner disposes of it. */
  release(tensor: Tensor): void {
    if (!this.#tensors.delete(tensor)) this.#parent?.release(tensor);
  }

  /** Frees what is still inside. @throws Error if a scope opened later is still open */
  dispose(): void {
    if (!open.includes(this)) return;
    if (open.at(-1) !== this) throw new Error("scopes must be closed in the reverse order of their opening");
    open.pop();
    for (const tensor of this.#tensors) tensor.dispose();
    this.#tensors.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Lets a tensor outlive all scopes that are open now. */
export function releaseFromScopes(tensor: Tensor): void {
  open.at(-1)?.release(tensor);
}

/**
 * Runs a function and frees every tensor made meanwhile, except those reachable from its result (a Tensor, or arrays,
 * maps and plain objects of such), which the enclosing scope takes over.
 * @throws TypeError if the function returns a promise
 */
export function scope<T>(body: () => T): T {
  const opened = new Scope();
  try {
    const result = body();
    if (result instanceof Promise)
      throw new TypeError("scope() is synchronous: its function must not return a promise");
    keepReachable(opened, result);
    return result;
  } finally {
    opened.dispose();
  }
}

function keepReachable(from: Scope, value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  if (isTensor(value)) from.keep(value);
  else if (Array.isArray(value)) for (const item of value) keepReachable(from, item);
  else if (value instanceof Map) for (const item of value.values()) keepReachable(from, item);
  else if (Object.getPrototypeOf(value) === Object.prototype)
    for (const item of Object.values(value)) keepReachable(from, item);
}

function isTensor(value: object): value is Tensor {
  return "handle" in value && "isDisposed" in value;
}
