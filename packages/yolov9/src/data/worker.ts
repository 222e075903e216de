/** The loader's thread: makes one batch a message, one after the other. Started by worker-pool.ts only. */

import { parentPort, workerData } from "node:worker_threads";

import { BatchMaker, type BatchJob, type BatchResult, type BatchSetup } from "./batch-maker.js";
import { messageOf } from "../error-message.js";

/** To the worker; "close" ends it once all earlier jobs are done. */
export type WorkerRequest = { readonly id: number; readonly job: BatchJob } | "close";

/** From the worker. */
export type WorkerReply = { readonly id: number } & ({ readonly result: BatchResult } | { readonly error: string });

const port = parentPort;
if (!port) throw new Error("worker.js runs only as a thread of the loader");

const maker = new BatchMaker(workerData as BatchSetup);
let queue = Promise.resolve();

port.on("message", (request: WorkerRequest) => {
  queue = queue.then(async () => {
    if (request === "close") port.close();
    else port.postMessage(await answer(request.id, request.job));
  });
});

async function answer(id: number, job: BatchJob): Promise<WorkerReply> {
  try {
    return { id, result: await maker.make(job) };
  } catch (error) {
    return { id, error: messageOf(error) };
  }
}
