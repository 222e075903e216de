/** Source positions in whole numbers, as OpenCV has them: 1/1024 pixel, of which 5 bits of fraction become weights. */

const POSITION_BITS = 10;
export const POSITION_ONE = 1 << POSITION_BITS;
export const WEIGHT_BITS = 5;
export const WEIGHT_ONE = 1 << WEIGHT_BITS;
export const WEIGHT_MASK = WEIGHT_ONE - 1;
export const POSITION_TO_WEIGHT = POSITION_BITS - WEIGHT_BITS;
/** Half of 1/32 pixel, which makes the shift round. */
export const ROUND_POSITION = POSITION_ONE / WEIGHT_ONE / 2;
/** Weighted sums of four neighbours have so many bits of fraction. */
export const VALUE_BITS = 2 * WEIGHT_BITS;
export const ROUND_VALUE = 1 << (VALUE_BITS - 1);
