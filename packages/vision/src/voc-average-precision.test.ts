import { describe, expect, it } from "vitest";
import { vocAveragePrecision } from "./voc-average-precision.js";

const square = (x: number, y: number, side: number) => [x, y, x + side, y + side];

describe("vocAveragePrecision", () => {
  it("measures the area under the falling curve, and its mean at eleven recalls", () => {
    // Hit, miss, hit on two objects: precision 1 at recall 0.5, 2/3 at recall 1.
    const { area, elevenPoints } = vocAveragePrecision(
      [{ boxes: [...square(0, 0, 50), ...square(100, 0, 50)], classes: [0, 0] }],
      [
        {
          boxes: [...square(0, 0, 50), ...square(300, 0, 50), ...square(100, 0, 50)],
          classes: [0, 0, 0],
          scores: [0.9, 0.8, 0.7],
        },
      ],
    );
    expect(area).toBeCloseTo(0.5 + 0.5 * (2 / 3), 12);
    expect(elevenPoints).toBeCloseTo((6 + 5 * (2 / 3)) / 11, 12);
  });

  it("counts a second detection of an object as wrong, even where another object is near enough", () => {
    const truth = { boxes: [...square(0, 0, 100), ...square(20, 0, 100)], classes: [0, 0] };
    const onFirst = [...square(0, 0, 100), ...square(4, 0, 100)];
    const { area } = vocAveragePrecision([truth], [{ boxes: onFirst, classes: [0, 0], scores: [0.9, 0.8] }]);
    expect(area).toBe(0.5);
  });

  it("neither counts difficult objects nor what finds them", () => {
    const truth = { boxes: [...square(0, 0, 50), ...square(100, 0, 50)], classes: [3, 3], crowd: [1, 0] };
    const found = { boxes: [...square(0, 0, 50), ...square(100, 0, 50)], classes: [3, 3], scores: [0.9, 0.8] };
    const result = vocAveragePrecision([truth], [found]);
    expect(result).toMatchObject({ area: 1, perClass: [{ classId: 3, objects: 1 }] });
    expect(result.elevenPoints).toBeCloseTo(1, 12);
  });

  it("averages over classes with objects, and reads x y w h", () => {
    const options = { boxFormat: "xywh" } as const;
    const truth = { boxes: [0, 0, 50, 50, 100, 0, 50, 50], classes: [0, 1] };
    const found = { boxes: [100, 0, 50, 26, 0, 0, 9, 9], classes: [1, 7], scores: [0.9, 0.9] };
    expect(vocAveragePrecision([truth], [found], options)).toMatchObject({ area: 0.5, elevenPoints: 0.5 });
    expect(vocAveragePrecision([], []).area).toBe(-1);
  });
});
