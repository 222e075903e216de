/** How a schema of model files says that a number is too large. */
export function atMost(most: number): { error: (issue: { readonly input?: unknown }) => string } {
  return { error: ({ input }) => `is ${String(input)}, but may be at most ${most}` };
}
