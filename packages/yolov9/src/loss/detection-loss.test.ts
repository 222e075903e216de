import { cat, memory, scope, SGD, tensor } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { DetectionLoss, type DetectionLossOptions } from "./detection-loss.js";
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

  describe("guidance", () => {
    const heads = () => ({ lead: levels(2, 1), auxiliaries: [levels(2, 5), levels(2, 9)] });

    /** How many anchors of a head learn boxes: those whose box channels get a gradient. */
    function assignedAnchors(head: readonly Tensor[]): number {
      let count = 0;
      for (const level of head) {
        const [batch, , height, width] = level.shape;
        const gradient = level
          .grad!.slice(1, 0, 64)
          .abs()
          .sum([1])
          .reshape([batch! * height! * width!])
          .toArray();
        count += [...gradient].filter((value) => Number(value) > 0).length;
      }
      return count;
    }

    function assigned(options: Partial<DetectionLossOptions>): { lead: number; auxiliaries: number[] } {
      return scope(() => {
        const outputs = heads();
        new DetectionLoss({ ...shape, ...options }).compute(outputs, targets(2, ...SOME)).total.backward();
        return { lead: assignedAnchors(outputs.lead), auxiliaries: outputs.auxiliaries.map(assignedAnchors) };
      });
    }

    it("by the lead head gives the auxiliary heads what they would get if they predicted the same", () => {
      scope(() => {
        const { lead } = heads();
        const copy = lead.map((level) => level.detach());
        const alone = new DetectionLoss(shape).compute({ lead, auxiliaries: [copy] }, targets(2, ...SOME));
        const guided = new DetectionLoss({ ...shape, guidance: "lead" });
        expect(guided.compute({ lead, auxiliaries: [copy] }, targets(2, ...SOME)).items).toEqual(alone.items);
        // A head with predictions of its own is judged on the lead's anchors instead.
        const other = levels(2, 5);
        const items = (loss: DetectionLoss) => loss.compute({ lead, auxiliaries: [other] }, targets(2, ...SOME)).items;
        expect(items(guided).box).not.toBeCloseTo(items(new DetectionLoss(shape)).box, 2);
      });
    });

    it("by the lead head stays finite for a batch without objects", () => {
      scope(() => {
        const { total } = new DetectionLoss({ ...shape, guidance: "lead" }).compute(heads(), targets(2));
        expect(Number.isFinite(total.item())).toBe(true);
      });
    });

    it("coarse to fine gives each object one anchor of the fine head and many of the others", () => {
      const many = assigned({});
      const { lead, auxiliaries } = assigned({ guidance: "coarse-to-fine", coarseHead: 1 });
      expect(lead).toBeLessThanOrEqual(SOME.length);
      expect(lead).toBeGreaterThan(0);
      expect(auxiliaries).toEqual([many.auxiliaries[1], many.auxiliaries[1]]);
      expect(many.lead).toBeGreaterThan(SOME.length);
    });

    it("coarse to fine needs a coarse head", () => {
      const loss = new DetectionLoss({ ...shape, guidance: "coarse-to-fine" });
      expect(() => scope(() => loss.compute(heads(), targets(2, ...SOME)))).toThrow(/same features as the lead head/);
    });
  });

  it("takes an auxiliary weight that changes in a straight line over the training", () => {
    const loss = new DetectionLoss({ ...shape, auxiliaryWeight: { start: 0.5, end: 0.1 } });
    const at = (fraction: number): number => {
      loss.progress = fraction;
      return loss.auxiliaryWeight;
    };
    expect([at(0), at(0.5), at(1)].map((weight) => weight.toFixed(6))).toEqual(["0.500000", "0.300000", "0.100000"]);
  });

  describe("objectness", () => {
    const withObjectness = { ...shape, objectness: true };

    function outputs(): Tensor[] {
      return levels(2, 1).map((level) => {
        const [batch, , height, width] = level.shape;
        const quality = tensor(new Float32Array(batch! * height! * width!).fill(-2), {
          shape: [batch!, 1, height!, width!],
        });
        return cat([level.detach(), quality], 1);
      });
    }

    it("is trained on every anchor, the classes on assigned anchors only", () => {
      scope(() => {
        const lead = outputs();
        for (const level of lead) level.requiresGrad = true;
        new DetectionLoss(withObjectness).compute({ lead, auxiliaries: [] }, targets(2, ...SOME)).total.backward();
        const zeros = (from: number, to: number): number =>
          [...lead[0]!.grad!.slice(1, from, to).contiguous().toArray()].filter((value) => Number(value) === 0).length;
        expect(zeros(CHANNELS, CHANNELS + 1)).toBe(0);
        expect(zeros(64, CHANNELS)).toBeGreaterThan(100);
      });
    });

    it("is the cross-entropy of background in a batch without objects", () => {
      scope(() => {
        const { items } = new DetectionLoss(withObjectness).compute({ lead: outputs(), auxiliaries: [] }, targets(2));
        const anchors = 2 * STRIDES.reduce((sum, stride) => sum + (SIZE / stride) ** 2, 0);
        expect(items.cls).toBeCloseTo(0.5 * anchors * Math.log1p(Math.exp(-2)), 3);
      });
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

  it("leaves no tensor behind but the total and its terms", () => {
    const loss = new DetectionLoss(shape);
    const lead = levels(2, 1);
    const before = memory().undisposedTensors;
    const { total, terms } = loss.compute({ lead, auxiliaries: [] }, targets(2, ...SOME));
    expect(memory().undisposedTensors).toBe(before + 2);
    total.dispose();
    terms.dispose();
    for (const level of lead) level.dispose();
  });
});
