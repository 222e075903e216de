// COCO's figures for as many pictures, objects and detections as COCO's validation set has, from parsed rows to twelve numbers.
import { evaluateCoco, type CocoAnnotations, type CocoDetection } from "@yolov9/vision";
import type { Report } from "./main.js";
import { seededRandom } from "./random.js";
import { median, table } from "./statistics.js";

const IMAGES = 5_000;
const OBJECTS = 36_000;
const DETECTIONS = 500_000;
const CLASSES = 80;
const RUNS = 3;
/** The share of detections that lie on an object; the rest is anywhere. */
const ON_OBJECTS = 0.3;

export function benchEvaluate(): Report {
  const { annotations, detections } = syntheticCoco();
  const times = Array.from({ length: RUNS }, () => {
    const started = performance.now();
    evaluateCoco(annotations, detections);
    return (performance.now() - started) / 1000;
  });
  const { result } = evaluateCoco(annotations, detections);
  const data = { images: IMAGES, objects: OBJECTS, detections: DETECTIONS, seconds: median(times), AP: result.AP };
  const rows = [
    ["images", "objects", "detections", "seconds", "AP"],
    [...[IMAGES, OBJECTS, DETECTIONS].map(String), data.seconds.toFixed(2), result.AP.toFixed(4)],
  ];
  return { data, table: table(rows) };
}

/** The same rows at every run: classes as uneven as in life, sizes from 8 to 400 pixels, scores with few high ones. */
function syntheticCoco(): { annotations: CocoAnnotations; detections: CocoDetection[] } {
  const random = seededRandom(1);
  const images = Array.from({ length: IMAGES }, (_, id) => ({ id: id + 1, width: 640, height: 480 }));
  const classOf = () => 1 + Math.floor(CLASSES * random() ** 2);
  const side = () => 8 * 50 ** random();
  const place = (): [number, number, number, number] => [random() * 600, random() * 440, side(), side()];
  const annotations = Array.from({ length: OBJECTS }, (_, i) => ({
    id: i + 1,
    image_id: 1 + Math.floor(random() * IMAGES),
    category_id: classOf(),
    bbox: place(),
    iscrowd: random() < 0.01 ? 1 : 0,
  })).map((row) => ({ ...row, area: row.bbox[2] * row.bbox[3] * 0.6 }));
  const detections = Array.from({ length: DETECTIONS }, (): CocoDetection => {
    const score = Math.round(random() ** 6 * 1e5) / 1e5;
    if (random() >= ON_OBJECTS) {
      return { image_id: 1 + Math.floor(random() * IMAGES), category_id: classOf(), bbox: place(), score };
    }
    const { image_id, category_id, bbox } = annotations[Math.floor(random() * OBJECTS)]!;
    const [x, y, w, h] = bbox;
    const moved = [x + (random() - 0.5) * w * 0.3, y + (random() - 0.5) * h * 0.3, w, h];
    return { image_id, category_id: random() < 0.9 ? category_id : classOf(), bbox: moved, score };
  });
  return { annotations: { images, annotations }, detections };
}
