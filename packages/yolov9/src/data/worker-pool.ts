/**
 * Who makes batches: the calling thread or a pool of worker threads, behind one interface. The pool gives a job to the least busy thread and
 * keeps the process alive only while jobs are underway.
 */

import { Worker } from "node:worker_threads";

import { BatchMaker, type BatchJob, type BatchResult, type BatchSetup } from "./batch-maker.js";
import type { WorkerReply, WorkerRequest } from "./worker.js";

export interface BatchExecutor {
  run(job: BatchJob): Promise<BatchResult>;
  /** Changes the number of threads; jobs underway are finished where they are. */
  resize(count: number): void;
  /** Ends after the jobs underway. */
  close(): Promise<void>;
}

/** Makes batches in the calling thread, one after the other. */
export class InProcessExecutor implements BatchExecutor {
  readonly #maker: BatchMaker;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(setup: BatchSetup) {
    this.#maker = new BatchMaker(setup);
  }

  run(job: BatchJob): Promise<BatchResult> {
    const result = this.#queue.then(() => this.#maker.make(job));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  resize(): void {
    // The calling thread is one.
  }

  async close(): Promise<void> {
    await this.#queue;
  }
}

interface Waiting {
  readonly resolve: (result: BatchResult) => void;
  readonly reject: (error: Error) => void;
}

/** Compiled code, whether this file runs from src or dist. */
const WORKER_SCRIPT = new URL("../../dist/data/worker.js", import.meta.url);

class WorkerThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exit: Promise<void>;
  #nextId = 0;
  #failure: Error | undefined;
  #closing = false;

  constructor(setup: BatchSetup) {
    this.#worker = new Worker(WORKER_SCRIPT, { workerData: setup, execArgv: [] });
    this.#worker.unref();
    this.#worker.on("message", (reply: WorkerReply) => this.#settle(reply));
    this.#worker.on("error", (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#exit = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#fail(new Error(`a data loading thread ended with code ${code}`));
        resolve();
      });
    });
  }

  get load(): number {
    return this.#waiting.size;
  }

  run(job: BatchJob): Promise<BatchResult> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#post({ id, job });
    });
  }

  async close(): Promise<void> {
    if (this.#failure) return;
    // From here on the process waits for the thread, whatever jobs it still answers.
    this.#closing = true;
    this.#worker.ref();
    this.#post("close");
    await this.#exit;
  }

  #post(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }

  #settle(reply: WorkerReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0 && !this.#closing) this.#worker.unref();
    if ("result" in reply) waiting?.resolve(reply.result);
    else waiting?.reject(new Error(reply.error));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

export class WorkerPool implements BatchExecutor {
  readonly #setup: BatchSetup;
  readonly #threads: WorkerThread[] = [];
  readonly #ending: Promise<void>[] = [];

  constructor(setup: BatchSetup, count: number) {
    this.#setup = setup;
    this.resize(count);
  }

  resize(count: number): void {
    while (this.#threads.length < count) this.#threads.push(new WorkerThread(this.#setup));
    for (const thread of this.#threads.splice(count)) this.#ending.push(thread.close());
  }

  run(job: BatchJob): Promise<BatchResult> {
    const [first, ...others] = this.#threads;
    return others.reduce((least, thread) => (thread.load < least.load ? thread : least), first!).run(job);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ending, ...this.#threads.map((thread) => thread.close())]);
  }
}
