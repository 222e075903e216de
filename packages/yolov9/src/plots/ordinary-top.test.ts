import { expect, it } from "vitest";
import { ordinaryTop } from "./ordinary-top.js";

const losses = [6.3, 4.7, 3.1, 2.7, 2.5, 2.2, 1.9, 1.7, 1.4, 1.3, 1.2];

it("ends at the largest ordinary value where one sticks out, and leaves falling losses alone", () => {
  expect(ordinaryTop([...losses, 721])).toBe(6.3);
  expect(ordinaryTop([...losses, Infinity, NaN])).toBeUndefined();
  expect(ordinaryTop(losses)).toBeUndefined();
  expect(ordinaryTop([1, 2, 500])).toBeUndefined();
  expect(ordinaryTop([])).toBeUndefined();
});
