/** The Detector at work in a page or worker, as a test asks for it. */
import { Detector, type Detection } from "@yolov9/runtime";
import type { Job, JobResult } from "./job.js";

export async function runJob({ model, load = {}, pictures, detect = {}, as = ["address"] }: Job): Promise<JobResult> {
  const started = countWorkers();
  const detector = await Detector.load(model, load);
  const found: Detection[][] = [];
  for (const picture of pictures) {
    for (const way of as) found.push(await detector.detect(await pictureAs(picture, way), detect));
  }
  await detector.dispose();
  return { isolated: crossOriginIsolated, threadWorkers: started(), found };
}

async function pictureAs(address: string, as: string): Promise<string | Blob | Uint8Array | ImageBitmap> {
  if (as === "address") return address;
  const blob = await (await fetch(address)).blob();
  if (as === "blob") return blob;
  return as === "bytes" ? new Uint8Array(await blob.arrayBuffer()) : createImageBitmap(blob);
}

/** @returns how many workers were started since */
function countWorkers(): () => number {
  let count = 0;
  globalThis.Worker = class extends Worker {
    constructor(address: string | URL, options?: WorkerOptions) {
      super(address, options);
      count++;
    }
  };
  return () => count;
}
