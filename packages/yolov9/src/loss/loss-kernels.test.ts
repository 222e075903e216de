import { describe, expect, it } from "vitest";
import {
  boxLossSums,
  crossEntropySum,
  hasLossKernels,
  manualSeed,
  randn,
  scope,
  tensor,
  type Tensor,
} from "@yolov9/torch";
import { headLoss, type HeadLoss } from "./head-loss.js";
import type { Foreground } from "./foreground.js";
import type { FlatPredictions } from "./predictions.js";
import { AnchorGrid } from "./anchor-grid.js";

const REG_MAX = 16;
const CLASSES = 5;
const ANCHORS = 40;

/** Anchors of which some learn boxes around them, apart from them, and beyond the last bin. */
function foreground(rows: readonly number[]): Foreground {
  const boxes = rows.flatMap((row) => {
    const x = (row % 8) + 0.5;
    const y = Math.floor(row / 8) + 0.5;
    const size = 1 + (row % 5) * 4;
    return [x - size * 0.7, y - size * 0.4, x + size, y + size * 0.9].map((side) => side + (row % 3 === 0 ? 2 : 0));
  });
  return {
    rows: new Int32Array(rows),
    classes: new Int32Array(rows.map((row) => row % CLASSES)),
    scores: new Float64Array(rows.map((row) => 0.2 + 0.02 * row)),
    anchors: new Float32Array(
      rows.flatMap((row) => [0, 1, 0, 1].map((axis) => (axis === 0 ? row % 8 : Math.floor(row / 8)) + 0.5)),
    ),
    boxes: new Float32Array(boxes),
  };
}

/** Terms of a head's loss and gradients of its boxes and classes, with other weights for the terms. */
function lossAndGradients(dtype: "float32" | "float64", learning: Foreground, spread: number): number[][] {
  return scope(() => {
    manualSeed(8);
    const leaf = (...shape: number[]): Tensor => {
      const values = randn(shape).mul(spread).to({ dtype }).detach();
      values.requiresGrad = true;
      return values;
    };
    const boxes = leaf(1, ANCHORS, 4 * REG_MAX);
    const classes = leaf(1, ANCHORS, CLASSES);
    const predictions: FlatPredictions = {
      boxes,
      distances: boxes,
      classes,
      objectness: undefined,
      grid: new AnchorGrid([{ height: 5, width: 8 }], [8]),
    };
    const { box, cls, dfl }: HeadLoss = headLoss(predictions, learning, REG_MAX);
    const terms = [cls, ...(box && dfl ? [box.mul(7.5), dfl.mul(1.5)] : [])];
    terms.reduce((sum, term) => sum.add(term)).backward();
    const values = terms.map((term) => [term.item()]);
    return [...values, ...[boxes, classes].map(({ grad }) => Array.from(grad?.toArray() ?? [], Number))];
  });
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  const largest = Math.max(...b.map(Math.abs), 1e-12);
  return Math.max(0, ...a.map((value, i) => Math.abs(value - b[i]!))) / largest;
}

describe("loss kernels", () => {
  const cases = [
    { name: "some anchors", rows: [0, 3, 8, 9, 14, 21, 22, 27, 38, 39], spread: 1 },
    { name: "confident predictions", rows: [1, 2, 3, 4, 5, 30], spread: 30 },
    { name: "every anchor", rows: Array.from({ length: ANCHORS }, (_, i) => i), spread: 3 },
    { name: "one anchor", rows: [17], spread: 1 },
    { name: "no anchor", rows: [], spread: 1 },
  ];
  it.each(cases)("equal operators in float64, gradients too: $name", ({ rows, spread }) => {
    expect(hasLossKernels(tensor([1]))).toBe(true);
    const learning = foreground(rows);
    const own = lossAndGradients("float32", learning, spread);
    const exact = lossAndGradients("float64", learning, spread);
    own.forEach((values, i) => expect(largestDifference(values, exact[i]!)).toBeLessThan(2e-6 * Math.max(spread, 2)));
  });

  it("stay finite at the ends of float32", () => {
    scope(() => {
      const logits = tensor(new Float32Array([-1e4, 1e4, 0, -90, 90, 88]));
      logits.requiresGrad = true;
      const sum = crossEntropySum(logits, new Int32Array([1]), new Float32Array([1]));
      expect(sum.item()).toBeCloseTo(Math.log(2) + 90 + 88, 3);
      sum.backward();
      const expected = [0, 0, 0.5, 0, 1, 1];
      Array.from(logits.grad!.toArray(), Number).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
    });
  });

  it("refuse positions that do not exist", () => {
    const lists = { rows: new Int32Array([1]), anchors: new Float32Array(4), boxes: new Float32Array(4) };
    scope(() => {
      const values = new Float32Array([1]);
      expect(() => crossEntropySum(tensor([1, 2]), new Int32Array([2]), values)).toThrow(/position 2 of 2/);
      expect(() => crossEntropySum(tensor([1, 2]), new Int32Array([-1]), values)).toThrow(/position -1/);
      expect(() => boxLossSums(randn([1, 64]), lists, values)).toThrow(/position 1 of 1/);
      expect(() => boxLossSums(randn([2, 63]), lists, values)).toThrow(/4 \* bins/);
    });
  });
});
