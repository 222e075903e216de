import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskFromRle, mergeRles, rleArea, rleBox, rleFromCounts, rleFromMask, rleIou } from "./rle.js";
import { rleFromString, rleToString } from "./rle-string.js";

const masks = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })).chain(([height, width]) => {
  const bits = fc.array(fc.constantFrom(0, 0, 1), { minLength: height * width, maxLength: height * width });
  return fc.record({ height: fc.constant(height), width: fc.constant(width), a: bits, b: bits });
});

describe("run lengths", () => {
  it("go down the columns and begin with zeros", () => {
    const rle = rleFromMask([0, 1, 0, 1, 1, 0], 2, 3);
    expect([...rle.counts]).toEqual([1, 3, 2]);
    expect([...rleFromMask([1, 0], 1, 2).counts]).toEqual([0, 1, 1]);
    expect([rleArea(rle), rleBox(rle)]).toEqual([3, [0, 0, 2, 2]]);
  });

  it("keep any mask, also as text", () => {
    fc.assert(
      fc.property(masks, ({ height, width, a }) => {
        const rle = rleFromMask(a, height, width);
        expect([...maskFromRle(rle)]).toEqual(a);
        expect(rleFromString(rleToString(rle), height, width)).toEqual(rle);
      }),
    );
  });

  it("give areas, boxes, unions and overlaps as counting pixels does", () => {
    fc.assert(
      fc.property(masks, fc.boolean(), ({ height, width, a, b }, crowd) => {
        const [one, other] = [rleFromMask(a, height, width), rleFromMask(b, height, width)];
        const count = (inside: (i: number) => unknown) => a.filter((_, i) => inside(i)).length;
        const both = count((i) => a[i]! & b[i]!);
        expect(rleArea(one)).toBe(count((i) => a[i]));
        const columns = a.flatMap((bit, i) => (bit ? [i % width] : []));
        const rows = a.flatMap((bit, i) => (bit ? [Math.floor(i / width)] : []));
        const [x, y] = [Math.min(...columns), Math.min(...rows)];
        const box = [x, y, Math.max(...columns) - x + 1, Math.max(...rows) - y + 1];
        expect(rleBox(one)).toEqual(columns.length > 0 ? box : [0, 0, 0, 0]);
        expect([...maskFromRle(mergeRles([one, other]))]).toEqual(a.map((bit, i) => bit | b[i]!));
        expect([...maskFromRle(mergeRles([one, other], "intersection"))]).toEqual(a.map((bit, i) => bit & b[i]!));
        const whole = crowd ? rleArea(one) : count((i) => a[i]! | b[i]!);
        expect(rleIou(one, other, crowd)).toBe(both === 0 ? 0 : both / whole);
      }),
    );
  });

  it("match nothing of another size", () => {
    const [small, large] = [rleFromMask([1, 1], 1, 2), rleFromMask([1, 1], 2, 1)];
    expect(rleIou(small, large)).toBe(-1);
    expect(() => mergeRles([small, large])).toThrow("masks of 1 x 2 and 2 x 1 pixels cannot be merged");
  });

  it("that do not fill the mask, and damaged texts, are refused", () => {
    expect(() => rleFromCounts([1, 2], 2, 2)).toThrow("sum to 3, but a mask of 2 x 2 has 4 pixels");
    expect(() => rleFromCounts([5, -1], 2, 2)).toThrow("run length -1");
    expect(() => rleFromString("0o", 1, 1)).toThrow("damaged at character 3");
    expect(() => rleFromString("~", 1, 1)).toThrow("damaged at character 1");
    expect(() => rleFromString("oooooooooooooooooo", 1, 1)).toThrow("damaged");
  });
});
