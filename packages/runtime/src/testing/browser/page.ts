/** The page of the browser tests: runs jobs itself, or in a worker. */
import type { Job, JobResult } from "./job.js";
import { runJob } from "./run-job.js";

function runInWorker(job: Job): Promise<JobResult> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<{ result: JobResult } | { error: string }>) => {
      worker.terminate();
      if ("result" in data) resolve(data.result);
      else reject(new Error(data.error));
    };
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(job);
  });
}

Object.assign(globalThis, { runJob: { page: runJob, worker: runInWorker } });
