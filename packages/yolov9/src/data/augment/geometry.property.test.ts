import { describe, expect, it } from "vitest";

import { AugmentConfig } from "./config.js";
import { planSample } from "./plan.js";
import { Renderer, type ImageShape, type Picture } from "./render.js";
import { ringSpans } from "./ring-spans.js";

// Objects are drawn as pixels before, each picture's in a channel of its own, and found as pixels after.

const DRAWS = 1000;
const SIZE = 64;
const OFF = AugmentConfig.parse(Object.fromEntries(Object.keys(AugmentConfig.shape).map((key) => [key, 0])));
const square: ImageShape = { nominal: { width: SIZE, height: SIZE }, output: { width: SIZE, height: SIZE } };

type Paint = (x: number, y: number) => boolean;

function picture(channel: number, width: number, height: number, paint: Paint, rows: Partial<Picture>): Picture {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) if (paint(x, y)) data[(y * width + x) * 3 + channel] = 255;
  }
  const none = { boxes: new Float32Array(), classes: new Int32Array(), polygons: [], keypoints: new Float32Array() };
  return { image: { data, width, height }, sourceWidth: width, sourceHeight: height, ...none, ...rows };
}

const sizes = [
  [64, 48],
  [44, 64],
  [64, 64],
] as const;

/** A filled box in each of three pictures, and empty pictures for the other places of a mosaic. */
const boxed = sizes.map(([width, height], k) => {
  const [x1, y1, x2, y2] = [6 + 4 * k, 14, 32 + 4 * k, 40];
  const paint: Paint = (x, y) => x >= x1 && x < x2 && y >= y1 && y < y2;
  const rows = { boxes: Float32Array.of(x1, y1, x2, y2), classes: Int32Array.of(k), polygons: [[]] };
  return picture(k, width, height, paint, rows);
});

/** A filled octagon in each, with its outline: corners that are not so sharp that their tips vanish. */
const RADIUS = 14;
const outlined = sizes.map(([width, height], k) => {
  const [centreX, centreY] = [20 + 2 * k, 24];
  const corners = Array.from({ length: 8 }, (_, i) => ((i + 0.5) * Math.PI) / 4);
  const ring = Float32Array.from(
    corners.flatMap((a) => [centreX + RADIUS * Math.cos(a), centreY + RADIUS * Math.sin(a)]),
  );
  const inscribed = RADIUS * Math.cos(Math.PI / 8);
  const paint: Paint = (x, y) => {
    const [dx, dy] = [Math.abs(x + 0.5 - centreX), Math.abs(y + 0.5 - centreY)];
    return Math.max(dx, dy, (dx + dy) / Math.SQRT2) < inscribed;
  };
  const box = [centreX - inscribed, centreY - inscribed, centreX + inscribed, centreY + inscribed];
  return picture(k, width, height, paint, {
    boxes: Float32Array.from(box),
    classes: Int32Array.of(k),
    polygons: [[ring]],
  });
});

/** A small square around each of two keypoints; the mirror order exchanges them. */
const DOT = 3.5;
const flip = [1, 0];
const points = [
  [14, 20],
  [30, 32],
] as const;
const pointed = sizes.map(([width, height], k) =>
  picture(
    k,
    width,
    height,
    // The first picture shows its first point, the others their second.
    (x, y) => [x + 0.5, y + 0.5].every((at, axis) => Math.abs(at - points[Math.min(k, 1)]![axis]!) < DOT),
    {
      boxes: Float32Array.of(0, 0, width, height),
      classes: Int32Array.of(k),
      polygons: [[]],
      keypoints: Float32Array.from(points.flatMap(([x, y]) => [x, y, 2])),
    },
  ),
);

const blank = picture(0, 64, 40, () => false, {});

interface Draw {
  readonly out: Uint8Array;
  readonly rows: readonly number[];
  readonly outlines: readonly (readonly Float32Array[])[];
  readonly keypoints: readonly number[];
  readonly mirrored: boolean;
}

/** Renders `DRAWS` plans. */
async function* draws(
  config: Partial<AugmentConfig>,
  pictures: readonly Picture[],
  shape = square,
): AsyncGenerator<Draw> {
  const renderer = new Renderer(flip);
  const { width, height } = shape.output;
  const out = new Uint8Array(width * height * 3);
  const context = { config: { ...OFF, ...config }, sampleCount: 9, imageSize: SIZE, mosaic: true };
  for (let seed = 0; seed < DRAWS; seed++) {
    const plan = planSample({ seed, epoch: 0, index: 0 }, context);
    // A plan's places get the pictures in turn, each once; a single place gets one after the other.
    const used = plan.canvas.indices.map((_, place) =>
      plan.canvas.kind === "letterbox" ? pictures[seed % 3]! : (pictures[place] ?? blank),
    );
    const made = await renderer.render(plan, used, shape, out);
    yield { out, ...made, mirrored: plan.flip.leftRight !== plan.flip.upDown };
  }
}

/** Brighter than the grey of the padding. */
const BRIGHT = 128;

/** Edges of what is bright in a plane; undefined when nothing is. */
function brightEdges(plane: Uint8Array, width: number): [number, number, number, number] | undefined {
  let left = Infinity;
  let top = Infinity;
  let right = -1;
  let bottom = -1;
  for (let i = 0; i < plane.length; i++) {
    if (plane[i]! < BRIGHT) continue;
    const x = i % width;
    const y = (i - x) / width;
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  return right < 0 ? undefined : [left, top, right, bottom];
}

/** Pixels that are bright but not inside, or the other way round. */
function differences(inside: Uint8Array, plane: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < plane.length; i++) if ((inside[i] === 1) !== plane[i]! >= BRIGHT) count++;
  return count;
}

/** Class and edges in output pixels of each row. */
function edgesOf(rows: readonly number[], { width, height }: ImageShape["output"]) {
  return Array.from({ length: rows.length / 5 }, (_, i) => {
    const [k, cx, cy, w, h] = rows.slice(i * 5, i * 5 + 5) as [number, number, number, number, number];
    return { k, edges: [(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height] };
  });
}

const TOLERANCE = 1.5;

/** Edges of boxes against those of pixels; where the image's edge cuts an object a tip may be too thin to be bright. */
async function compareEdges(
  config: Partial<AugmentConfig>,
  pictures: readonly Picture[],
  shape = square,
  cuts = false,
  alsoLookAt: (draw: Draw) => void = () => {},
) {
  const { width, height } = shape.output;
  let [compared, worst] = [0, 0];
  for await (const draw of draws(config, pictures, shape)) {
    const { out, rows } = draw;
    alsoLookAt(draw);
    for (const { k, edges } of edgesOf(rows, shape.output)) {
      const seen = brightEdges(out.subarray(k * width * height, (k + 1) * width * height), width);
      const isCut = edges.some((edge, i) => edge < 1 || edge > (i % 2 === 0 ? width : height) - 1);
      if (cuts && isCut) continue;
      compared++;
      // A row whose pixels are nowhere is infinitely far off.
      edges.forEach((edge, i) => (worst = Math.max(worst, seen ? Math.abs(edge - seen[i]!) : Infinity)));
    }
  }
  expect(compared).toBeGreaterThan(DRAWS / 20);
  return worst;
}

const at = (width: number, height: number, output = { width, height }): ImageShape => ({
  nominal: { width, height },
  output,
});

/** Name, strengths, shape, and whether objects are turned, so that what the image's edge cuts is left out. */
const cases: readonly [string, Partial<AugmentConfig>, ImageShape?, boolean?][] = [
  ["letterbox", {}],
  ["translation", { translate: 0.4 }],
  ["scale", { scale: 0.6 }],
  ["rotation", { degrees: 180 }, square, true],
  ["shear", { shear: 15 }, square, true],
  ["perspective", { perspective: 0.002 }, square, true],
  ["flips", { fliplr: 0.5, flipud: 0.5 }],
  ["mosaic of four", { mosaic: 1 }],
  ["mosaic of nine", { mosaic: 1, mosaic9: 1 }],
  ["enlarged for multi-scale", { mosaic: 1, scale: 0.3 }, at(SIZE, SIZE, { width: 96, height: 96 })],
  ["reduced for multi-scale", { mosaic: 1 }, at(SIZE, SIZE, { width: 44, height: 44 })],
  ["rectangle", { scale: 0.3, fliplr: 0.5 }, at(64, 48)],
  [
    "everything at once",
    { mosaic: 1, scale: 0.4, degrees: 20, shear: 5, perspective: 0.001, fliplr: 0.5, flipud: 0.5, translate: 0.1 },
    square,
    true,
  ],
];

describe(`after ${DRAWS} draws of geometry`, () => {
  it.each(cases)("boxes lie on their pixels: %s", async (_, config, shape, cuts) => {
    expect(await compareEdges(config, boxed, shape, cuts)).toBeLessThanOrEqual(TOLERANCE);
  });

  it.each(cases)("boxes of outlines, and the outlines, lie on their pixels: %s", async (_, config, shape = square) => {
    const { width, height } = shape.output;
    let excess = -Infinity;
    const worst = await compareEdges(config, outlined, shape, true, ({ out, rows, outlines }) => {
      for (const [row, rings] of outlines.entries()) {
        const k = rows[row * 5]!;
        const scaled = rings.map((ring) => ring.map((value, i) => value * (i % 2 === 0 ? width : height)));
        const inside = new Uint8Array(width * height);
        for (const { y, from, to } of ringSpans(scaled, width, height))
          inside.fill(1, y * width + from, y * width + to);
        const plane = out.subarray(k * width * height, (k + 1) * width * height);
        excess = Math.max(excess, differences(inside, plane) - perimeter(scaled));
      }
    });
    expect(worst).toBeLessThanOrEqual(TOLERANCE);
    // Only pixels on the outline may differ, about one for each pixel of its length.
    expect(excess).toBeLessThanOrEqual(4);
  });

  it.each(cases)(
    "keypoints lie on their pixels, and change places in a mirror: %s",
    async (_, config, shape = square) => {
      const { width, height } = shape.output;
      let [compared, worst, worstHidden] = [0, 0, 0];
      for await (const { out, rows, keypoints, mirrored } of draws(config, pointed, shape)) {
        for (let row = 0; row * 5 < rows.length; row++) {
          const k = rows[row * 5]!;
          const shown = Math.min(k, 1);
          const place = mirrored ? flip[shown]! : shown;
          const [x, y, visibility] = keypoints.slice((row * 2 + place) * 3) as [number, number, number];
          if (visibility === 0) {
            worstHidden = Math.max(worstHidden, Math.abs(x), Math.abs(y));
            continue;
          }
          const seen = brightEdges(out.subarray(k * width * height, (k + 1) * width * height), width);
          // The middle of the dot is the keypoint only where none of it is cut off, by the image or by its picture's edge.
          if (!seen || seen[0] < 1 || seen[1] < 1 || seen[2] > width - 1 || seen[3] > height - 1) continue;
          compared++;
          worst = Math.max(worst, Math.abs((seen[0] + seen[2]) / 2 - x * width));
          worst = Math.max(worst, Math.abs((seen[1] + seen[3]) / 2 - y * height));
        }
      }
      expect(worst).toBeLessThanOrEqual(TOLERANCE);
      expect(worstHidden).toBe(0);
      expect(compared).toBeGreaterThan(DRAWS / 20);
    },
  );
});

function perimeter(rings: readonly Float32Array[]): number {
  let length = 0;
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      const next = (i + 2) % ring.length;
      length += Math.hypot(ring[next]! - ring[i]!, ring[next + 1]! - ring[i + 1]!);
    }
  }
  return length;
}

describe("mixup", () => {
  it("is the mean of two mosaics by its share, with the rows of both", async () => {
    const renderer = new Renderer();
    const context = {
      config: { ...OFF, mosaic: 1, mixup: 1, scale: 0.3 },
      sampleCount: 9,
      imageSize: SIZE,
      mosaic: true,
    };
    const [a, b, mixed] = [0, 1, 2].map(() => new Uint8Array(SIZE * SIZE * 3)) as [Uint8Array, Uint8Array, Uint8Array];
    const four = [...boxed, blank];
    let [worst, least, most] = [0, 1, 0];
    for (let seed = 0; seed < DRAWS; seed++) {
      const { blend, ...first } = planSample({ seed, epoch: 0, index: 0 }, context);
      const { canvas, share } = blend!;
      const { rows: rowsOfFirst } = await renderer.render(first, four, square, a);
      const { rows: rowsOfSecond } = await renderer.render({ ...first, canvas }, four, square, b);
      const { rows } = await renderer.render({ ...first, blend: blend! }, [...four, ...four], square, mixed);
      expect(rows).toEqual([...rowsOfFirst, ...rowsOfSecond]);
      for (let i = 0; i < mixed.length; i++)
        worst = Math.max(worst, Math.abs(mixed[i]! - (a[i]! * share + b[i]! * (1 - share))));
      [least, most] = [Math.min(least, share), Math.max(most, share)];
    }
    // The jitter's colour space, through which even an unchanged image goes, loses a few levels after the blend.
    expect(worst).toBeLessThanOrEqual(6);
    // Beta(32, 32) has a deviation of 1/16.
    expect(least).toBeGreaterThan(0.2);
    expect(least).toBeLessThan(0.4);
    expect(most).toBeGreaterThan(0.6);
    expect(most).toBeLessThan(0.8);
  });
});

describe("copy-paste", () => {
  it("pastes the mirrored pixels where it says that the mirrored object is", async () => {
    let pasted = 0;
    for await (const { out, rows, outlines } of draws({ mosaic: 1, copyPaste: 1, scale: 0.3 }, outlined)) {
      // Of a class that occurs twice, the second row is the pasted one; both together cover what is bright.
      for (const k of [0, 1, 2]) {
        const own = edgesOf(rows, square.output).flatMap(({ k: other }, row) => (other === k ? [row] : []));
        if (own.length < 2) continue;
        pasted++;
        const inside = new Uint8Array(SIZE * SIZE);
        const rings = own.flatMap((row) => outlines[row]!).map((ring) => ring.map((value) => value * SIZE));
        for (const { y, from, to } of ringSpans(rings, SIZE, SIZE)) inside.fill(1, y * SIZE + from, y * SIZE + to);
        const plane = out.subarray(k * SIZE * SIZE, (k + 1) * SIZE * SIZE);
        const strange = plane.reduce((sum, level, i) => sum + Number(level >= BRIGHT && inside[i] === 0), 0);
        expect(strange).toBeLessThanOrEqual(perimeter(rings) + 4);
      }
    }
    expect(pasted).toBeGreaterThan(DRAWS / 10);
  });

  it("does nothing without outlines", async () => {
    const plain: number[][] = [];
    for await (const { rows } of draws({ mosaic: 1, scale: 0.3 }, boxed)) plain.push([...rows]);
    let i = 0;
    for await (const { rows } of draws({ mosaic: 1, scale: 0.3, copyPaste: 1 }, boxed))
      expect(rows).toEqual(plain[i++]);
  });
});

describe("a mosaic of pictures with and without outlines", () => {
  it("keeps every box with its own class and pixels", async () => {
    // The published code writes the outlines' boxes to the first rows, whichever those are.
    const mixed = [boxed[0]!, outlined[1]!, boxed[2]!];
    expect(await compareEdges({ mosaic: 1, scale: 0.3 }, mixed, square, true)).toBeLessThanOrEqual(TOLERANCE);
    for await (const { rows, outlines } of draws({ mosaic: 1 }, mixed)) {
      outlines.forEach((rings, row) => expect(rings.length > 0).toBe(rows[row * 5] === 1));
    }
  });
});
