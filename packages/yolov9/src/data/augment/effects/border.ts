/** What lies beyond the border of a picture, for filters: its mirror image, the border pixel itself not repeated. */

/** @returns an index within 0 … count - 1 */
export function mirrored(index: number, count: number): number {
  if (index >= 0 && index < count) return index;
  if (count === 1) return 0;
  const period = 2 * (count - 1);
  const within = ((index % period) + period) % period;
  return within < count ? within : period - within;
}
