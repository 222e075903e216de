import { describe, expect, it } from "vitest";
import { ClassColours, paletteColour, readableOn } from "./palette.js";

describe("ClassColours", () => {
  it("gives classes that occur together different colours, whatever their numbers", () => {
    const colours = new ClassColours();
    const occurring = [3, 23, 43, 0, 1, 20, 79, ...Array.from({ length: 40 }, (_, i) => i)];
    colours.add(occurring);
    const given = [...new Set(occurring)].map((classIndex) => colours.of(classIndex));
    expect(new Set(given).size).toBe(given.length);
    expect(paletteColour(3)).toBe(paletteColour(23));
  });

  it("keeps a class's colour from picture to picture, and its own of the palette where nothing speaks against it", () => {
    const colours = new ClassColours();
    colours.add([23]);
    expect(colours.of(23)).toBe(paletteColour(3));
    colours.add([3, 23]);
    expect(colours.of(23)).toBe(paletteColour(3));
    expect(colours.of(3)).not.toBe(paletteColour(3));
    for (let classIndex = 0; classIndex < 200; classIndex++) expect(colours.of(classIndex)).toMatch(/^#[0-9A-F]{6}$/);
  });

  it("does not give neighbours of the palette that look alike to two classes", () => {
    const colours = new ClassColours();
    colours.add([0, 1]);
    expect([colours.of(0), colours.of(1) === paletteColour(1)]).toEqual([paletteColour(0), false]);
  });
});

it("black is readable on light colours and white on dark ones", () => {
  expect(readableOn("#FFB21D")).toBe("#000000");
  expect(readableOn("#0018EC")).toBe("#FFFFFF");
});
