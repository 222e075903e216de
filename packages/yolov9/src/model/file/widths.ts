/** How a model file's width multiple changes a number of channels; the same in both formats of model files. */

/** Scaled widths are rounded up to a multiple of this, as in the published models. */
const WIDTH_MULTIPLE = 8;

export function scaledWidth(channels: number, factor: number): number {
  return Math.ceil((channels * factor) / WIDTH_MULTIPLE) * WIDTH_MULTIPLE;
}
