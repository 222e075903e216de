// `make demo`: composes scenes of handwritten digits, trains YOLOv9-T with PGI on them, validates, exports to ONNX, detects
// on scenes that were held out, and writes demo/report.html. Each step is the real command; what is done is not repeated.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError, commandLine, ROOT, runCommand, runForJson } from "./commands.js";
import { Written, writeDataset } from "./dataset.js";
import { Journal } from "./journal.js";
import { countHeldOut, reportData, type Outcome } from "./outcome.js";
import { DATASET, EPOCHS, IMAGE_SIZE, MODEL, TRAINING_FLAGS } from "./recipe.js";
import { renderReport } from "./report.js";
import { Detected, Exported, Profile, Results, Validated } from "./results.js";

// Relative to the root of the repository, where every command runs.
const DATA = "demo/data/digits";
const RUNS = "demo/runs";
const RUN = `${RUNS}/digits`;
const ONNX = `${RUNS}/digits.onnx`;
const DETECTIONS = `${RUNS}/detections`;
const REPORT = "demo/report.html";

const TRAIN = ["train", "--data", DATA, ...TRAINING_FLAGS, "--project", RUNS, "--name", "digits", "--exist-ok"];
const RESUME = ["train", "--resume", RUN];
const VALIDATE = ["val", "--weights", RUN, "--data", DATA, "--imgsz", String(IMAGE_SIZE)];
const INFO = ["info", MODEL, "--nc", "10", "--imgsz", String(IMAGE_SIZE)];
const EXPORT = ["export", "--weights", RUN, "--imgsz", String(IMAGE_SIZE), "--output", ONNX];
const DETECT = [
  ...["detect", "--weights", ONNX, `${DATA}/images/test`],
  ...["--project", RUNS, "--name", "detections", "--exist-ok"],
];

async function main(): Promise<void> {
  process.chdir(ROOT);
  const journal = new Journal(RUNS, JSON.stringify({ DATASET, TRAIN }));
  if (journal.isDone("detected") && existsSync(REPORT)) {
    console.log("The demo is done already and its results are kept; 'make clean' lets it start anew.");
  }
  const outcome = await runSteps(journal);
  writeFileSync(REPORT, renderReport(reportData(outcome, timing(journal, outcome.training), SETTINGS)));

  const { AP50, AP, images } = outcome.validated;
  const { digits, found, wrong } = countHeldOut(outcome);
  console.log(`\nvalidation: mAP50 ${AP50.toFixed(3)}, mAP50-95 ${AP.toFixed(3)} on ${images} scenes`);
  console.log(`held out:   ${found} of ${digits} digits found, ${wrong} detections wrong`);
  console.log(`\nThe report with curves and annotated scenes:\n${join(ROOT, REPORT)}`);
}

const SETTINGS = { model: MODEL, imageSize: IMAGE_SIZE, pictures: DETECTIONS };

async function runSteps(journal: Journal): Promise<Outcome> {
  const announce = (step: keyof Outcome, text: string) => {
    if (!journal.isDone(step)) console.log(`\n— ${text}`);
  };
  if (!existsSync(DATA)) journal.forget("data");
  announce("data", "Compose scenes of handwritten digits");
  const data = await journal.once("data", Written, () => writeDataset(DATA, DATASET));

  announce("training", "Train from scratch, with the auxiliary branch: about five minutes on two cores");
  const training = await journal.once("training", Results, train);

  announce("validated", "Validate the best weights");
  const validated = await journal.once("validated", Validated, () => runForJson(VALIDATE, Validated));

  announce("exported", "Drop the auxiliary branch, fuse, write ONNX");
  const profile = await journal.once("profile", Profile, () => runForJson(INFO, Profile));
  const exported = await journal.once("exported", Exported, () => runForJson(EXPORT, Exported));

  announce("detected", "Detect on held-out scenes with ONNX Runtime");
  const detected = await journal.once("detected", Detected, () => runForJson(DETECT, Detected));
  return { data, training, validated, profile, exported, detected };
}

/** A new run, or the rest of one that was interrupted. */
async function train(): Promise<Results> {
  const before = epochsDone();
  if (before.length < EPOCHS) await runCommand(existsSync(`${RUN}/weights/last.safetensors`) ? RESUME : TRAIN);
  const after = epochsDone();
  if (after.length < EPOCHS) {
    throw new CommandError(`training ended after ${after.length} of ${EPOCHS} epochs; 'make demo' goes on with it`);
  }
  return after;
}

function epochsDone(): Results {
  const file = `${RUN}/results.json`;
  return existsSync(file) ? Results.parse(JSON.parse(readFileSync(file, "utf8"))) : [];
}

function timing(journal: Journal, training: Results) {
  // A run that was resumed took longer than its last part.
  const epochSeconds = training.reduce((sum, { trainSeconds, valSeconds }) => sum + trainSeconds + valSeconds, 0);
  const step = (name: string, args: readonly string[]) => ({
    command: commandLine(args),
    seconds: journal.seconds(name),
  });
  return {
    data: { seconds: journal.seconds("data") },
    training: { command: commandLine(TRAIN), seconds: Math.max(journal.seconds("training"), epochSeconds) },
    validated: step("validated", VALIDATE),
    exported: step("exported", EXPORT),
    detected: step("detected", DETECT),
  };
}

await main().catch((error: unknown) => {
  if (!(error instanceof CommandError)) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = 1;
});
