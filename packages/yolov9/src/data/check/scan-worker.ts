/** The thread of a scan: looks at one image a message. Started by scan-images.ts only. */

import { parentPort } from "node:worker_threads";

import sharp from "sharp";

import { describeImageError } from "../image-files.js";
import { scanImage, type ScannedImage } from "./scan-image.js";

export interface ScanRequest {
  readonly index: number;
  readonly path: string;
  readonly pixels: boolean;
}

export type ScanReply = { readonly index: number } & ({ readonly image: ScannedImage } | { readonly error: string });

const port = parentPort;
if (!port) throw new Error("scan-worker.js runs only as a thread of a scan");

// Every image is seen once, so nothing is worth keeping, and images go side by side rather than one by several threads.
sharp.cache(false);
sharp.concurrency(1);

port.on("message", (request: ScanRequest) => {
  const { index, path, pixels } = request;
  scanImage(path, pixels).then(
    (image) => port.postMessage({ index, image } satisfies ScanReply),
    (error: unknown) => port.postMessage({ index, error: describeImageError(error) } satisfies ScanReply),
  );
});
