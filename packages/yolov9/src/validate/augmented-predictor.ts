/**
 * Test-time augmentation: a predictor that looks at every image three times, at full size, mirrored and smaller, and smaller still, and gives
 * all predictions together in the pixels of the first look. Suppression afterwards sees them as one set and picks the best.
 */
import { LETTERBOX_PAD, resizeBilinear, toPlanarBytes } from "@yolov9/vision";
import type { InputSize, PredictionInput, Predictions, Predictor } from "./predictor.js";

interface View {
  readonly scale: number;
  readonly mirrored: boolean;
}

/** The published looks. */
const VIEWS: readonly View[] = [
  { scale: 1, mirrored: false },
  { scale: 0.83, mirrored: true },
  { scale: 0.67, mirrored: false },
];

/** Sides of what the network is shown are multiples of its largest stride. */
const CELL = 32;

export class AugmentedPredictor implements Predictor {
  readonly #inner: Predictor;

  /**
   * @param inner is closed with this predictor
   * @throws Error for a model that suppresses boxes itself: what the looks find could not be suppressed together
   */
  constructor(inner: Predictor) {
    if (inner.suppression !== undefined) {
      throw new Error(
        "augmentation needs a model exported without --nms, so that the boxes of all looks are suppressed together",
      );
    }
    this.#inner = inner;
  }

  get classCount(): number {
    return this.#inner.classCount;
  }

  get names(): readonly string[] | undefined {
    return this.#inner.names;
  }

  get engine(): string {
    return this.#inner.engine;
  }

  get inputSize(): InputSize | undefined {
    return this.#inner.inputSize;
  }

  /** Losses are those of the full-size look. @throws RangeError when the predictor takes one size only (a file exported without --dynamic) */
  async predict(input: PredictionInput): Promise<Predictions> {
    const views: Predictions[] = [];
    for (const view of VIEWS) {
      if (view.scale === 1 && !view.mirrored) {
        views.push(await this.#inner.predict(input));
        continue;
      }
      const shown = lookAt(input, view);
      const predictions = await this.#inner.predict(shown.input);
      mapBack(predictions, input, shown, view, this.classCount);
      views.push(predictions);
    }
    return joined(views, input.batchSize, 4 + this.classCount);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

interface Shown {
  readonly input: PredictionInput;
  /** Shown pixels for one pixel of the image. */
  readonly scaleX: number;
  readonly scaleY: number;
}

/** Mirrored and scaled images in the upper left of grey ones of whole cells. */
function lookAt({ images, batchSize, width, height }: PredictionInput, { scale, mirrored }: View): Shown {
  const scaledWidth = Math.trunc(width * scale);
  const scaledHeight = Math.trunc(height * scale);
  const [outWidth, outHeight] = [scaledWidth, scaledHeight].map((side) => Math.ceil(side / CELL) * CELL) as [
    number,
    number,
  ];
  const out = new Uint8Array(batchSize * 3 * outWidth * outHeight).fill(LETTERBOX_PAD);
  for (let image = 0; image < batchSize; image++) {
    const from = images.subarray(image * 3 * width * height, (image + 1) * 3 * width * height);
    const scaled = resizeBilinear(
      { data: interleaved(from, width, mirrored), width, height },
      scaledWidth,
      scaledHeight,
    );
    const to = out.subarray(image * 3 * outWidth * outHeight, (image + 1) * 3 * outWidth * outHeight);
    toPlanarBytes(scaled, to, { width: outWidth, left: 0, top: 0 });
  }
  const input = { images: out, batchSize, width: outWidth, height: outHeight };
  return { input, scaleX: scaledWidth / width, scaleY: scaledHeight / height };
}

/** Planes R, G, B as pixels, mirrored left to right where wanted. */
function interleaved(planes: Uint8Array, width: number, mirrored: boolean): Uint8Array {
  const size = planes.length / 3;
  const pixels = new Uint8Array(planes.length);
  for (let pixel = 0; pixel < size; pixel++) {
    const x = pixel % width;
    const from = mirrored ? pixel - x + width - 1 - x : pixel;
    for (let channel = 0; channel < 3; channel++) pixels[pixel * 3 + channel] = planes[channel * size + from]!;
  }
  return pixels;
}

/** Boxes of a look in the pixels of the image, in place: rows cx, cy, w, h of every image. */
function mapBack(
  { values, anchors }: Predictions,
  { batchSize, width }: PredictionInput,
  { scaleX, scaleY }: Shown,
  { mirrored }: View,
  classCount: number,
): void {
  for (let image = 0; image < batchSize; image++) {
    const start = image * (4 + classCount) * anchors;
    for (let a = start; a < start + anchors; a++) {
      const centreX = values[a]! / scaleX;
      values[a] = mirrored ? width - centreX : centreX;
      values[a + anchors] = values[a + anchors]! / scaleY;
      values[a + 2 * anchors] = values[a + 2 * anchors]! / scaleX;
      values[a + 3 * anchors] = values[a + 3 * anchors]! / scaleY;
    }
  }
}

/** All anchors of all looks side by side: [batchSize, channels, sum of anchors]. */
function joined(views: readonly Predictions[], batchSize: number, channels: number): Predictions {
  const anchors = views.reduce((sum, view) => sum + view.anchors, 0);
  const values = new Float32Array(batchSize * channels * anchors);
  let to = 0;
  for (let row = 0; row < batchSize * channels; row++) {
    for (const view of views) {
      values.set(view.values.subarray(row * view.anchors, (row + 1) * view.anchors), to);
      to += view.anchors;
    }
  }
  const [{ losses }] = views as readonly [Predictions];
  return { values, anchors, ...(losses && { losses }) };
}
