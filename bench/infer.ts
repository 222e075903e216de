// One picture at a time on each engine that can run a model here, next to ONNX Runtime in float32.
import { cpuMultipliesBfloat16 } from "@yolov9/torch";
import { measureInference, type Engine } from "./inference.js";
import type { Report } from "./main.js";
import { table } from "./statistics.js";

const MODELS = ["gelan-t", "gelan-s", "gelan-c"];
const SIZE = 640;

const TITLES: Record<Engine, string> = {
  onnx: "ONNX Runtime, float32",
  float32: "libtorch, float32",
  bfloat16: "libtorch, bfloat16",
};

export function benchInfer(): Report {
  const engines = (Object.keys(TITLES) as Engine[]).filter(
    (engine) => engine !== "bfloat16" || cpuMultipliesBfloat16(),
  );
  const models = MODELS.map((model) => {
    const times = engines.map((engine) => ({ engine, milliseconds: measureInference({ model, size: SIZE, engine }) }));
    const reference = times[0]!.milliseconds;
    return { model, engines: times.map((time) => ({ ...time, ratio: reference / time.milliseconds })) };
  });
  const rows = models.flatMap(({ model, engines: measured }) =>
    measured.map(({ engine, milliseconds, ratio }) => [
      `${model}, ${TITLES[engine]}`,
      milliseconds.toFixed(1),
      ratio.toFixed(2),
    ]),
  );
  return {
    data: { size: SIZE, batch: 1, models },
    table: table([[`${SIZE} px, batch 1`, "ms", "times as fast"], ...rows]),
  };
}
