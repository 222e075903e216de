// Stages of detection with exported models: pictures in turn, and for every picture the models in turn, so that a disturbance meets all alike.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { decodeImage, Detector, detectionsOfRows } from "@yolov9/runtime";
import { fromLetterbox, letterboxImage, nonMaxSuppression, toPlanarFloat } from "@yolov9/vision";
import type { Report } from "./main.js";
import { median, table } from "./statistics.js";

const PICTURES = 12;
/** The first round warms up. */
const ROUNDS = 4;
const STAGES = ["decode", "letterbox", "model", "boxes"] as const;
type Times = Record<(typeof STAGES)[number], number[]>;

/** @param data folder of pictures @param weights ONNX files; ratios are against the first */
export async function benchDetector({ data, weights }: { data: string; weights: readonly string[] }): Promise<Report> {
  if (data === "" || weights.length === 0) throw new Error("give --data, a folder of pictures, and --weights");
  const pictures = readdirSync(data).filter((name) => /\.(jpe?g|png|webp)$/i.test(name));
  const paths = pictures
    .sort()
    .slice(0, PICTURES)
    .map((name) => join(data, name));
  if (paths.length === 0) throw new Error(`${data}: no pictures (jpg, png, webp)`);
  const models = await Promise.all(
    weights.map(async (file) => {
      const times: Times = { decode: [], letterbox: [], model: [], boxes: [] };
      return { file, detector: await Detector.load(file), times };
    }),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const path of paths) {
      for (const { detector, times } of models) {
        const taken = await detectionTimes(detector, path);
        if (round > 0) for (const [i, stage] of STAGES.entries()) times[stage].push(taken[i]!);
      }
    }
  }
  const measured = models.map(({ file, times }) => {
    const milliseconds = Object.fromEntries(STAGES.map((stage) => [stage, median(times[stage])]));
    return { file, milliseconds, ratio: median(times.model) / median(models[0]!.times.model) };
  });
  await Promise.all(models.map(({ detector }) => detector.dispose()));
  const rows = measured.map(({ file, milliseconds, ratio }) => [
    file,
    ...STAGES.map((stage) => milliseconds[stage]!.toFixed(2)),
    ratio.toFixed(2),
  ]);
  return { data: { measured }, table: table([["median ms", ...STAGES, "model ratio"], ...rows]) };
}

/** What `Detector.detect` does, with the clock looked at between the stages. */
async function detectionTimes(detector: Detector, path: string): Promise<number[]> {
  const { imageWidth: width, imageHeight: height, letterbox, confidence, iou, suppression } = detector.card;
  const clock = [performance.now()];
  const picture = await decodeImage(path);
  clock.push(performance.now());
  const { image, geometry } = letterboxImage(picture, width, height, letterbox);
  const pixels = new Float32Array(3 * width * height);
  toPlanarFloat(image, pixels, 0);
  clock.push(performance.now());
  const output = await detector.predict(pixels);
  clock.push(performance.now());
  const classCount = detector.names.length;
  const anchors = output.length / (4 + classCount);
  const { boxes } =
    suppression === undefined
      ? nonMaxSuppression(output, { classCount, anchors, confidence, iou, multiLabel: false })
      : detectionsOfRows(output);
  fromLetterbox(boxes, geometry, picture.width, picture.height);
  clock.push(performance.now());
  return clock.slice(1).map((time, i) => time - clock[i]!);
}
