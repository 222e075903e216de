/** `yolov9 detect`: finds objects in picture files, and leaves annotated pictures, label texts or JSON. */
import type { Command } from "commander";
import { DetectConfig } from "../config/index.js";
import { problemLines, problemText, type Problem } from "../data/index.js";
import type { DetectedImage } from "../detect/index.js";
import { configurationOf, describeCommand } from "./command.js";
import { UserError } from "./user-error.js";
import { note, print, printJson } from "../terminal.js";

export function addDetectCommand(program: Command): void {
  const command = program
    .command("detect")
    .alias("predict")
    .argument("<sources...>", "picture files, folders, globs in quotes");
  describeCommand(command, {
    description: "find objects in pictures with an exported model or a checkpoint",
    schema: DetectConfig,
    examples: [
      ["yolov9 detect --weights best.onnx photos/", "annotated pictures in runs/detect/detect"],
      ["yolov9 detect --weights runs/train/yolov9-t a.jpg b.jpg --save-txt --save-conf", "label files too"],
      ["yolov9 detect --weights best.onnx 'in/**/*.png' --no-images --json", "only JSON on standard output"],
    ],
  })
    .option("--json", "print one JSON array to standard output, and all else to standard error")
    .action((sources: string[]) => detect(sources, command));
}

async function detect(sources: readonly string[], command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const config = configurationOf(command, DetectConfig);
  const stage = await import("../detect/index.js");
  const { openPredictor, suppressionNote } = await import("../validate/index.js");
  const paths = await stage.expandSources(sources);
  const predictor = await openPredictor(config.weights, config);
  const suppression = suppressionNote(predictor);
  if (suppression !== undefined) note(suppression);
  const limits = { maxPixels: config.maxMegapixels * 1e6, anyFormat: config.anyFormat };
  const detector = new stage.PictureDetector(predictor, {
    ...config,
    ...limits,
    ...stage.inputSizeOf(predictor, config.imgsz),
  });
  const files = new stage.ResultFiles(stage.resultFolder(config.project, config.name, config.existOk), {
    ...config,
    ...limits,
  });
  const say = json === true ? note : print;
  say(`${config.weights} on ${predictor.engine}`);
  const found: DetectedImage[] = [];
  const skipped: Problem[] = [];
  try {
    let number = 0;
    for await (const outcome of stage.detectPictures(detector, paths)) {
      const position = `${++number}/${paths.length} ${outcome.path}`;
      if (outcome.kind === "skipped") {
        skipped.push({ file: outcome.path, reason: `${outcome.reason}; skipped` });
        continue;
      }
      found.push(outcome.image);
      await files.add(outcome.image);
      const { width, height, milliseconds } = outcome.image;
      const time = milliseconds.preprocess + milliseconds.inference + milliseconds.nms;
      say(`${position}: ${width}x${height}, ${stage.detectionCounts(outcome.image)}, ${time.toFixed(1)} ms`);
    }
  } finally {
    await predictor.close();
  }
  const told =
    files.writesAnything && skipped.length > 1
      ? problemLines(skipped, files.listSkipped(skipped))
      : skipped.map(problemText);
  for (const line of told) note(`warning: ${line}`);
  if (found.length === 0) throw new UserError(`none of the ${paths.length} pictures could be read`);
  files.finish();
  if (files.writesAnything) say(`results in ${files.folder}`);
  if (json === true) printJson(found.map(stage.detectedImageJson));
}
