/** Compression artefacts: the image is encoded as JPEG of low quality and decoded again. */

import sharp from "sharp";

import type { Random } from "../random.js";
import type { EffectImage, PlannedEffect } from "./effect.js";

const QUALITY = [10, 75] as const;

export function drawJpeg(random: Random): PlannedEffect {
  const quality = Math.round(random.uniform(...QUALITY));
  return { name: "jpeg", settings: { quality }, apply: (image) => jpeg(image, quality) };
}

export async function jpeg({ data, width, height }: EffectImage, quality: number): Promise<void> {
  const file = await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality })
    .toBuffer();
  data.set(await sharp(file).raw().toBuffer());
}
