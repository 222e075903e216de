import { describe, expect, it } from "vitest";

import { defaultAugment, type AugmentConfig } from "./config.js";
import { planSample, type SamplePlan } from "./plan.js";
import { Renderer, type ImageShape, type Picture } from "./render.js";
import type { View } from "./view.js";

const size = 160;
const shape: ImageShape = { nominal: { width: size, height: size }, output: { width: size, height: size } };
const straight: View = {
  angle: 0,
  scale: 1,
  shearX: 0,
  shearY: 0,
  perspectiveX: 0,
  perspectiveY: 0,
  centreX: 0.5,
  centreY: 0.5,
};
const plain = { effects: [], hsv: { hue: 1, saturation: 1, value: 1 }, flip: { leftRight: false, upDown: false } };
const still: AugmentConfig = { ...defaultAugment, hsvH: 0, hsvS: 0, hsvV: 0, mixup: 0 };

/** Black, with one filled box of class k: red, green, blue, or red again in the last picture. */
function boxPicture(k: number, box: readonly [number, number, number, number], width: number, height: number): Picture {
  const data = new Uint8Array(width * height * 3);
  for (let y = box[1]; y < box[3]; y++) {
    for (let x = box[0]; x < box[2]; x++) data[(y * width + x) * 3 + k] = 255;
  }
  const image = { data, width, height };
  const rows = {
    boxes: Float32Array.from(box),
    classes: Int32Array.of(k),
    polygons: [[]],
    keypoints: new Float32Array(),
  };
  return { image, ...rows, sourceWidth: width, sourceHeight: height };
}

/** Edges of what is bright in a plane; undefined when nothing is. The grey of the padding is not bright. */
function brightEdges(plane: Uint8Array) {
  let [left, top, right, bottom] = [size, size, 0, 0];
  plane.forEach((level, i) => {
    if (level < 128) return;
    const x = i % size;
    const y = Math.floor(i / size);
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
  });
  return right > left ? [left, top, right, bottom] : undefined;
}

/** Rows of class cx cy w h as fractions, to class and pixel edges. */
function edgesOf(rows: readonly number[]) {
  return Array.from({ length: rows.length / 5 }, (_, i) => {
    const [k, cx, cy, w, h] = rows.slice(i * 5, i * 5 + 5) as [number, number, number, number, number];
    return { k, edges: [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2].map((value) => value * size) };
  });
}

const pictures = [
  boxPicture(0, [20, 30, 90, 100], 160, 120),
  boxPicture(1, [10, 60, 70, 150], 100, 160),
  boxPicture(2, [50, 40, 120, 90], 160, 160),
];
const blank: Picture = {
  ...boxPicture(0, [0, 0, 0, 0], 160, 90),
  boxes: new Float32Array(),
  classes: new Int32Array(),
};

function mosaicPlan(seed: number, config: AugmentConfig): SamplePlan {
  const context = { config, sampleCount: 4, imageSize: size, mosaic: true };
  return planSample({ seed, epoch: 0, index: 0 }, context);
}

describe("boxes after augmentation", () => {
  it.each([
    ["scale, shift and flip", {}, false],
    ["rotation and shear too", { degrees: 30, shear: 5, flipud: 0.5 }, true],
  ])("lie on the pixels that they lay on before: %s", async (_, strengths, turned) => {
    const renderer = new Renderer();
    const out = new Uint8Array(size * size * 3);
    let compared = 0;
    let shift = 0;
    for (let seed = 0; seed < 150; seed++) {
      const plan = mosaicPlan(seed, { ...still, ...strengths });
      const { rows } = await renderer.render(plan, [...pictures, blank], shape, out);
      for (const { k, edges } of edgesOf(rows)) {
        const seen = brightEdges(out.subarray(k * size * size, (k + 1) * size * size));
        expect(seen).toBeDefined();
        // Where the image's edge cuts a turned box, a sharp tip remains, whose last pixels are too thin to be bright.
        if (turned && edges.some((edge) => edge < 1 || edge > size - 1)) continue;
        edges.forEach((edge, i) => {
          expect(Math.abs(edge - seen![i]!)).toBeLessThanOrEqual(turned ? 1.5 : 1);
          shift += edge - seen![i]!;
          compared++;
        });
      }
    }
    expect(compared).toBeGreaterThan(400);
    // No edge is systematically left or right of its pixels.
    expect(Math.abs(shift / compared)).toBeLessThan(0.05);
  });

  it("span what is visible of an outline", async () => {
    // A triangle, its right angle at the lower left; the map moves its left half out of the image.
    const outline = Float32Array.from([20, 20, 100, 100, 20, 100]);
    const triangle = { ...boxPicture(0, [20, 20, 100, 100], 160, 160), polygons: [[outline]] };
    const view = { ...straight, centreX: 0.5 - 60 / size };
    const plan: SamplePlan = { canvas: { kind: "letterbox", indices: [0], view }, ...plain };
    const { rows } = await new Renderer().render(plan, [triangle], shape, new Uint8Array(size * size * 3));
    expect(edgesOf(rows)[0]!.edges.map((edge) => Math.round(edge * 1e3) / 1e3)).toEqual([0, 60, 40, 100]);
  });

  it("are dropped when less than a tenth of them is left", async () => {
    const renderer = new Renderer();
    const out = new Uint8Array(size * size * 3);
    const rendered = async (centreX: number) => {
      const view = { ...straight, centreX };
      const plan: SamplePlan = { canvas: { kind: "letterbox", indices: [0], view }, ...plain };
      return edgesOf((await renderer.render(plan, [pictures[0]!], shape, out)).rows);
    };
    // The box spans 20 … 90: 11 % or 9 % of it remain at the left edge.
    expect(await rendered(0.5 - (90 - 7.7) / size)).toHaveLength(1);
    expect(await rendered(0.5 - (90 - 6.3) / size)).toHaveLength(0);
    // Unmoved, the letterbox adds 20 rows above; 160 - 1e-3 is the recipe's right edge.
    expect((await rendered(0.5))[0]!.edges.map((edge) => Math.round(edge * 1e3) / 1e3)).toEqual([20, 50, 90, 120]);
  });
});

describe("mixup", () => {
  it("blends two mosaics and keeps the boxes of both", async () => {
    const plan = mosaicPlan(3, { ...still, mixup: 1, scale: 0, translate: 0 });
    expect(plan.blend?.share).toBeGreaterThan(0.25);
    const { blend, ...first } = plan;
    const renderer = new Renderer();
    const [a, b, mixed] = [0, 1, 2].map(() => new Uint8Array(size * size * 3)) as [Uint8Array, Uint8Array, Uint8Array];
    const four = [...pictures, blank];
    const { rows: rowsA } = await renderer.render(first, four, shape, a);
    const { rows: rowsB } = await renderer.render({ ...first, canvas: blend!.canvas }, four, shape, b);
    const { rows } = await renderer.render(plan, [...four, ...four], shape, mixed);
    expect(rows).toEqual([...rowsA, ...rowsB]);
    const share = blend!.share;
    // The jitter's colour space loses a little after the blend.
    mixed.forEach((level, i) => expect(Math.abs(level - (a[i]! * share + b[i]! * (1 - share)))).toBeLessThanOrEqual(3));
  });
});
