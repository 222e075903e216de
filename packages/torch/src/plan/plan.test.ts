import { describe, expect, it } from "vitest";
import {
  concatFeatures,
  Conv2d,
  cpuMultipliesBfloat16,
  decodeLevels,
  enlarge,
  fanOut,
  manualSeed,
  memory,
  noGrad,
  ones,
  recordPlan,
  scope,
  smooth,
  tensor,
  unitImages,
  zeros,
  type DType,
  type Plan,
  type Tensor,
} from "../index.js";

const BINS = 4;
const CLASSES = 3;
const CHANNELS = 4 * BINS + CLASSES;
const HEIGHT = 12;
const WIDTH = 8;
const ANCHORS = 6 * 4 + 3 * 2;
const IMAGE_BYTES = 3 * HEIGHT * WIDTH;

/** All that plans know: slices, a residual, concatenated features that others read too, groups, pooling, smoothing and enlarging. */
class Network {
  readonly stem = new Conv2d(3, 16, 3, { padding: 1, stride: 2, bias: true });
  readonly split: Conv2d;
  readonly inner: Conv2d;
  readonly grouped: Conv2d;
  readonly fine = new Conv2d(64, CHANNELS, 1, { bias: true });
  readonly coarse: Conv2d;
  readonly centres = ones([2, ANCHORS]).keep();
  readonly strides = ones([1, ANCHORS]).keep();
  readonly dtype: DType;

  constructor(dtype: DType, channels = 12) {
    manualSeed(4);
    this.dtype = dtype;
    this.split = new Conv2d(16, 2 * channels, 1, { bias: true });
    this.inner = new Conv2d(channels, channels, 3, { padding: 1, bias: true });
    this.grouped = new Conv2d(3 * channels, 16, 3, { padding: 1, groups: 4, bias: true });
    this.coarse = new Conv2d(3 * channels, CHANNELS, 3, { padding: 1 });
  }

  readonly predict = (images: Tensor): Tensor => {
    const stem = this.stem.forward(unitImages(images, this.dtype), "silu");
    const [bypass, chained] = this.split.forward(stem, "relu").chunk(2, 1) as [Tensor, Tensor];
    const [kept, next] = fanOut(chained, 2);
    const aggregated = concatFeatures([bypass, kept, kept.add(this.inner.forward(next, "silu"))]);
    const pooled = aggregated.max_pool2d([3, 3], [2, 2], [1, 1]);
    const smoothed = smooth(pooled.max_pool2d([2, 2], [1, 1], [1, 1]));
    const fine = concatFeatures([this.grouped.forward(aggregated, "silu"), enlarge(smoothed).narrow(1, 4, 32), stem]);
    return decodeLevels([this.fine.forward(fine), this.coarse.forward(pooled)], this, {
      bins: BINS,
      objectness: false,
    });
  };

  record(batch: number): Plan | undefined {
    return noGrad(() => scope(() => recordPlan(zeros([1, 3, HEIGHT, WIDTH], { dtype: "uint8" }), batch, this.predict)));
  }

  /** By its operators one by one. */
  eager(images: Uint8Array): Float32Array {
    const shape = [images.length / IMAGE_BYTES, 3, HEIGHT, WIDTH];
    return noGrad(() => scope(() => this.predict(tensor(images, { shape })).toArray() as Float32Array));
  }
}

function picture(batch: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: batch * IMAGE_BYTES }, (_, i) => ((i + seed) * 7919) % 251);
}

function run(plan: Plan, images: Uint8Array): Float32Array {
  const [batch, rows, columns] = plan.shape;
  const predictions = new Float32Array(batch * rows * columns).fill(NaN);
  expect(plan.run(images, predictions)).toBe(true);
  return predictions;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

const dtypes: DType[] = cpuMultipliesBfloat16() ? ["float32", "bfloat16"] : ["float32"];

describe.each(dtypes)("a plan in %s", (dtype) => {
  const tolerance = dtype === "float32" ? 1e-5 : 2e-2;

  const sizes = [12, 32].flatMap((channels) => [1, 2, 3].map((batch) => ({ channels, batch })));
  it.each(sizes)("computes what the operators compute: $batch pictures at once, $channels channels", (size) => {
    const { channels, batch } = size;
    const network = new Network(dtype, channels);
    const images = picture(batch, 0);
    using plan = network.record(batch)!;
    expect(plan.shape).toEqual([batch, 4 + CLASSES, ANCHORS]);
    expect(largestDifference(run(plan, images), network.eager(images))).toBeLessThan(tolerance);
  });

  it("keeps nothing from run to run", () => {
    using plan = new Network(dtype).record(1)!;
    const first = run(plan, picture(1, 0));
    expect(run(plan, picture(1, 5))).not.toEqual(first);
    expect(run(plan, picture(1, 0))).toEqual(first);
  });

  it("sees weights that changed in place", () => {
    const network = new Network(dtype);
    using plan = network.record(1)!;
    const before = run(plan, picture(1, 0));
    noGrad(() => [network.inner.weight.mul_(3), network.grouped.weight.mul_(-2), network.fine.bias!.add_(1)]);
    const after = run(plan, picture(1, 0));
    expect(largestDifference(after, network.eager(picture(1, 0)))).toBeLessThan(tolerance);
    expect(largestDifference(after, before)).toBeGreaterThan(0.1);
  });

  it("refuses to run once a weight is disposed of", () => {
    const network = new Network(dtype);
    using plan = network.record(1)!;
    network.inner.weight.dispose();
    const [, rows, columns] = plan.shape;
    expect(plan.run(picture(1, 0), new Float32Array(rows * columns))).toBe(false);
  });

  it("leaves no tensors behind", () => {
    const network = new Network(dtype);
    const before = memory().undisposedTensors;
    using plan = network.record(1)!;
    run(plan, picture(1, 0));
    expect(memory().undisposedTensors).toBe(before);
  });
});

describe("recordPlan", () => {
  const image = (): Tensor => zeros([1, 3, HEIGHT, WIDTH], { dtype: "uint8" });

  it("makes no plan of operators that it does not know", () => {
    const network = new Network("float32");
    const predict = (images: Tensor): Tensor => network.predict(images).clamp(0, 1);
    expect(noGrad(() => recordPlan(image(), 1, predict))).toBeUndefined();
    const twice = (images: Tensor): Tensor => network.stem.forward(unitImages(images, "float32").mul(2));
    expect(noGrad(() => recordPlan(image(), 1, twice))).toBeUndefined();
  });

  it("makes no plan in float64", () => {
    const network = new Network("float64");
    expect(network.record(1)).toBeUndefined();
  });

  it("passes on what the network throws", () => {
    const fail = (): Tensor => {
      throw new Error("no network");
    };
    expect(() => noGrad(() => recordPlan(image(), 1, fail))).toThrow("no network");
  });

  it("wants inputs of the plan's size", () => {
    using plan = new Network("float32").record(1)!;
    expect(() => plan.run(new Uint8Array(5), new Float32Array(5))).toThrow(/288 elements/);
  });

  it("wants no gradients", () => {
    expect(() => recordPlan(image(), 1, (x) => x)).toThrow(/without gradients/);
  });
});
