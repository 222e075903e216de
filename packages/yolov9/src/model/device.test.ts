import { rand, scope, tensor } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { expectedDistance } from "../loss/distribution-focal-loss.js";
import { buildModel, loadModelSpec } from "./index.js";

// libtorch's device "meta" has shapes but no numbers, and refuses tensors of the CPU as a GPU does. The oldest libtorch that is
// supported knows neither convolutions nor the choice of rows on it, so whole models need a real GPU: scripts/gpu.mjs.
const device = "meta";

describe("on another device than the CPU", () => {
  it("a tensor of the CPU is refused", () => {
    expect(() => tensor([1, 2], { device }).add(tensor([1, 2]))).toThrow(/device/);
  });

  it.each([false, true])("decoding makes its anchors and bins there (with objectness: %s)", (objectness) => {
    const model = buildModel({ ...loadModelSpec("gelan-t"), objectness }, { classCount: 3 });
    scope(() => {
      const channels = 4 * model.regMax + 3 + (objectness ? 1 : 0);
      const levels = model.strides.map((stride) => rand([2, channels, 64 / stride, 64 / stride], { device }));
      const decoded = model.decode(levels.map((level) => level.to({ dtype: "bfloat16" })));
      expect([decoded.device, decoded.shape]).toEqual([device, [2, 7, 84]]);
      expect(expectedDistance(levels[0]!).device).toBe(device);
    });
    model.dispose();
  });
});
