/** The worker of the browser tests: runs one job. */
import type { Job } from "./job.js";
import { runJob } from "./run-job.js";

onmessage = ({ data }: MessageEvent<Job>) => {
  runJob(data).then(
    (result) => postMessage({ result }),
    (error: unknown) => postMessage({ error: String(error) }),
  );
};
