import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { CocoAnnotation, CocoAnnotations } from "./coco-rows.js";
import { rleFromCoco } from "./coco-segmentation.js";
import { rleFromBox, rleFromPolygon, rleFromPolygons } from "./polygon-rle.js";
import { maskFromRle, rleArea, rleBox } from "./rle.js";
import { rleToString } from "./rle-string.js";
import { outlineCases } from "./testing/coco-api.js";

const COCO = new URL("../../../../shared/datasets/coco-open/annotations/instances_val2017.json", import.meta.url);

describe("outlines become masks", () => {
  it("pixel for pixel as in the original COCO API", () => {
    expect(outlineCases.length).toBeGreaterThan(20);
    for (const { size, polygons, counts, area, box } of outlineCases) {
      const rle = rleFromPolygons(polygons, ...size);
      expect(rleToString(rle)).toBe(counts);
      expect([rleArea(rle), rleBox(rle)]).toEqual([area, box]);
    }
  });

  it("of whole pixels for corners on pixel edges", () => {
    expect([...maskFromRle(rleFromBox([1, 1, 2, 1], 3, 4))]).toEqual([0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
  });

  it("of nothing for points, lines and what lies outside", () => {
    expect(rleArea(rleFromPolygon([1, 1], 4, 4))).toBe(0);
    expect(rleArea(rleFromPolygon([1, 1, 3, 3], 4, 4))).toBe(0);
    expect(rleArea(rleFromPolygon([10, 10, 20, 10, 20, 20], 4, 4))).toBe(0);
    expect(rleArea(rleFromPolygon([-1e300, -1e300, 1e300, -1e300, 0, 1e300], 4, 4))).toBe(16);
  });

  it("and coordinates that are no numbers are refused", () => {
    expect(() => rleFromPolygon([0, 0, NaN, 1, 1, 1], 4, 4)).toThrow("polygon coordinate NaN");
    expect(() => rleFromPolygon([0, 0, 1], 4, 4)).toThrow("3 coordinates, an odd number");
    expect(() => rleFromPolygons([], 4, 4)).toThrow("no mask to merge");
  });

  it.skipIf(!existsSync(COCO))("of the areas and boxes that COCO notes (skipped without ../shared)", () => {
    const { images, annotations } = JSON.parse(readFileSync(COCO, "utf8")) as CocoAnnotations;
    const sizes = new Map(images.map(({ id, width, height }) => [id, [height!, width!] as const]));
    const maskOf = ({ segmentation, image_id }: CocoAnnotation) =>
      rleFromCoco(segmentation!, () => sizes.get(image_id)!);
    const crowds = annotations.filter(({ iscrowd }) => iscrowd === 1);
    expect(crowds.length).toBeGreaterThan(0);
    // Boxes were noted from first to last pixel, ours include the last one.
    for (const crowd of crowds) {
      for (const [i, side] of rleBox(maskOf(crowd)).entries())
        expect(Math.abs(side - crowd.bbox![i]!)).toBeLessThan(1.5);
    }
    // Areas of outlines were noted with fractions of pixels.
    const large = annotations.filter(({ iscrowd, area }) => iscrowd !== 1 && area! > 96 ** 2);
    for (const row of large) expect(Math.abs(rleArea(maskOf(row)) / row.area! - 1)).toBeLessThan(0.03);
  });
});
