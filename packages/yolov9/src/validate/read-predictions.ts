import type { Tensor } from "@yolov9/torch";
import type { Predictions } from "./predictor.js";

/** @param decoded [B, 4 + classCount, A], anywhere */
export function readPredictions(decoded: Tensor): Predictions {
  const values = decoded.toArray();
  return {
    values: values instanceof Float32Array ? values : Float32Array.from(values, Number),
    anchors: decoded.shape[2]!,
  };
}
