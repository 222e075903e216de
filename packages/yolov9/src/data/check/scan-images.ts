/** Looks at many image files in worker threads, each thread given its next image when it is done with the last. */

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

import { describeImageError } from "../image-files.js";
import { scanImage, type ScannedImage } from "./scan-image.js";
import type { ScanReply, ScanRequest } from "./scan-worker.js";

export interface ScanOptions {
  /** Whether images are decoded. */
  readonly pixels: boolean;
  /** Threads; 0 works in the calling one. Default: one a core, at most 8. */
  readonly workers?: number;
  /** Called after every image. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Compiled code, whether this file runs from src or dist. */
const WORKER_SCRIPT = new URL("../../../dist/data/check/scan-worker.js", import.meta.url);

const MOST_WORKERS = 8;

/**
 * @returns for each path what was seen, or why nothing could be
 * @throws Error when a thread dies
 */
export async function scanImages(
  paths: readonly string[],
  { pixels, workers = Math.min(availableParallelism(), MOST_WORKERS), onProgress }: ScanOptions,
): Promise<(ScannedImage | { readonly error: string })[]> {
  const results = new Array<ScannedImage | { readonly error: string }>(paths.length);
  if (workers === 0) {
    for (const [index, path] of paths.entries()) {
      results[index] = await scanImage(path, pixels).catch((error: unknown) => ({ error: describeImageError(error) }));
      onProgress?.(index + 1, paths.length);
    }
    return results;
  }
  let next = 0;
  let done = 0;
  const runThread = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(WORKER_SCRIPT, { execArgv: [] });
      const ask = () => {
        if (next >= paths.length) {
          void worker.terminate().then(() => resolve());
          return;
        }
        const index = next++;
        worker.postMessage({ index, path: paths[index]!, pixels } satisfies ScanRequest);
      };
      worker.on("message", (reply: ScanReply) => {
        results[reply.index] = "image" in reply ? reply.image : { error: reply.error };
        onProgress?.(++done, paths.length);
        ask();
      });
      worker.on("error", (error) => reject(error instanceof Error ? error : new Error(String(error))));
      ask();
    });
  const threads = Math.min(workers, paths.length);
  await Promise.all(Array.from({ length: threads }, runThread));
  return results;
}
