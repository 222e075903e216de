/** Brightness of RGB as ITU-R BT.601 weighs it, in whole numbers. */

/** @returns 0 … 255 */
export function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16;
}
