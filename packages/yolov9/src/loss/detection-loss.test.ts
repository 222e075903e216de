import { memory, scope, SGD, tensor } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { DetectionLoss } from "./detection-loss.js";
import type { Targets } from "./targets.js";

const SIZE = 64;
const STRIDES = [8, 16, 32];
const CLASSES = 3;
const CHANNELS = 64 + CLASSES;
const shape = { classCount: CLASSES, strides: STRIDES, regMax: 16 };

/** Raw levels with values between -1 and 1 that depend on the seed. */
function levels(batch: number, seed: number, dtype: "float32" | "float64" = "float32"): Tensor[] {
  return STRIDES.map((stride, level) => {
    const cells = SIZE / stride;
    const values = Float64Array.from({ length: batch * CHANNELS * cells ** 2 }, (_, i) =>
      Math.sin(i * 1.7 + seed + level * 31),
    );
    return tensor(values, { shape: [batch, CHANNELS, cells, cells], dtype, requiresGrad: true });
  });
}

function targets(imageCount: number, ...rows: number[][]): Targets {
  return { rows: Float32Array.from(rows.flat()), imageCount, width: SIZE, height: SIZE };
}

const SOME = [
  [0, 1, 0.5, 0.5, 0.4, 0.5],
  [0, 2, 0.45, 0.5, 0.5, 0.4],
  [1, 0, 0.3, 0.6, 0.3, 0.3],
];

describe("DetectionLoss", () => {
  it("is the cross-entropy of an all-background batch when there are no objects", () => {
    const loss = new DetectionLoss(shape);
    scope(() => {
      const lead = levels(2, 1);
      const { total, items } = loss.compute({ lead, auxiliaries: [] }, targets(2));
      let expected = 0;
      for (const level of lead) {
        const classes = level.detach().slice(1, 64).contiguous().toArray();
        for (const logit of classes) expected += Math.log1p(Math.exp(Number(logit)));
      }
      expect(items.cls).toBeCloseTo(0.5 * expected, 2);
      expect(items.box).toBe(0);
      expect(items.dfl).toBe(0);
      expect(total.item()).toBeCloseTo(expected, 1);
      total.backward();
      expect(lead.every((level) => level.grad !== undefined)).toBe(true);
    });
  });

  it("is the sum of its items times the batch", () => {
    scope(() => {
      const { total, items } = new DetectionLoss(shape).compute(
        { lead: levels(2, 1), auxiliaries: [levels(2, 5)] },
        targets(2, ...SOME),
      );
      expect(items.box).toBeGreaterThan(0);
      expect(items.dfl).toBeGreaterThan(0);
      expect(total.item()).toBeCloseTo(2 * (items.box + items.cls + items.dfl), 3);
    });
  });

  it("adds a quarter of the auxiliary head's own loss", () => {
    scope(() => {
      const loss = new DetectionLoss(shape);
      const alone = (head: Tensor[]) => loss.compute({ lead: head, auxiliaries: [] }, targets(2, ...SOME)).total.item();
      const [lead, auxiliary] = [levels(2, 1), levels(2, 5)];
      const both = loss.compute({ lead, auxiliaries: [auxiliary] }, targets(2, ...SOME)).total.item();
      expect(both).toBeCloseTo(alone(lead) + 0.25 * alone(auxiliary), 2);
    });
  });

  it("scales each term by its gain", () => {
    scope(() => {
      const of = (box: number, cls: number, dfl: number) =>
        new DetectionLoss({ ...shape, gains: { box, cls, dfl } }).compute(
          { lead: levels(2, 1), auxiliaries: [] },
          targets(2, ...SOME),
        ).items;
      const one = of(1, 1, 1);
      const other = of(2, 3, 4);
      expect(other.box).toBeCloseTo(2 * one.box, 4);
      expect(other.cls).toBeCloseTo(3 * one.cls, 3);
      expect(other.dfl).toBeCloseTo(4 * one.dfl, 4);
    });
  });

  it("has the gradient of finite differences where the assignment stays", () => {
    // No aspect weight and no assignment depends on the class logits of anchors without an object, nor DFL on its own bins.
    const loss = new DetectionLoss({ ...shape, gains: { box: 0, cls: 1, dfl: 1 } });
    const only = targets(1, SOME[0]!);
    scope(() => {
      const lead = levels(1, 3);
      loss.compute({ lead, auxiliaries: [] }, only).total.backward();
      const gradient = lead[0]!.grad!.toArray();
      const values = Float32Array.from(lead[0]!.detach().toArray(), Number);
      const value = (i: number, by: number) => {
        const moved = tensor(values.with(i, values[i]! + by), { shape: lead[0]!.shape });
        return loss
          .compute({ lead: [moved, lead[1]!.detach(), lead[2]!.detach()], auxiliaries: [] }, only)
          .total.item();
      };
      for (const cell of [0, 7, 60]) {
        const i = 65 * 64 + cell; // class 1 of an anchor in a corner
        expect(gradient[i]).toBeCloseTo((value(i, 0.05) - value(i, -0.05)) / 0.1, 2);
      }
    });
  });

  it("falls to almost nothing when raw outputs are trained directly", () => {
    const loss = new DetectionLoss(shape);
    const lead = levels(2, 1);
    const optimizer = new SGD([{ parameters: lead, lr: 0.2, momentum: 0.9, weightDecay: 0, nesterov: true }]);
    const items = Array.from({ length: 150 }, () =>
      scope(() => {
        const result = loss.compute({ lead, auxiliaries: [] }, targets(2, ...SOME));
        result.total.backward();
        optimizer.step();
        optimizer.zeroGrad();
        return result.items;
      }),
    );
    expect(items.at(-1)!.box).toBeLessThan(0.1 * items[0]!.box);
    expect(items.at(-1)!.cls).toBeLessThan(0.1 * items[0]!.cls);
    optimizer.dispose();
    for (const level of lead) level.dispose();
  });

  it("learns nothing about boxes from an object between all anchor centres", () => {
    scope(() => {
      const { items } = new DetectionLoss(shape).compute(
        { lead: levels(1, 1), auxiliaries: [] },
        targets(1, [0, 0, 6 / 64, 6 / 64, 2 / 64, 2 / 64]),
      );
      expect(items.box).toBe(0);
      expect(items.cls).toBeGreaterThan(0);
    });
  });

  it("refuses targets that the model cannot have", () => {
    const compute = (...row: number[]) =>
      scope(() => new DetectionLoss(shape).compute({ lead: levels(1, 1), auxiliaries: [] }, targets(1, row)));
    expect(() => compute(0, 3, 0.5, 0.5, 0.1, 0.1)).toThrow(
      "targets row 0: class 3, but the model has 3 classes (0..2)",
    );
    expect(() => compute(1, 0, 0.5, 0.5, 0.1, 0.1)).toThrow("targets row 0: image 1, but the batch has 1 images");
  });

  it("leaves no tensor behind but the total", () => {
    const loss = new DetectionLoss(shape);
    const lead = levels(2, 1);
    const before = memory().undisposedTensors;
    const { total } = loss.compute({ lead, auxiliaries: [] }, targets(2, ...SOME));
    expect(memory().undisposedTensors).toBe(before + 1);
    total.dispose();
    for (const level of lead) level.dispose();
  });
});
