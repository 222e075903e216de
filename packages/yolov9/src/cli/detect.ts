/** `yolov9 detect`: finds objects in picture files, and leaves annotated pictures, label texts or JSON. */
import type { Command } from "commander";
import { DetectConfig, UsageError } from "../config/index.js";
import { problemLines, problemText, type Problem } from "../data/index.js";
import { AllowedHosts } from "../detect/allowed-hosts.js";
import { isAddress } from "../detect/fetched-pictures.js";
import type { DetectedImage } from "../detect/index.js";
import { messageOf } from "../error-message.js";
import { configurationOf, describeCommand } from "./command.js";
import { UserError } from "./user-error.js";
import { note, print, printJson } from "../terminal.js";

export function addDetectCommand(program: Command): void {
  const command = program
    .command("detect")
    .alias("predict")
    .argument("<sources...>", "picture files, folders, globs in quotes, addresses");
  describeCommand(command, {
    description: "find objects in pictures with an exported model or a checkpoint",
    schema: DetectConfig,
    examples: [
      ["yolov9 detect --weights best.onnx photos/", "annotated pictures in runs/detect/detect"],
      ["yolov9 detect --weights runs/train/yolov9-t a.jpg b.jpg --save-txt --save-conf", "label files too"],
      ["yolov9 detect --weights best.onnx 'in/**/*.png' --no-images --json", "only JSON on standard output"],
      ["yolov9 detect --weights best.onnx https://example.com/a.jpg --allow-host example.com", "a picture by address"],
    ],
  })
    .option("--json", "print one JSON array to standard output, and all else to standard error")
    .action((sources: string[]) => detect(sources, command));
}

/** @throws UsageError for an address whose host is not allowed, before anything is loaded */
function refuseOtherHosts(sources: readonly string[], hosts: AllowedHosts): void {
  for (const source of sources.filter(isAddress)) {
    try {
      hosts.check(new URL(source));
    } catch (error) {
      throw new UsageError(`${source}: ${messageOf(error)}`);
    }
  }
}

async function detect(sources: readonly string[], command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const config = configurationOf(command, DetectConfig);
  const hosts = new AllowedHosts(config.allowHost ?? []);
  refuseOtherHosts(sources, hosts);
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
  using fetched = new stage.FetchedPictures(hosts);
  try {
    let number = 0;
    for await (const outcome of stage.detectPictures(detector, paths, fetched)) {
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
