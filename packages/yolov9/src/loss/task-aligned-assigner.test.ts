import { describe, expect, it } from "vitest";
import { AnchorGrid } from "./anchor-grid.js";
import { positiveCiou } from "./ciou.js";
import { TaskAlignedAssigner } from "./task-aligned-assigner.js";
import type { ImageObjects, ImagePredictions } from "./task-aligned-assigner.js";

const grid = new AnchorGrid([{ height: 8, width: 8 }, { height: 4, width: 4 }], [8, 16]); // prettier-ignore

/** Every anchor predicts the same logit and a box of `half` pixels each way around its centre, but for those overridden. */
function predict(half: number, overrides: Record<number, [number, number, number, number]> = {}): ImagePredictions {
  const boxes = new Float32Array(grid.count * 4);
  for (let a = 0; a < grid.count; a++) {
    const [x, y] = [grid.x[a]!, grid.y[a]!];
    boxes.set(overrides[a] ?? [x - half, y - half, x + half, y + half], 4 * a);
  }
  return { boxes, logits: new Float32Array(grid.count), classCount: 1 };
}

function objects(...boxes: number[][]): ImageObjects {
  return { boxes: Float32Array.from(boxes.flat()), classes: new Int32Array(boxes.length) };
}

/** The published procedure on full [G, A] tables, as plain as possible. */
function assignOnTables(
  assigner: TaskAlignedAssigner,
  predictions: ImagePredictions,
  { boxes, classes }: ImageObjects,
) {
  const count = classes.length;
  const overlap = Array.from({ length: count }, (_, g) =>
    Array.from({ length: grid.count }, (__, a) => positiveCiou(boxes, g, predictions.boxes, a)),
  );
  const metric = overlap.map((row, g) =>
    row.map((o, a) => {
      const logit = predictions.logits[a * predictions.classCount + classes[g]!]!;
      return Math.fround((1 / (1 + Math.exp(-logit))) ** assigner.alpha * o ** assigner.beta);
    }),
  );
  const inside = overlap.map((row, g) =>
    row.map((_, a) => {
      const [x1, y1, x2, y2] = boxes.subarray(4 * g, 4 * g + 4);
      return Math.min(grid.x[a]! - x1!, grid.y[a]! - y1!, x2! - grid.x[a]!, y2! - grid.y[a]!) > 1e-9;
    }),
  );
  const mask = metric.map((row, g) => {
    const order = row.map((m, a) => ({ a, m: inside[g]![a] ? m : 0 })).sort((p, q) => q.m - p.m || p.a - q.a);
    const chosen = new Set(order.slice(0, assigner.topk).map(({ a }) => a));
    return row.map((_, a) => chosen.has(a) && inside[g]![a]!);
  });
  for (let a = 0; a < grid.count; a++) {
    if (mask.filter((row) => row[a]).length < 2) continue;
    let best = 0;
    for (let g = 1; g < count; g++) if (overlap[g]![a]! > overlap[best]![a]!) best = g;
    mask.forEach((row, g) => (row[a] = g === best));
  }
  const result = new Map<number, [object: number, score: number]>();
  mask.forEach((row, g) => {
    const chosen = row.flatMap((positive, a) => (positive ? [a] : []));
    const largestMetric = Math.max(...chosen.map((a) => metric[g]![a]!), 0);
    const largestOverlap = Math.max(...chosen.map((a) => overlap[g]![a]!), 0);
    for (const a of chosen) result.set(a, [g, (metric[g]![a]! * largestOverlap) / (largestMetric + 1e-9)]);
  });
  return result;
}

describe("keepInsideBoxes", () => {
  const assigner = new TaskAlignedAssigner();

  it("lists the anchors whose centre lies strictly inside, of all levels", () => {
    // Centres of stride 8 at 4, 12, 20, …; of stride 16 at 8, 24, …
    const { start, anchors } = assigner.keepInsideBoxes(grid, objects([4, 4, 21, 13]));
    expect([...start]).toEqual([0, 3]);
    expect([...anchors]).toEqual([9, 10, 64]); // (12,12), (20,12) and (8,8); the centre at 4 lies on the border
  });

  it("gives an object between all centres no anchor, and a padding row none", () => {
    const { start } = assigner.keepInsideBoxes(grid, objects([5, 5, 7, 7], [0, 0, 0, 0], [3, 3, 5, 5]));
    expect([...start]).toEqual([0, 0, 0, 1]);
  });

  it("clips objects that reach out of the input", () => {
    const { anchors } = assigner.keepInsideBoxes(grid, objects([-100, -100, 500, 500]));
    expect(anchors.length).toBe(grid.count);
  });

  it("has no anchor for a box without width", () => {
    expect(assigner.keepInsideBoxes(grid, objects([12, 0, 12, 60])).anchors.length).toBe(0);
  });
});

describe("candidateMetrics", () => {
  it("is score^0.5 · CIoU^6 of the object's class", () => {
    const assigner = new TaskAlignedAssigner();
    const one = objects([8, 8, 16, 16]);
    const predictions = predict(4);
    predictions.logits.fill(Math.log(0.25 / 0.75));
    const candidates = assigner.keepInsideBoxes(grid, one);
    const { metrics } = assigner.candidateMetrics(candidates, predictions, one);
    expect([...candidates.anchors]).toEqual([9]); // its prediction is the object itself
    expect(metrics[0]).toBeCloseTo(0.5, 5);
  });

  it("takes other exponents", () => {
    const assigner = new TaskAlignedAssigner({ alpha: 1, beta: 2 });
    const one = objects([8, 8, 16, 16]);
    const predictions = predict(4, { 9: [8, 8, 16, 12] });
    const overlap = positiveCiou(one.boxes, 0, predictions.boxes, 9);
    const { metrics } = assigner.candidateMetrics(assigner.keepInsideBoxes(grid, one), predictions, one);
    expect(overlap).toBeGreaterThan(0.3);
    expect(metrics[0]).toBeCloseTo(0.5 * overlap ** 2, 6);
  });
});

describe("selectTopK", () => {
  const candidates = { start: Int32Array.of(0, 5), anchors: Int32Array.of(1, 2, 5, 8, 9) };

  it("keeps the largest metrics, of equal ones the first", () => {
    const assigner = new TaskAlignedAssigner({ topk: 3 });
    const claims = assigner.selectTopK(candidates, Float32Array.of(0.2, 0.5, 0.1, 0.2, 0.2), 100);
    expect(claims).toEqual([1, 0, 3]);
  });

  it("fills up with anchors of metric zero from index 0, of which only those inside the box count", () => {
    const assigner = new TaskAlignedAssigner({ topk: 4 });
    const claims = assigner.selectTopK(candidates, Float32Array.of(0, 0.5, 0, 0, 0), 100);
    // Free choices fall on anchors 0, 1 and 3; only 1 lies in the box.
    expect(claims).toEqual([1, 0]);
  });

  it("never claims more anchors than there are", () => {
    const assigner = new TaskAlignedAssigner({ topk: 50 });
    expect(assigner.selectTopK(candidates, new Float32Array(5), 10)).toHaveLength(5);
  });
});

describe("resolveConflicts", () => {
  const assigner = new TaskAlignedAssigner();

  /** What becomes of anchor 9 when the first two objects claim it. */
  function resolved(...boxes: number[][]) {
    const all = objects(...boxes);
    const candidates = { start: Int32Array.of(0, 1, 2, ...boxes.slice(2).map(() => 2)), anchors: Int32Array.of(9, 9) };
    const { overlaps } = assigner.candidateMetrics(candidates, predict(4), all);
    return assigner.resolveConflicts([0, 1], candidates, overlaps, predict(4), all);
  }

  it("keeps one object per anchor when boxes overlap: the one with the largest CIoU", () => {
    const positives = resolved([0, 0, 40, 40], [8, 8, 24, 24]);
    expect(positives).toHaveLength(1);
    expect(positives[0]).toMatchObject({ anchor: 9, object: 1 });
  });

  it("may give the anchor to an object that did not claim it", () => {
    const [positive] = resolved([0, 0, 40, 40], [0, 0, 32, 32], [8, 8, 16, 16]);
    expect(positive!.object).toBe(2);
    expect(positive!.overlap).toBeCloseTo(1, 6);
  });

  it("gives ties to the first object", () => {
    expect(resolved([8, 8, 24, 24], [8, 8, 24, 24])[0]!.object).toBe(0);
  });

  it("leaves an anchor that one object claims with it", () => {
    const all = objects([0, 0, 40, 40], [8, 8, 24, 24]);
    const candidates = { start: Int32Array.of(0, 1, 1), anchors: Int32Array.of(9) };
    const { overlaps } = assigner.candidateMetrics(candidates, predict(4), all);
    const [positive] = assigner.resolveConflicts([0], candidates, overlaps, predict(4), all);
    expect(positive).toMatchObject({ anchor: 9, object: 0, overlap: overlaps[0] });
  });
});

describe("normaliseScores", () => {
  it("scales each object's metrics so that the largest becomes its largest overlap", () => {
    const { scores } = new TaskAlignedAssigner().normaliseScores(
      [
        { anchor: 1, object: 0, overlap: 0.8, metric: 0.2 },
        { anchor: 2, object: 0, overlap: 0.9, metric: 0.1 },
        { anchor: 3, object: 1, overlap: 0, metric: 0 },
      ],
      2,
    );
    expect(scores[0]).toBeCloseTo(0.9, 6);
    expect(scores[1]).toBeCloseTo(0.45, 6);
    expect(scores[2]).toBe(0);
  });
});

describe("assign", () => {
  it("assigns nothing in an image without objects", () => {
    expect(new TaskAlignedAssigner().assign(grid, predict(4), objects()).anchors).toEqual([]);
  });

  it("equals the procedure on full tables for crowded random images", () => {
    let state = 1;
    const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
    const assigner = new TaskAlignedAssigner();
    for (let round = 0; round < 30; round++) {
      const boxes = Array.from({ length: 1 + (round % 9) }, () => {
        const [x, y] = [random() * 50, random() * 50];
        return [x, y, x + 4 + random() * 40, y + 4 + random() * 40];
      });
      const crowd = {
        boxes: Float32Array.from(boxes.flat()),
        classes: Int32Array.from(boxes, () => (random() < 0.5 ? 0 : 1)),
      };
      const predictions = {
        boxes: predict(4).boxes.map((side, i) => side + (i % 4 < 2 ? -1 : 1) * random() * 20),
        logits: Float32Array.from({ length: grid.count * 2 }, () => random() * 6 - 3),
        classCount: 2,
      };
      const expected = assignOnTables(assigner, predictions, crowd);
      const { anchors, objects: owners, scores } = assigner.assign(grid, predictions, crowd);
      expect(new Set(anchors)).toEqual(new Set(expected.keys()));
      anchors.forEach((anchor, i) => {
        expect(owners[i]).toBe(expected.get(anchor)![0]);
        expect(scores[i]).toBeCloseTo(expected.get(anchor)![1], 5);
      });
    }
  });
});
