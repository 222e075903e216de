/** Images of a data set to calibrate with, letterboxed as the model will see them. */
import { evaluationLoader } from "../validate/validate.js";
import type { Sample } from "../data/sample.js";
import type { CalibrationImage } from "./calibrate.js";

const BYTE_RANGE = 255;

/**
 * @param samples so many of them are taken, spread evenly
 * @param imageSize side of the square input in pixels
 */
export async function* calibrationImages(
  samples: readonly Sample[],
  count: number,
  imageSize: number,
): AsyncGenerator<CalibrationImage> {
  const step = Math.max(samples.length / count, 1);
  const chosen = Array.from({ length: Math.min(count, samples.length) }, (_, i) => samples[Math.floor(i * step)]!);
  const loader = evaluationLoader(chosen, { imageSize, batchSize: 1 });
  try {
    for await (const { images, height, width } of loader.batches(0)) {
      yield { pixels: Float32Array.from(images, (level) => level / BYTE_RANGE), height, width };
    }
  } finally {
    await loader.close();
  }
}
