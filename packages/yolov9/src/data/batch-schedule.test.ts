import { describe, expect, it } from "vitest";

import { BatchSchedule, type ScheduleOptions } from "./batch-schedule.js";

const options: ScheduleOptions = {
  imageSize: 640,
  batchSize: 4,
  seed: 3,
  shuffle: true,
  dropLast: false,
  rect: false,
  multiScale: 0,
};
/** Wide, square and tall pictures in turn. */
const sizes = Array.from({ length: 22 }, (_, i) => [{ width: 640, height: 320 + i }, { width: 500, height: 500 }, { width: 300 + i, height: 600 }][i % 3]!); // prettier-ignore
const visited = (schedule: BatchSchedule, epoch: number) =>
  schedule.epoch(epoch).flatMap(({ indices }) => [...indices]);

describe("the schedule of batches", () => {
  it("visits every sample once an epoch, in an order of the epoch's own", () => {
    const schedule = new BatchSchedule(sizes, options);
    expect(schedule.length).toBe(6);
    expect(visited(schedule, 0).sort((a, b) => a - b)).toEqual(sizes.map((_, i) => i));
    expect(visited(schedule, 1)).not.toEqual(visited(schedule, 0));
    expect(visited(new BatchSchedule(sizes, { ...options, dropLast: true }), 0)).toHaveLength(20);
  });

  it("gives each batch a size within the range in steps of 32, and uses the whole range", () => {
    const schedule = new BatchSchedule(sizes, { ...options, multiScale: 0.5 });
    const sides = new Set<number>();
    for (let epoch = 0; epoch < 60; epoch++) {
      for (const { shape } of schedule.epoch(epoch)) {
        expect(shape.nominal).toEqual({ width: 640, height: 640 });
        expect(shape.output.width).toBe(shape.output.height);
        sides.add(shape.output.width);
      }
    }
    expect([...sides].sort((a, b) => a - b)).toEqual(Array.from({ length: 21 }, (_, i) => 320 + 32 * i));
    expect(schedule.mostPixels).toBe(960 * 960);
    expect(schedule.epoch(7)).toEqual(new BatchSchedule(sizes, { ...options, multiScale: 0.5 }).epoch(7));
  });

  it("makes rectangles that hold every picture of their batch and no more than they need", () => {
    const schedule = new BatchSchedule(sizes, { ...options, rect: true });
    const batches = schedule.epoch(0);
    expect(batches.flatMap(({ indices }) => [...indices]).sort((a, b) => a - b)).toEqual(sizes.map((_, i) => i));
    for (const { indices, shape } of batches) {
      const { width, height } = shape.output;
      expect([width % 32, height % 32, Math.max(width, height)]).toEqual([0, 0, 640]);
      const fitted = Array.from(indices, (i) => {
        const scale = 640 / Math.max(sizes[i]!.width, sizes[i]!.height);
        return [sizes[i]!.width * scale, sizes[i]!.height * scale] as const;
      });
      const [widest, highest] = [Math.max(...fitted.map(([w]) => w)), Math.max(...fitted.map(([, h]) => h))];
      expect(width - widest).toBeGreaterThanOrEqual(0);
      expect(width - widest).toBeLessThan(32);
      expect(height - highest).toBeGreaterThanOrEqual(0);
      expect(height - highest).toBeLessThan(32);
    }
    // Shuffled are the batches, not what is in them.
    const shapes = (epoch: number) => schedule.epoch(epoch).map(({ indices }) => [...indices].join());
    expect(shapes(1)).not.toEqual(shapes(0));
    expect(shapes(1).sort()).toEqual(shapes(0).sort());
  });
});
