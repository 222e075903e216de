// `npm run bench -- train`: measures parts on this machine and prints tables or JSON.
import { parseArgs } from "node:util";
import { answerPeak } from "./convolution-peak.js";
import { benchDetector } from "./detector.js";
import { benchEvaluate } from "./evaluate.js";
import { benchInfer } from "./infer.js";
import { answerInference } from "./inference.js";
import { benchKernels } from "./kernels.js";
import { benchLoader } from "./loader.js";
import { benchNms } from "./nms.js";
import { benchPgi } from "./pgi.js";
import { benchTrain } from "./train.js";
import { answerStep } from "./training-step.js";

const usage = `usage: npm run bench -- [train infer kernels loader evaluate nms pgi detector …] [options]
all but pgi, which takes several minutes, and detector, which needs files, when none is named
  --model NAME   model of the training step (default yolov9-t)
  --imgsz N      image size (default 320)
  --batch N      images a step (default 16)
  --steps N      measured steps (default 5)
  --data PATH    data set of the loader (default ../shared/datasets/bccd), or folder of pictures of the detector
  --weights FILE exported model of the detector; may be given several times
  --json         one JSON object instead of tables`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: "string", default: "yolov9-t" },
    imgsz: { type: "string", default: "320" },
    batch: { type: "string", default: "16" },
    steps: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    data: { type: "string" },
    weights: { type: "string", multiple: true, default: [] },
    ask: { type: "string" }, // what `askChild` wants measured in this process, and how
    request: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const options = {
  model: values.model,
  size: Number(values.imgsz),
  batch: Number(values.batch),
  steps: Number(values.steps),
};

/** A measured part: what JSON holds, and the table that people read. */
export interface Report {
  data: Record<string, unknown>;
  table: string;
}

const parts: Record<string, () => Report | Promise<Report>> = {
  train: () => benchTrain(options),
  infer: benchInfer,
  kernels: benchKernels,
  loader: () => benchLoader({ data: values.data }),
  evaluate: benchEvaluate,
  nms: benchNms,
  pgi: () => benchPgi(options),
  detector: () => benchDetector({ data: values.data ?? "", weights: values.weights }),
};

/** What is measured when nothing is named: under three minutes together. */
const STANDARD = ["train", "infer", "kernels", "loader", "evaluate", "nms"];

/** What a process of its own can be asked. */
const answers: Record<string, (request: never) => unknown> = {
  step: answerStep,
  inference: answerInference,
  peak: answerPeak,
};

async function main(): Promise<void> {
  if (values.help) {
    console.log(usage);
    return;
  }
  if (values.ask !== undefined) {
    console.log(JSON.stringify(await answers[values.ask]!(JSON.parse(values.request!) as never)));
    return;
  }
  const wanted = positionals.length > 0 ? positionals : STANDARD;
  const unknown = wanted.find((name) => !(name in parts));
  if (unknown !== undefined) throw new Error(`there is no bench '${unknown}'\n${usage}`);
  const results: Record<string, unknown> = {};
  for (const name of wanted) {
    const report = await parts[name]!();
    if (values.json) results[name] = report.data;
    else console.log(`${name}\n${report.table}\n`);
  }
  if (values.json) console.log(JSON.stringify(wanted.length === 1 ? results[wanted[0]!] : results));
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
