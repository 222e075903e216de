import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decodePicture } from "@yolov9/runtime/decode-picture";
import { letterboxImage, toPlanarFloat } from "@yolov9/vision";
import { memory, noGrad, randn, scope, manualSeed, tensor, type DType, type Tensor } from "@yolov9/torch";
import { afterEach, describe, expect, it } from "vitest";
import { buildModel } from "../detection-model.js";
import { loadModelSpec } from "../file/spec-file.js";
import { withAuxiliary } from "../auxiliary/with-auxiliary.js";
import { ReversibleColumns } from "./reversible-columns.js";

const WIDTHS = [16, 24, 32];
const made: ReversibleColumns[] = [];

function columns(options: { count?: number; saveMemory?: boolean; dtype?: DType } = {}): ReversibleColumns {
  manualSeed(3);
  const { count = 3, saveMemory = true, dtype = "float64" } = options;
  const block = new ReversibleColumns(WIDTHS, { columns: count, saveMemory, activation: "silu" }).to({ dtype });
  made.push(block);
  return block;
}

function levels(dtype: DType = "float64"): Tensor[] {
  manualSeed(5);
  return WIDTHS.map((width, i) => randn([2, width, 16 >> i, 16 >> i], { dtype: "float64" }).to({ dtype }));
}

function largestDifference(a: readonly Tensor[], b: readonly Tensor[]): number {
  return Math.max(...a.map((tensor, i) => tensor.detach().sub(b[i]!.detach()).abs().max().item()));
}

afterEach(() => {
  for (const block of made.splice(0)) block.dispose();
});

describe("ReversibleColumns", () => {
  it.each([
    ["training", true],
    ["evaluation", false],
  ])("computes its input again from its output in float64 to 1e-9 (%s)", (_, training) => {
    scope(() => {
      const block = columns().train(training);
      const given = levels();
      const outputs = noGrad(() => block.forward(...given));
      expect(largestDifference(outputs, given)).toBeGreaterThan(0.1);
      expect(
        largestDifference(
          noGrad(() => block.inverse(outputs)),
          given,
        ),
      ).toBeLessThan(1e-9);
    });
  });

  it("has the same gradients, outputs and statistics whether it keeps activations or computes them again", () => {
    scope(() => {
      const run = (saveMemory: boolean) => {
        const block = columns({ saveMemory });
        const given = levels();
        for (const level of given) level.requiresGrad = true;
        const outputs = block.forward(...given);
        // Weights that differ, so that a gradient in the wrong place is noticed; one output is unused.
        outputs[0]!.mul(outputs[0]!).sum().add(outputs[2]!.sin().sum()).backward();
        return {
          outputs,
          inputs: given.map((level) => level.grad!),
          parameters: block.parameters().map(([, parameter]) => parameter.grad!),
          buffers: block.buffers().map(([, buffer]) => buffer.to({ dtype: "float64" })),
        };
      };
      const [kept, again] = [run(false), run(true)];
      expect(kept.parameters.length).toBeGreaterThan(100);
      for (const part of ["outputs", "inputs", "parameters", "buffers"] as const) {
        expect(largestDifference(kept[part], again[part])).toBeLessThan(1e-9);
      }
    });
  });

  it("leaves no tensor behind after a step that computes activations again", () => {
    const block = columns({ dtype: "float32" });
    const step = () =>
      scope(() => {
        const given = levels("float32").map((level) => level.detach());
        for (const level of given) level.requiresGrad = true;
        block
          .forward(...given)
          .reduce((sum, level) => sum.add(level.sum()), given[0]!.sum())
          .backward();
        for (const [, parameter] of block.parameters()) parameter.clearGrad();
      });
    step();
    step();
    const before = memory().undisposedTensors;
    step();
    expect(memory().undisposedTensors).toBe(before);
  });

  it("refuses levels that do not halve", () => {
    const spec = loadModelSpec("gelan-t");
    const wrong = {
      ...spec,
      auxiliary: [
        { name: "columns", from: ["b3", "b5"], block: "ReversibleColumns" },
        { name: "auxDetect", from: ["columns.0", "columns.1"], block: "DecoupledDetect" },
      ],
    };
    expect(() => buildModel(wrong)).toThrow(/strides double/);
  });

  it("serves as an auxiliary branch of a detector", () => {
    const model = buildModel(withAuxiliary(loadModelSpec("gelan-t"), { backbone: "reversible", columns: 2 }));
    scope(() => {
      const { auxiliaries, lead } = model.forward(randn([1, 3, 64, 64]));
      expect(auxiliaries.map((head) => head.map(({ shape }) => shape))).toEqual([lead.map(({ shape }) => shape)]);
      auxiliaries[0]!.reduce((sum, level) => sum.add(level.sum()), lead[0]!.sum()).backward();
      const stem = model.parameters().find(([path]) => path === "backbone.stem1.conv.weight")![1];
      expect(stem.grad!.abs().sum().item()).toBeGreaterThan(0);
    });
    model.dispose();
  });
});

const photo = fileURLToPath(
  new URL("../../../../../../shared/datasets/bccd/JPEGImages/BloodImage_00007.jpg", import.meta.url),
);

describe.skipIf(!existsSync(photo))("ReversibleColumns on a photo (skipped without the shared folder)", () => {
  it("give the backbone's features back from their outputs in float32 to 1e-5", async () => {
    const { image } = letterboxImage(await decodePicture(photo), 320, 320);
    const pixels = new Float32Array(3 * 320 * 320);
    toPlanarFloat(image, pixels, 0);
    const model = buildModel(withAuxiliary(loadModelSpec("gelan-t"), { backbone: "reversible", columns: 4 }));
    scope(() => {
      let x = tensor(pixels, { shape: [1, 3, 320, 320] });
      const features: Tensor[] = [];
      noGrad(() => {
        for (const step of model.steps) {
          if (step.section !== "backbone" || step.kind !== "feature") continue;
          x = step.block.forward(x);
          if (["b3", "b4", "b5"].includes(step.name)) features.push(x);
        }
      });
      const columnsStep = model.steps.find((step) => step.kind === "features");
      const block = columnsStep?.block;
      if (!(block instanceof ReversibleColumns)) throw new Error("the model has no reversible columns");
      const outputs = noGrad(() => block.forward(...features));
      expect(largestDifference(outputs, features)).toBeGreaterThan(0.1);
      expect(
        largestDifference(
          noGrad(() => block.inverse(outputs)),
          features,
        ),
      ).toBeLessThan(1e-5);
    });
    model.dispose();
  });
});
