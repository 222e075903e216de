// Whether operators record what backward needs.
import { bridge } from "./native.js";
import type { Tensor } from "./tensor.js";

/** Runs a function without recording for backward. */
export function noGrad<T>(body: () => T): T {
  return withGradMode(false, body);
}

/** Runs a function with recording, also inside `noGrad`. */
export function enableGrad<T>(body: () => T): T {
  return withGradMode(true, body);
}

export function isGradEnabled(): boolean {
  return bridge.isGradEnabled();
}

/** The same values as the start of a graph of their own. */
export function leaf(tensor: Tensor): Tensor {
  const start = tensor.detach();
  start.requiresGrad = true;
  return start;
}

function withGradMode<T>(enabled: boolean, body: () => T): T {
  const before = bridge.setGradEnabled(enabled);
  try {
    return body();
  } finally {
    bridge.setGradEnabled(before);
  }
}
