/**
 * Image files to RGB pixels, through sharp: orientation applied, alpha dropped, grey, CMYK and 16-bit pictures converted. Colour profiles
 * are ignored, as the published models' training did. One thread a picture: the loader decodes many at a time.
 */

import { rgbFromPixels, type RgbImage } from "@yolov9/vision";
import sharp from "sharp";

sharp.cache(false);
sharp.concurrency(1);

/** @throws Error with the decoder's words when the file is missing, truncated or no image */
export async function decodeImage(path: string): Promise<RgbImage> {
  const { data, info } = await sharp(path, { failOn: "error", ignoreIcc: true })
    .autoOrient()
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return rgbFromPixels({ data, width: info.width, height: info.height, channels: info.channels });
}
