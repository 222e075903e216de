// The caching allocator of tensors on the CPU: freed memory is kept and given to later tensors, which the system would otherwise
// have to clear anew. What is kept stays within a quarter of the most that was in use. `memory()` counts what JavaScript holds;
// this is all that libtorch holds.
import { bridge, type AllocatorStatistics } from "./native.js";

/** `YOLOV9_ALLOCATOR`: "caching", the default, or "system", for tools that look for errors in the use of memory. */
const wanted = process.env.YOLOV9_ALLOCATOR ?? "caching";
if (wanted !== "caching" && wanted !== "system") {
  throw new Error(`YOLOV9_ALLOCATOR must be "caching" or "system", not "${wanted}"`);
}
if (wanted === "caching") bridge.useCachingAllocator();

/** What tensors on the CPU use now and used at most; undefined where the system's allocator serves them. */
export function allocatorStatistics(): AllocatorStatistics | undefined {
  return wanted === "caching" ? bridge.allocatorStatistics() : undefined;
}

/** Lets peaks count from what is in use and held now; what was needed before no longer says how much may be kept. */
export function resetPeakMemory(): void {
  bridge.resetPeakMemory();
}

/** Gives the memory of no tensor back to the system. */
export function emptyCache(): void {
  bridge.emptyCache();
}
