// Suppression of one picture's 30,000 candidates, by each method: from the network's output to the kept boxes.
import { nonMaxSuppression, NMS_METHODS } from "@yolov9/vision";
import type { Report } from "./main.js";
import { seededRandom } from "./random.js";
import { median, table } from "./statistics.js";

const ANCHORS = 8_400;
const CANDIDATES = 30_000;
const RUNS = 25;

/** Many classes share the candidates, as in validation; or all are of one, so that every box can suppress every other. */
const SCENES = {
  "80 classes": { classCount: 80, anchors: ANCHORS },
  "1 class": { classCount: 1, anchors: CANDIDATES },
};

export function benchNms(): Report {
  const measured = Object.entries(SCENES).flatMap(([scene, shape]) => {
    const predictions = crowdedPredictions(shape);
    return NMS_METHODS.map((method) => {
      const run = () => nonMaxSuppression(predictions, { ...shape, method });
      const times = Array.from({ length: RUNS }, () => {
        const started = performance.now();
        run();
        return performance.now() - started;
      });
      return { scene, method, candidates: CANDIDATES, kept: run().count, milliseconds: median(times) };
    });
  });
  const rows = measured.map(({ scene, method, kept, milliseconds }) => [
    `${scene}, ${method}`,
    String(kept),
    milliseconds.toFixed(2),
  ]);
  return { data: { measured }, table: table([[`${CANDIDATES} candidates`, "kept", "ms"], ...rows]) };
}

/** Boxes around forty objects, 30,000 scores above the threshold, most of them low. */
function crowdedPredictions({ classCount, anchors }: { classCount: number; anchors: number }): Float32Array {
  const random = seededRandom(7);
  const objects = Array.from({ length: 40 }, () => [random() * 640, random() * 640, 10 + 200 * random() ** 2]);
  const predictions = new Float32Array((4 + classCount) * anchors);
  for (let a = 0; a < anchors; a++) {
    const [x, y, side] = objects[Math.floor(random() * objects.length)]!;
    const near = (centre: number) => centre + (random() - 0.5) * side! * 0.5;
    predictions[a] = near(x!);
    predictions[anchors + a] = near(y!);
    predictions[2 * anchors + a] = side! * (0.7 + 0.6 * random());
    predictions[3 * anchors + a] = side! * (0.7 + 0.6 * random());
  }
  for (let placed = 0; placed < CANDIDATES;) {
    const at =
      (4 + Math.floor(random() * classCount)) * anchors + (classCount === 1 ? placed : Math.floor(random() * anchors));
    if (predictions[at] === 0) placed++;
    predictions[at] = 0.002 + 0.99 * random() ** 5;
  }
  return predictions;
}
