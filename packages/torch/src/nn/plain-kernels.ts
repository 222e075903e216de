// The choice between this package's own kernels and libtorch's separate operators.

let ownKernels = true;

/** Whether modules use this package's own kernels, which they do but within `withPlainKernels`. */
export function usesOwnKernels(): boolean {
  return ownKernels;
}

/**
 * Runs a function in which everything is done by libtorch's separate operators, for checking this package's kernels and timing
 * them: results differ by the rounding of float32 only.
 */
export function withPlainKernels<T>(body: () => T): T {
  const before = ownKernels;
  ownKernels = false;
  try {
    return body();
  } finally {
    ownKernels = before;
  }
}
