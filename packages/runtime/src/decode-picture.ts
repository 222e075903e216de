/**
 * Image files to RGB pixels, through sharp. On its own, so that those who only decode (the workers that load training images) need not
 * load ONNX Runtime.
 */
import { rgbFromPixels, type RgbImage } from "@yolov9/vision";
import sharp from "sharp";

/**
 * Pixels of a picture: EXIF orientation applied, alpha dropped, grey, CMYK and 16 bits converted, colour profile ignored, as the published
 * models were trained and measured.
 * @param source path or bytes of an image file
 * @throws Error with the decoder's words when it is missing, truncated or no image
 */
export async function decodePicture(source: string | Uint8Array): Promise<RgbImage> {
  const { data, info } = await sharp(source, { failOn: "error", ignoreIcc: true })
    .autoOrient()
    .toColourspace("srgb")
    .removeAlpha()
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return rgbFromPixels({ data, width: info.width, height: info.height, channels: info.channels });
}
