// Builds YOLOv9-T with the attention block, trains it for a moment on squares, exports it to ONNX and detects with the file:
//   node examples/dist/custom-block/main.js
// The same from the command line, which loads the block with --plugin:
//   npx yolov9 train --plugin examples/dist/custom-block/channel-attention.js --model examples/custom-block/attention-t.yaml --data …

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Detector } from "@yolov9/runtime";
import { exportModel, loadModelSpec, openTrainedModel, parseConfig, profile, train, TrainConfig } from "yolov9";
import "./channel-attention.js";
import { SIDE, writeSquares } from "./squares.js";

const MODEL = fileURLToPath(new URL("../../custom-block/attention-t.yaml", import.meta.url));
const EPOCHS = 4;

const folder = mkdtempSync(join(tmpdir(), "custom-block-"));
try {
  const { parameters } = profile({ ...loadModelSpec(MODEL), classCount: 2 });
  console.log(
    `${parameters.training.toLocaleString("en")} parameters, ${parameters.deploy.toLocaleString("en")} deployed`,
  );

  const data = await writeSquares(join(folder, "data"), { train: 16, val: 4 });
  const run = { model: MODEL, data, project: folder, name: "run", imgsz: SIDE, batch: 4, epochs: EPOCHS, workers: 0 };
  const trained = await train(parseConfig(TrainConfig, run, "this example"));

  const { model } = openTrainedModel(trained.last, undefined);
  const { file, verification } = await exportModel(model, { height: SIDE, width: SIDE });
  model.dispose();
  const onnx = join(folder, "attention-t.onnx");
  writeFileSync(onnx, file);
  console.log(`ONNX Runtime against libtorch: scores differ by ${verification.runtime.score.toExponential(1)}`);

  const detector = await Detector.load(onnx);
  const detections = await detector.detect(join(folder, "data", "images", "val", "0.png"), { confidence: 0.001 });
  console.log(`${detections.length} detections at confidence 0.001 after ${EPOCHS} epochs`);
  await detector.dispose();
} finally {
  rmSync(folder, { recursive: true });
}
