import { describe, expect, it } from "vitest";
import { overlap, placeLabels, type LabelledBox } from "./place-labels.js";

const PICTURE = { width: 400, height: 300 };
const LABEL = { width: 60, height: 14 };

function boxAt(x: number, y: number, width: number, height: number): LabelledBox {
  return { box: { x, y, width, height }, ...LABEL };
}

describe("placeLabels", () => {
  it("puts a label above its box, and inside where there is no room", () => {
    expect(placeLabels([boxAt(100, 100, 80, 50)], PICTURE, 1)).toEqual([{ x: 99, y: 85, ...LABEL }]);
    expect(placeLabels([boxAt(100, 5, 80, 50)], PICTURE, 1)[0]!.y).toBeGreaterThanOrEqual(5);
  });

  it("lets no labels cover each other where boxes begin at the same place, and never changes its mind", () => {
    const boxes = [boxAt(50, 60, 200, 150), boxAt(52, 62, 120, 90), boxAt(54, 58, 60, 60), boxAt(51, 61, 300, 200)];
    const places = placeLabels(boxes, PICTURE, 1);
    for (const [i, a] of places.entries()) for (const b of places.slice(i + 1)) expect(overlap(a, b)).toBe(0);
    expect(placeLabels(boxes, PICTURE, 1)).toEqual(places);
  });

  it("covers no neighbour where another side is free", () => {
    const [under, over] = [boxAt(100, 120, 80, 60), boxAt(95, 60, 90, 58)];
    const [place] = placeLabels([under, over], PICTURE, 1);
    expect(overlap(place!, over.box)).toBe(0);
  });

  it("keeps every label inside the picture", () => {
    const boxes = [boxAt(380, 290, 20, 10), boxAt(-30, -20, 500, 400), boxAt(395, 0, 5, 300), boxAt(0, 298, 400, 2)];
    for (const { x, y, width, height } of placeLabels(boxes, PICTURE, 1)) {
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
      expect([x + width <= PICTURE.width, y + height <= PICTURE.height]).toEqual([true, true]);
    }
  });
});
