// Modules without values: inside `shapesOnly`, modules put their tensors on libtorch's "meta" device, which knows shapes and types
// but holds no memory. For sizes, names and drawings of models; such a module cannot compute.

let device: string | undefined;

/**
 * Runs `make`, in which every Conv2d and BatchNorm2d gets tensors without values. Building the largest model takes milliseconds
 * this way and no memory.
 * @param make synchronous
 */
export function shapesOnly<T>(make: () => T): T {
  const outer = device;
  device = "meta";
  try {
    return make();
  } finally {
    device = outer;
  }
}

/** Where a module that is being constructed puts its tensors, as options of the operators that create them. */
export function placement(): { device?: string } {
  return device === undefined ? {} : { device };
}
