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

  it("takes every object for the last one with its id, as the API does, and says how many it replaced", () => {
    const [left, right] = [[10, 10, 40, 40], [60, 60, 30, 30]]; // prettier-ignore
    const evaluation = evaluate([object({ bbox: left }), object({ bbox: right })], [found({ bbox: left }), found({ bbox: right, score: 0.8 })]); // prettier-ignore
    // Two objects at the right, none at the left: wrong, then right, and the second object stays unfound.
    expect(evaluation.result.objects.all).toBe(2);
    expect(evaluation.result.AP).toBeCloseTo((51 / 101) * 0.5, 12);
    expect(evaluation.annotationsReplaced).toBe(1);
    const withoutIds = [object({ id: null, bbox: left }), object({ id: null, bbox: right })];
    expect(evaluate(withoutIds, [found({ bbox: left })]).annotationsReplaced).toBe(0);
  });

  it("counts an area on the border of two ranges in both, and of an area just beyond in one", () => {
    const area = (value: number) => evaluate([object({ area: value })], []).result.objects;
    expect(area(32 ** 2)).toEqual({ all: 1, small: 1, medium: 1, large: 0 });
    expect(area(96 ** 2)).toEqual({ all: 1, small: 0, medium: 1, large: 1 });
    expect(area(32 ** 2 + 0.5)).toEqual({ all: 1, small: 0, medium: 1, large: 0 });
    // Detections likewise: one of 32 x 32 that finds nothing is wrong among the small and the medium.
    const wrong = found({ bbox: [60, 60, 32, 32], score: 1 });
    const objects = [object({ id: 1, area: 900 }), object({ id: 2, area: 1600 }), object({ id: 3, area: 1e4 })];
    const { APs, APm, APl } = figuresOf(evaluate(objects, [wrong, found(), found(), found()]).result);
    expect([APs!, APm!, APl!].map((value) => value > 0.99)).toEqual([false, false, true]);
  });

  it("blames detections on pictures without objects, and on listed categories without objects nothing", () => {
    const more = { images: [...images, { id: 8 }], categories: [{ id: 1 }, { id: 2 }] };
    const elsewhere = found({ image_id: 8, score: 0.95 });
    expect(evaluate([object()], [found(), elsewhere], more).result.AP).toBeCloseTo(0.5, 12);
    const otherClass = found({ category_id: 2, score: 0.95 });
    expect(evaluate([object()], [found(), otherClass], more).result.AP).toBe(1);
  });

  it("keeps the order of equal scores: by ascending picture, within one as they are listed", () => {
    const more = { images: [{ id: 9 }, ...images, { id: 8 }] };
    const miss = (image: number) => found({ image_id: image, bbox: [80, 80, 10, 10] });
    expect(evaluate([object()], [miss(8), miss(9), found()], more).result.AP).toBe(1);
    expect(evaluate([object()], [miss(7), found()], more).result.AP).toBeCloseTo(0.5, 12);
  });

  it("tells pictures with text for an id apart from numbered ones", () => {
    const named = { images: [{ id: "b" }, { id: "a" }] };
    const of = (id: string) => [object({ image_id: id })];
    expect(evaluate(of("a"), [found({ image_id: "a" })], named).result.AP).toBe(1);
    expect(() => evaluate([object()], [found({ image_id: "7" })])).toThrow('image_id "7", which "images"');
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

  it("does not count objects without annotated points, and excuses what finds them", () => {
    const persons = (second: Partial<CocoAnnotation>) => [
      object({ id: 1, keypoints: [20, 20, 2], num_keypoints: 1 }),
      object({ id: 2, bbox: [60, 60, 30, 30], area: 900, keypoints: [0, 0, 0], ...second }),
    ];
    const poses = [
      found({ keypoints: [70, 70, 1], score: 0.95, bbox: null }),
      found({ keypoints: [20, 20, 1], bbox: null }),
    ];
    const pose = (second: Partial<CocoAnnotation>) =>
      evaluateCoco({ images, annotations: persons(second) }, poses, { iouType: "keypoints", sigmas: [0.1] }).result;
    expect(pose({ num_keypoints: 0 })).toMatchObject({ AP: 1, objects: { all: 1 } });
    expect(pose({})).toMatchObject({ AP: 1, objects: { all: 1 } });
    expect(pose({ num_keypoints: 1, keypoints: [65, 90, 2] })).toMatchObject({ objects: { all: 2 } });
    expect(pose({ num_keypoints: 1, keypoints: [65, 90, 2] }).AP).toBeLessThan(0.5);
    expect(pose({ num_keypoints: 1, iscrowd: 1 })).toMatchObject({ AP: 1, objects: { all: 1 } });
  });

  it("reads masks as runs, as text and as outlines of several parts alike", () => {
    const size = [4, 6];
    const forms = [
      [[0, 0, 2, 0, 2, 4, 0, 4], [4, 0, 6, 0, 6, 4, 4, 4]],
      { size, counts: [0, 8, 8, 8] },
      { size, counts: "0880" },
    ]; // prettier-ignore
    const shown = { images: [{ id: 7, width: 6, height: 4 }] };
    for (const truth of forms) {
      for (const segmentation of forms) {
        const mask = found({ segmentation, bbox: null });
        const { result } = evaluateCoco({ ...shown, annotations: [object({ segmentation: truth })] }, [mask], {
          iouType: "segm",
        });
        expect(result.AP).toBe(1);
      }
    }
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
