import { allocatorStatistics } from "@yolov9/torch";
import { expect, it } from "vitest";
import { deployed } from "../export/index.js";
import { buildModel, loadModelSpec } from "../model/index.js";
import { TorchPredictor } from "./torch-predictor.js";

const SIDE = 160;
const WARM_UP = 3;
const FRAMES = 10;

it.each(["float32", "bfloat16"] as const)(
  "predicts picture after picture in memory it has already (%s)",
  async (precision) => {
    const predictor = new TorchPredictor(deployed(buildModel(loadModelSpec("gelan-t"))), { precision });
    const frame = () =>
      predictor.predict({ images: new Uint8Array(3 * SIDE * SIDE).fill(114), batchSize: 1, width: SIDE, height: SIDE });
    for (let i = 0; i < WARM_UP; i++) await frame();
    const { fromSystem, bytesHeld } = allocatorStatistics()!;
    for (let i = 0; i < FRAMES; i++) await frame();
    expect(allocatorStatistics()).toMatchObject({ fromSystem, bytesHeld });
  },
);
