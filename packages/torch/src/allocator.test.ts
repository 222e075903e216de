import { execFileSync } from "node:child_process";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { emptyCache, allocatorStatistics, randn, resetPeakMemory, scope, zeros } from "./index.js";

const statistics = () => allocatorStatistics()!;
const MEGABYTE = 250_000; // elements of float32
const built = new URL("../dist/index.js", import.meta.url).href;

// YOLOV9_ALLOCATOR=system, with which memory is searched for errors, has none of this.
describe.runIf(allocatorStatistics() !== undefined)("the allocator", () => {
  it("counts what tensors use, and serves later ones from what earlier ones left", () => {
    const before = statistics();
    scope(() => {
      zeros([MEGABYTE]);
      expect(statistics().bytesInUse - before.bytesInUse).toBeGreaterThanOrEqual(1e6);
      expect(statistics().bytesInUse - before.bytesInUse).toBeLessThan(1.1e6);
    });
    expect(statistics().bytesInUse).toBe(before.bytesInUse);
    const warm = statistics();
    for (let i = 0; i < 10; i++) scope(() => zeros([MEGABYTE]).dispose());
    const { allocations, fromCache, fromSystem, bytesHeld } = statistics();
    expect(allocations).toBe(fromCache + fromSystem);
    expect(fromCache - warm.fromCache).toBe(10);
    expect({ fromSystem, bytesHeld }).toEqual({ fromSystem: warm.fromSystem, bytesHeld: warm.bytesHeld });
  });

  it("gives free memory back when asked, and counts peaks anew", () => {
    scope(() => void zeros([20 * MEGABYTE]));
    expect(statistics().bytesHeld - statistics().bytesInUse).toBeGreaterThan(20e6);
    emptyCache();
    resetPeakMemory();
    const { bytesInUse, bytesHeld, peakBytesInUse, peakBytesHeld } = statistics();
    expect(bytesHeld - bytesInUse).toBeLessThan(1e6);
    expect({ peakBytesInUse, peakBytesHeld }).toEqual({ peakBytesInUse: bytesInUse, peakBytesHeld: bytesHeld });
  });

  it("holds no more than a quarter above the peak, whatever sizes come", () => {
    emptyCache();
    resetPeakMemory();
    for (let i = 0; i < 300; i++) {
      scope(() => {
        const side = 64 + ((i * 37) % 29) * 8;
        const images = randn([2, 3, side, side]);
        for (let level = 0; level < 4; level++) images.add(level).mul(2);
      });
      expect(statistics().bytesHeld).toBeLessThanOrEqual(1.25 * statistics().peakBytesInUse);
    }
  });

  it("names what was asked for when there is not enough", () => {
    expect(() => zeros([1e13])).toThrow(/out of memory: a tensor of 40000000 MB .* while tensors use \d+ MB/);
  });

  it("serves several threads at once", async () => {
    const body = `
      const { parentPort } = require("node:worker_threads");
      import(${JSON.stringify(built)}).then(({ scope, full }) => {
        let wrong = 0;
        for (let i = 0; i < 2000; i++) scope(() => {
          const tensors = [1, 30, 900, 27000].map((count) => full([count * (1 + (i % 7))], i));
          for (const one of tensors) if (one.min().item() !== i || one.max().item() !== i) wrong++;
        });
        parentPort.postMessage(wrong);
      });`;
    const wrong = Array.from({ length: 3 }, () => {
      const worker = new Worker(body, { eval: true });
      return new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject));
    });
    expect(await Promise.all(wrong)).toEqual([0, 0, 0]);
  });

  it("leaves tensors to the system's allocator where it is told to", () => {
    const run = (allocator: string) =>
      execFileSync(
        process.execPath,
        ["--input-type=module", "-e", `console.log((await import("${built}")).allocatorStatistics())`],
        { encoding: "utf8", env: { ...process.env, YOLOV9_ALLOCATOR: allocator }, stdio: "pipe" },
      );
    expect(run("system")).toBe("undefined\n");
    expect(() => run("none")).toThrow('YOLOV9_ALLOCATOR must be "caching" or "system", not "none"');
  });
});
