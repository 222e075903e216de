// Functions with a backward pass of their own, written in TypeScript: for those who know more than autograd does, such as
// how to compute an input again from an output instead of keeping it. On the CPU only.
import { isGradEnabled, noGrad } from "./autograd.js";
import { bridge, type TensorHandle } from "./native.js";
import { scope } from "./scope.js";
import { Tensor } from "./tensor.js";

export interface CustomFunction {
  /** What the result depends on; tensors that nothing is differentiated by may be among them. */
  readonly inputs: readonly Tensor[];
  /**
   * Computes the outputs, new tensors, without recording for backward.
   * @returns also what backward needs, which is kept until then
   */
  forward(): { readonly outputs: readonly Tensor[]; readonly saved: readonly Tensor[] };
  /**
   * Gradients of the inputs from those of the outputs. It may itself call `backward` (within `enableGrad`) to let
   * gradients flow into parameters that are not among the inputs.
   * @param gradients undefined for an output that nothing was computed from
   * @returns new tensors, which are taken over; undefined for an input without gradient
   */
  backward(saved: readonly Tensor[], gradients: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[];
}

interface Pending {
  readonly saved: readonly Tensor[];
  readonly backward: CustomFunction["backward"];
}

/** Functions whose backward is still to come, by the number of their node. */
const pending = new Map<number, Pending>();
let lastId = 0;
let handlerIsSet = false;

/**
 * Applies a function, and records its own backward where gradients are wanted. Backward runs once: `retainGraph` has no
 * effect on what it saved.
 * @returns the outputs
 */
export function customFunction(definition: CustomFunction): Tensor[] {
  forgetReleased();
  const recording = isGradEnabled();
  const { outputs, saved } = noGrad(() =>
    scope(() => {
      const computed = definition.forward();
      return { outputs: [...computed.outputs], saved: recording ? computed.saved.map((each) => each.detach()) : [] };
    }),
  );
  if (!recording) return outputs;
  if (!handlerIsSet) {
    bridge.setBackwardHandler(runBackward);
    handlerIsSet = true;
  }
  for (const each of saved) each.keep();
  const id = ++lastId;
  pending.set(id, { saved, backward: (kept, gradients) => definition.backward(kept, gradients) });
  bridge.attachBackward(
    id,
    definition.inputs.map(({ handle }) => handle),
    outputs.map(({ handle }) => handle),
  );
  return outputs;
}

function runBackward(id: number, handles: readonly (TensorHandle | null)[]): readonly (TensorHandle | null)[] {
  const entry = pending.get(id);
  if (entry === undefined) throw new Error("a custom function was differentiated a second time; what it saved is gone");
  try {
    return scope(() => {
      const gradients = handles.map((handle) => (handle === null ? undefined : new Tensor(handle)));
      return [...entry.backward(entry.saved, gradients)];
    }).map((gradient) => gradient?.handle ?? null);
  } finally {
    forget(id);
  }
}

function forget(id: number): void {
  for (const tensor of pending.get(id)?.saved ?? []) tensor.dispose();
  pending.delete(id);
}

function forgetReleased(): void {
  for (const id of bridge.releasedBackwards()) forget(id);
}
