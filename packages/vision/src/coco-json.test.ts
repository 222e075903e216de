import { describe, expect, it } from "vitest";
import { evaluateCoco } from "./coco-json.js";
import type { CocoAnnotation, CocoAnnotations, CocoDetection } from "./coco-rows.js";
import { evaluationCases } from "./testing/coco-api.js";

const BOX_FIGURES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"];
const KEYPOINT_FIGURES = ["AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"];

function figuresOf(result: object): Record<string, number> {
  return Object.fromEntries(Object.entries(result).filter(([, value]) => typeof value === "number"));
}

const images = [{ id: 7, width: 100, height: 100 }];
const object = (more: Partial<CocoAnnotation> = {}): CocoAnnotation => ({
  id: 1,
  image_id: 7,
  category_id: 1,
  bbox: [10, 10, 40, 40],
  area: 1600,
  iscrowd: 0,
  ...more,
});
const found = (more: Partial<CocoDetection> = {}): CocoDetection => ({
  image_id: 7,
  category_id: 1,
  bbox: [10, 10, 40, 40],
  score: 0.9,
  ...more,
});
const evaluate = (
  annotations: readonly CocoAnnotation[],
  detections: readonly CocoDetection[],
  more: Partial<CocoAnnotations> = {},
) => evaluateCoco({ images, annotations, ...more }, detections);

describe("evaluateCoco", () => {
  it.each(evaluationCases.map((one, i) => [`${one.iouType} ${i}`, one] as const))(
    "gives the original COCO API's figures: %s",
    (_, { iouType, annotations, detections, figures }) => {
      const { result } = evaluateCoco(annotations, detections, { iouType });
      const names = iouType === "keypoints" ? KEYPOINT_FIGURES : BOX_FIGURES;
      const own = figuresOf(result);
      expect(Object.keys(own)).toEqual(names);
      for (const [i, name] of names.entries()) expect(Math.abs(own[name]! - figures[i]!), name).toBeLessThan(1e-9);
    },
  );

  it("covers every kind of shape with those cases", () => {
    expect(new Set(evaluationCases.map(({ iouType }) => iouType))).toEqual(new Set(["bbox", "segm", "keypoints"]));
  });

  it("passes over the flag 'ignore', as the API does, and excuses crowds", () => {
    const ignored = { ...object(), ignore: 1 };
    expect(evaluate([ignored], []).result.AP).toBe(0);
    expect(evaluate([object({ iscrowd: 1 })], [found()]).result.AP).toBe(-1);
  });

  it("passes over objects of unlisted pictures and categories, and counts them", () => {
    const evaluation = evaluate(
      [object(), object({ id: 2, image_id: 8 }), object({ id: 3, category_id: 5 })],
      [found(), found({ category_id: 5 })],
      { categories: [{ id: 1 }, { id: 2 }] },
    );
    expect(evaluation.result).toMatchObject({ AP: 1, objects: { all: 1, medium: 1 } });
    expect(evaluation.skipped).toEqual({ annotations: 2, detections: 1 });
  });

  it("refuses detections of a picture that is not listed", () => {
    expect(() => evaluate([object()], [found({ image_id: 9 })])).toThrow(
      'detection 0 is of image_id 9, which "images"',
    );
  });

  it("takes an object with the id 0 for not found, as the API does, and says how many there are", () => {
    const evaluation = evaluate([object({ id: 0 }), object({ id: 1, bbox: [60, 60, 30, 30] })], [
      found(),
      found({ bbox: [60, 60, 30, 30], score: 0.8 }),
    ]); // prettier-ignore
    // Wrong, then right, of two objects: precision 1/2 up to recall 1/2.
    expect(evaluation.result.AP).toBeCloseTo((51 / 101) * 0.5, 12);
    expect(evaluation.annotationsNumberedZero).toBe(1);
  });

  it("gives -1 where there is nothing to find and 0 where nothing was found", () => {
    expect(figuresOf(evaluate([], []).result)).toEqual(Object.fromEntries(BOX_FIGURES.map((name) => [name, -1])));
    expect(evaluate([object()], []).result).toMatchObject({ AP: 0, APm: 0, APs: -1, AR100: 0 });
  });

  it("compares boxes as masks where detections have no mask, and finds boxes around masks", () => {
    const polygon = [10, 10, 50, 10, 50, 50, 10, 50];
    const masked = evaluateCoco({ images, annotations: [object({ segmentation: [polygon] })] }, [found()], {
      iouType: "segm",
    });
    expect(masked.result.AP).toBe(1);
    const boxless: CocoDetection = { image_id: 7, category_id: 1, score: 1, segmentation: [polygon] };
    expect(evaluate([object()], [boxless]).result.AP).toBe(1);
  });

  it("names the row that lacks what is compared", () => {
    const keypoints = { iouType: "keypoints" } as const;
    expect(() => evaluateCoco({ images, annotations: [object()] }, [], keypoints)).toThrow(
      "annotation 1 of image 7 has no keypoints",
    );
    const segm = { iouType: "segm" } as const;
    const sizeless = { images: [{ id: 7 }], annotations: [object({ segmentation: [[0, 0, 5, 0, 5, 5]] })] };
    expect(() => evaluateCoco(sizeless, [], segm)).toThrow("annotation 1 of image 7: the image with id 7 needs width");
    const damaged = object({ segmentation: { size: [100, 100], counts: [3] } });
    expect(() => evaluateCoco({ images, annotations: [damaged] }, [], segm)).toThrow("run lengths sum to 3");
  });

  it("looks at 20 detections of keypoints, measured with the given sigmas", () => {
    const points = [10, 10, 2, 50, 50, 2];
    const annotations = [object({ keypoints: points, num_keypoints: 2 })];
    const off = found({ keypoints: [10, 10, 1, 50 + 40 * 0.2 * Math.SQRT2, 50, 1] });
    const { result } = evaluateCoco({ images, annotations }, [off], { iouType: "keypoints", sigmas: [0.1, 0.1] });
    // Similarity of the second point: exp(-(2 * 0.04 * 1600) / (0.2² * 1600 * 2)) = exp(-1); mean with 1: 0.68.
    expect(result.AP).toBeCloseTo(0.4, 12);
    expect(() => evaluateCoco({ images, annotations }, [off], { iouType: "keypoints" })).toThrow("17 sigmas need 51");
    const misses = Array.from({ length: 20 }, () => found({ keypoints: [90, 0, 1, 0, 90, 1] }));
    const late = [...misses, found({ keypoints: points, score: 0.5 })];
    expect(
      evaluateCoco({ images, annotations }, late, { iouType: "keypoints", sigmas: [0.1, 0.1] }).result,
    ).toMatchObject({ AR: 0 });
  });
});
