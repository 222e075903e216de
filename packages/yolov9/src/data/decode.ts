/**
 * The decoder of the loaders: the runtime's, so that training and detection see the same pixels, with one thread a picture and no cache,
 * because many pictures are decoded at a time.
 */
import sharp from "sharp";

export { decodePicture as decodeImage, openPicture, type PictureLimits } from "@yolov9/runtime/decode-picture";

sharp.cache(false);
sharp.concurrency(1);
