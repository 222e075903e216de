import { manualSeed, noGrad, rand, scope, setNumThreads, type Tensor } from "@yolov9/torch";
import { beforeAll, describe, expect, it } from "vitest";
import { buildModel, fuse, loadModelSpec, settleNorms, unfused, type DetectionModel } from "./index.js";
import { tinyComposite } from "./testing/tiny-composite.js";

beforeAll(() => {
  setNumThreads(1);
  manualSeed(3);
});

/** A fused model whose batch norms were not identities. */
function deployedModel(spec = loadModelSpec("gelan-t")): DetectionModel {
  const model = buildModel(spec, { names: ["a", "b"] });
  noGrad(() =>
    scope(() => {
      for (const [path, tensor] of model.stateDict()) {
        if (/norm\.(weight|running_var)$/.test(path)) tensor.copy_(rand(tensor.shape).add(0.5));
        if (/norm\.(bias|running_mean)$/.test(path)) tensor.copy_(rand(tensor.shape).sub(0.5));
      }
    }),
  );
  return fuse(model);
}

function largestDifference(a: readonly Tensor[], b: readonly Tensor[]): number {
  return Math.max(...a.map((level, i) => level.sub(b[i]!).abs().max().item()));
}

describe("unfused", () => {
  it.each([
    ["gelan-t", loadModelSpec("gelan-t")],
    ["a composite of everything", tinyComposite()],
  ])("computes what the fused model computes, and can be trained: %s", (_, spec) => {
    const fused = deployedModel(spec);
    const model = unfused(fused);
    scope(() => {
      const images = rand([2, 3, 64, 64]);
      const [before, after] = [fused, model].map((each) => each.forward(images, { auxiliary: true }));
      expect(largestDifference(before!.lead, after!.lead)).toBeLessThan(1e-4);
      before!.auxiliaries.forEach((levels, i) =>
        expect(largestDifference(levels, after!.auxiliaries[i]!)).toBeLessThan(1e-4),
      );
      const levels = model.train().forward(images).lead;
      expect(levels.every((level) => level.isfinite().all().item() === 1)).toBe(true);
    });
    expect(model.fused).toBe(false);
    for (const each of [fused, model]) each.dispose();
  });
});

describe("settleNorms", () => {
  it("keeps the output, and makes training begin with it", () => {
    const fused = deployedModel();
    const model = unfused(fused);
    scope(() => {
      const batches = [rand([4, 3, 64, 64]), rand([4, 3, 64, 64])];
      const before = fused.forward(batches[0]!).lead;
      const unsettled = largestDifference(before, model.train().forward(batches[0]!).lead);
      const fresh = unfused(fused);
      settleNorms(fresh, batches);
      expect(fresh.training).toBe(false);
      expect(largestDifference(before, fresh.forward(batches[0]!).lead)).toBeLessThan(1e-3);
      settleNorms(fresh, [batches[0]!]);
      const settled = largestDifference(before, fresh.train().forward(batches[0]!).lead);
      expect(settled).toBeLessThan(1e-2);
      expect(unsettled).toBeGreaterThan(10 * settled);
      fresh.dispose();
    });
    for (const each of [fused, model]) each.dispose();
  });
});
