import { describe, expect, it } from "vitest";
import { densify } from "./densify.js";
import { fuseResiduals } from "./fuse-residuals.js";
import { placeConcatenations } from "./place-concatenations.js";
import { copyStep, whole, type Features, type Slice, type Step } from "./steps.js";

function features(channels: number): Features {
  return { channels, height: 4, width: 4 };
}

function slice(of: Features, first: number, channels: number): Slice {
  return { of, first, channels };
}

function convolution(from: Slice, to: Features, dense = false): Step {
  return { kind: "convolution", reads: [from], writes: [whole(to)], constants: [], numbers: [], dense };
}

function add(a: Features, b: Features, to: Features): Step {
  return { kind: "add", reads: [whole(a), whole(b)], writes: [whole(to)], constants: [], numbers: [], dense: false };
}

const [image, a, b, c, merged, out] = [3, 8, 8, 16, 32, 8].map(features) as [
  Features,
  Features,
  Features,
  Features,
  Features,
  Features,
];

describe("placeConcatenations", () => {
  it("makes what is concatenated where it will be", () => {
    const steps = placeConcatenations([
      convolution(whole(image), a),
      convolution(whole(a), b),
      copyStep(whole(a), slice(merged, 0, 8)),
      copyStep(whole(b), slice(merged, 8, 8)),
      convolution(whole(merged), out),
    ]);
    expect(steps.map(({ kind }) => kind)).toEqual(["convolution", "convolution", "convolution"]);
    expect(steps[0]!.writes).toEqual([slice(merged, 0, 8)]);
    expect(steps[1]!.reads).toEqual([slice(merged, 0, 8)]);
    expect(steps[1]!.writes).toEqual([slice(merged, 8, 8)]);
  });

  it("keeps halves that are concatenated one after the other in one piece", () => {
    const steps = placeConcatenations([
      convolution(whole(image), c),
      copyStep(slice(c, 0, 8), slice(merged, 4, 8)),
      copyStep(slice(c, 8, 8), slice(merged, 12, 8)),
    ]);
    expect(steps).toHaveLength(1);
    expect(steps[0]!.writes[0]!.first).toBe(4);
  });

  it("copies where halves change their order, and for the second of two concatenations", () => {
    const exchanged = features(16);
    const swapped = [
      convolution(whole(image), c),
      copyStep(slice(c, 0, 8), slice(exchanged, 8, 8)),
      copyStep(slice(c, 8, 8), slice(exchanged, 0, 8)),
    ];
    expect(placeConcatenations(swapped)).toEqual(swapped);
    const other = features(24);
    const steps = placeConcatenations([
      convolution(whole(image), a),
      copyStep(whole(a), slice(merged, 0, 8)),
      copyStep(whole(a), slice(other, 8, 8)),
    ]);
    expect(steps.slice(1)).toEqual([copyStep(slice(merged, 0, 8), slice(other, 8, 8))]);
  });

  it("copies what kernels for whole features make", () => {
    const steps = [convolution(whole(image), a, true), copyStep(whole(a), slice(merged, 0, 8))];
    expect(placeConcatenations(steps)).toEqual(steps);
  });
});

describe("fuseResiduals", () => {
  it("adds in the convolution whose output is read by the sum alone, either way round", () => {
    for (const sum of [add(a, b, out), add(b, a, out)]) {
      const steps = fuseResiduals([convolution(whole(image), a), convolution(whole(a), b), sum]);
      expect(steps).toHaveLength(2);
      expect(steps[1]!.reads).toEqual([whole(a), whole(a)]);
      expect(steps[1]!.writes).toEqual([whole(out)]);
    }
  });

  it("leaves sums of features that others read, and of kernels that cannot add", () => {
    const shared = [
      convolution(whole(image), a),
      convolution(whole(a), b),
      add(a, b, out),
      copyStep(whole(b), slice(merged, 0, 8)),
    ];
    expect(fuseResiduals(shared)).toEqual(shared);
    const dense = [convolution(whole(image), a), convolution(whole(a), b, true), add(a, b, out)];
    expect(fuseResiduals(dense)).toEqual(dense);
  });
});

describe("densify", () => {
  it("copies a slice once for all that cannot read slices", () => {
    const half = slice(c, 8, 8);
    const steps = densify([
      convolution(whole(image), c),
      convolution(half, a, true),
      convolution(half, b, true),
      convolution(half, out),
    ]);
    expect(steps.map(({ kind }) => kind)).toEqual(["convolution", "copy", "convolution", "convolution", "convolution"]);
    expect(steps[2]!.reads).toEqual(steps[3]!.reads);
    expect(steps[2]!.reads[0]!.of.channels).toBe(8);
    expect(steps[4]!.reads).toEqual([half]);
  });
});
