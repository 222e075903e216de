import { scope, tensor } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { denseRows, denseTargets, DENSE_COLUMNS, roomForObjects } from "./dense-targets.js";
import { DetectionLoss, type DetectionLossOptions, type DetectionOutputs } from "./detection-loss.js";
import type { Targets } from "./targets.js";

const SIZE = 96;
const STRIDES = [8, 16, 32];
const CLASSES = 3;
const shape = { classCount: CLASSES, strides: STRIDES, regMax: 16 };

/** A generator of numbers 0 … 1 that depend on the seed. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}

function levels(batch: number, random: () => number, channels: number): Tensor[] {
  return STRIDES.map((stride) => {
    const cells = SIZE / stride;
    const values = Float32Array.from({ length: batch * channels * cells ** 2 }, () => 4 * random() - 2);
    return tensor(values, { shape: [batch, channels, cells, cells], requiresGrad: true });
  });
}

/** Boxes of all sizes, many of them over one another, so that objects compete for anchors. */
function crowd(batch: number, objects: number, random: () => number): Targets {
  const rows = Array.from({ length: batch * objects }, (_, i) => [
    Math.floor(i / objects),
    Math.floor(CLASSES * random()),
    0.2 + 0.6 * random(),
    0.2 + 0.6 * random(),
    0.02 + 0.5 * random() ** 2,
    0.02 + 0.5 * random() ** 2,
  ]);
  return { rows: Float32Array.from(rows.flat()), imageCount: batch, width: SIZE, height: SIZE };
}

function gradients(outputs: DetectionOutputs): number[] {
  return [...outputs.lead, ...outputs.auxiliaries.flat()].flatMap((level) => {
    const gradient = Array.from(level.grad!.toArray(), Number);
    level.clearGrad();
    return gradient;
  });
}

/** Loss and gradients of both ways of computing. */
function both(options: DetectionLossOptions, outputs: DetectionOutputs, targets: Targets) {
  const loss = new DetectionLoss(options);
  const byList = loss.compute(outputs, targets);
  byList.total.backward();
  const listed = { items: byList.items, gradients: gradients(outputs) };
  const dense = loss.computeDense(outputs, denseTargets(targets, CLASSES, "cpu"));
  dense.total.backward();
  return { listed, dense: { items: dense.items, gradients: gradients(outputs) } };
}

function expectEqual({ listed, dense }: ReturnType<typeof both>): void {
  for (const term of ["box", "cls", "dfl"] as const) expect(dense.items[term] / listed.items[term]).toBeCloseTo(1, 5);
  const largest = Math.max(...listed.gradients.map(Math.abs));
  const difference = Math.max(...listed.gradients.map((value, i) => Math.abs(value - dense.gradients[i]!)));
  expect(difference / largest).toBeLessThan(1e-4);
}

describe("the dense loss", () => {
  const variants: [string, Partial<DetectionLossOptions>][] = [
    ["as it is", {}],
    ["lead-guided", { guidance: "lead" }],
    ["coarse to fine", { guidance: "coarse-to-fine", coarseHead: 0 }],
    ["other exponents and claims", { assigner: { topk: 13, alpha: 1, beta: 4 } }],
    ["with objectness", { objectness: true }],
  ];
  it.each(variants)("is that by lists, with the same gradients: %s", (_, options) => {
    const random = numbers(11);
    const channels = 64 + CLASSES + (options.objectness === true ? 1 : 0);
    for (const objects of [1, 7, 40]) {
      scope(() => {
        const outputs = { lead: levels(3, random, channels), auxiliaries: [levels(3, random, channels)] };
        expectEqual(both({ ...shape, ...options }, outputs, crowd(3, objects, random)));
      });
    }
  });

  it("learns background where there are no objects", () => {
    scope(() => {
      const outputs = { lead: levels(2, numbers(3), 64 + CLASSES), auxiliaries: [] };
      const none = { rows: new Float32Array(0), imageCount: 2, width: SIZE, height: SIZE };
      const { listed, dense } = both(shape, outputs, none);
      expect(dense.items.cls / listed.items.cls).toBeCloseTo(1, 6);
      expect([dense.items.box, dense.items.dfl]).toEqual([0, 0]);
      expect(dense.gradients.every(Number.isFinite)).toBe(true);
    });
  });

  it("takes images with different numbers of objects", () => {
    scope(() => {
      const random = numbers(5);
      const outputs = { lead: levels(3, random, 64 + CLASSES), auxiliaries: [] };
      const { rows, ...rest } = crowd(3, 9, random);
      const uneven = { ...rest, rows: rows.slice(0, 6 * 14) };
      expectEqual(both(shape, outputs, uneven));
    });
  });
});

describe("dense targets", () => {
  const targets: Targets = {
    rows: Float32Array.of(1, 2, 0.5, 0.5, 0.5, 0.25),
    imageCount: 2,
    width: 64,
    height: 32,
  };

  it("have rows of zeros where an image has fewer objects", () => {
    const rows = denseRows(targets, CLASSES, 2);
    expect([...rows]).toEqual([...new Array<number>(2 * DENSE_COLUMNS).fill(0), 2, 16, 12, 48, 20, 0, 0, 0, 0, 0]);
  });

  it("leave room for a power of two of objects", () => {
    expect(roomForObjects(targets)).toBe(8);
    const nine = Float32Array.from({ length: 9 * 6 }, (_, i) => (i % 6 === 0 ? 1 : 0));
    expect(roomForObjects({ ...targets, rows: nine })).toBe(16);
  });
});
