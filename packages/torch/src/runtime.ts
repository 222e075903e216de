// The state of libtorch as a whole: threads, random generators, devices and what is alive.
import { availableParallelism } from "node:os";
import { bridge, type Capabilities, type MemoryStatistics, type OperatorTime } from "./native.js";
import { Tensor } from "./tensor.js";

// libtorch as Debian ships it starts with one thread; OMP_NUM_THREADS, where set, keeps its usual meaning.
const wantedThreads = Number(process.env.OMP_NUM_THREADS);
bridge.setThreads(Number.isInteger(wantedThreads) && wantedThreads > 0 ? wantedThreads : availableParallelism());

/** Threads that one operator may use; all cores unless changed. */
export function setNumThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1) throw new RangeError(`threads must be a positive integer, got ${count}`);
  bridge.setThreads(count);
}

export function getNumThreads(): number {
  return bridge.threads();
}

/** Seeds the generators of all devices. */
export function manualSeed(seed: number): void {
  bridge.manualSeed(seed);
}

/** State of the CPU generator, for checkpoints. */
export function generatorState(): Tensor {
  return new Tensor(bridge.generatorState());
}

export function setGeneratorState(state: Tensor): void {
  bridge.setGeneratorState(state.handle);
}

/** What JavaScript holds at this moment. */
export function memory(): MemoryStatistics & {
  /** Tensors that nobody disposed of, collected or not: a count that does not depend on when garbage goes. */
  undisposedTensors: number;
} {
  const statistics = bridge.memory();
  return { ...statistics, undisposedTensors: statistics.liveTensors + statistics.collectedTensors };
}

/** What this libtorch was built with. */
export function capabilities(): Capabilities {
  return bridge.capabilities();
}

/**
 * Times every kind of operator, and of node in a backward pass, while `body` runs.
 * @returns the kinds, those that took longest first
 */
export function profile(body: () => void): OperatorTime[] {
  bridge.startProfile();
  let times: OperatorTime[] = [];
  try {
    body();
  } finally {
    times = bridge.stopProfile();
  }
  return times.sort((a, b) => b.milliseconds - a.milliseconds);
}

/**
 * The device to work on.
 * @param wanted "auto" (a CUDA device if there is one), "cpu", "cuda", "cuda:N", or "N" for the same
 * @throws Error if a CUDA device is wanted and this libtorch or machine has none
 */
export function resolveDevice(wanted: string): string {
  const { cuda, version } = bridge.capabilities();
  if (wanted === "auto") return cuda ? "cuda:0" : "cpu";
  if (wanted === "cpu") return "cpu";
  if (!/^(cuda(:\d+)?|\d+)$/.test(wanted))
    throw new Error(`unknown device '${wanted}' (known: auto, cpu, cuda, cuda:0, cuda:1, …, or 0, 1, …)`);
  if (!cuda)
    throw new Error(
      `device '${wanted}' is not available: libtorch ${version} here has no CUDA or finds no GPU; use cpu or auto`,
    );
  if (wanted === "cuda") return "cuda:0";
  return wanted.startsWith("cuda:") ? wanted : `cuda:${wanted}`;
}
