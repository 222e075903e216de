import { describe, expect, it } from "vitest";
import { CoreSplitMeter, splitCores } from "./core-split.js";

describe("splitCores", () => {
  it("leaves all cores to libtorch while the loader needs a fraction of one", () => {
    expect(splitCores(2, 2, 25)).toEqual({ workers: 1, threads: 2 });
  });

  it("gives whole cores to a loader that keeps them busy, and a reserve of threads", () => {
    expect(splitCores(16, 6, 2)).toEqual({ workers: 5, threads: 13 });
    expect(splitCores(2, 30, 25)).toEqual({ workers: 2, threads: 1 });
    expect(splitCores(4, 100, 1)).toEqual({ workers: 4, threads: 1 });
  });
});

describe("CoreSplitMeter", () => {
  it("chooses once, by the second half of the first epoch", () => {
    const meter = new CoreSplitMeter(2, 4);
    for (const slow of [400, 300]) expect(meter.record(slow, 1000, 8)).toBeUndefined();
    expect(meter.record(16, 80, 8)).toBeUndefined();
    expect(meter.record(8, 40, 4)).toEqual({ makingMs: 2, trainingMs: 10, workers: 1, threads: 2 });
    expect(meter.record(8, 40, 4)).toBeUndefined();
  });

  it("does not wait for the end of a long epoch", () => {
    const meter = new CoreSplitMeter(8, 7000);
    const chosen = Array.from({ length: 7000 }, () => meter.record(16, 160, 16)).findIndex(
      (each) => each !== undefined,
    );
    expect(chosen).toBe(99);
  });
});
