/**
 * Distribution focal loss (Li et al. 2020): the distance to each side is learned as a distribution over whole cells, by cross-entropy
 * with the two bins next to the true distance. Decoding such a distribution into a distance is its expectation.
 */
import { arange } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";

/** Distances stay this far below the last bin, so that both of their neighbours exist. */
export const LAST_BIN_MARGIN = 0.01;

/**
 * The distribution over the two bins next to each distance.
 * @param distances [n] in cells; clamped to 0 … bins - 1.01
 * @returns [n, bins] rows that sum to 1 and whose expectation is the clamped distance
 */
export function twoBinDistribution(distances: Float32Array, bins: number): Float32Array {
  const distribution = new Float32Array(distances.length * bins);
  for (let i = 0; i < distances.length; i++) {
    const distance = Math.fround(Math.min(Math.max(distances[i]!, 0), bins - 1 - LAST_BIN_MARGIN));
    const left = Math.floor(distance);
    distribution[i * bins + left] = left + 1 - distance;
    distribution[i * bins + left + 1] = distance - left;
  }
  return distribution;
}

/**
 * Cross-entropy of each distribution, averaged over the four sides.
 * @param logProbabilities [n, 4, bins]
 * @param targets [n, 4, bins] from `twoBinDistribution`
 * @returns [n]
 */
export function distributionFocalLoss(logProbabilities: Tensor, targets: Tensor): Tensor {
  return logProbabilities
    .mul(targets)
    .sum([1, 2])
    .mul(-1 / 4);
}

/**
 * Expected distance of each distribution in cells.
 * @param probabilities [..., bins]
 * @returns [...]
 */
export function expectedDistance(probabilities: Tensor): Tensor {
  const { dtype, device, shape } = probabilities;
  return probabilities.matmul(arange(shape.at(-1)!, { dtype, device }));
}
