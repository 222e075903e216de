/** `yolov9 download`: fetches weights that the authors published, and imports them. */
import type { Command } from "commander";
import { DownloadConfig } from "../config/index.js";
import { configurationOf, describeCommand } from "./command.js";
import { importTo } from "./import.js";
import { progressBar } from "./progress-bar.js";
import { note, print, printJson } from "../terminal.js";

const MEGABYTE = 1e6;

export function addDownloadCommand(program: Command): void {
  const command = program.command("download").argument("[name]", "yolov9-c, yolov9-t-converted, gelan-c …");
  describeCommand(command, {
    description:
      "fetch weights that the authors of YOLOv9 published and import them; without a name, the names that there are",
    schema: DownloadConfig,
    examples: [
      ["yolov9 download", "the names of the published files"],
      ["yolov9 download yolov9-c", "yolov9-c.safetensors, with the auxiliary branch"],
      ["yolov9 download yolov9-t-converted --output t.safetensors", "the deploy form, to a path of your choice"],
    ],
  })
    .option("--json", "print one JSON object: what was recognised, or the names")
    .action((name: string | undefined) => download(name, command));
}

async function download(name: string | undefined, command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const config = configurationOf(command, DownloadConfig);
  const { downloadWeights, PUBLISHED_FILES } = await import("../download/index.js");
  if (name === undefined) {
    const names = PUBLISHED_FILES.map((published) => published.name);
    if (json === true) printJson({ names });
    else print(names.join("\n"));
    return;
  }
  const bar = progressBar(`${name} (MB)`);
  const megabytes = (bytes: number): number => Math.round(bytes / MEGABYTE);
  const onProgress = (done: number, total: number): void => bar.update(megabytes(done), megabytes(total));
  let cached = false;
  try {
    const { path, fetched, published, sha256 } = await downloadWeights(name, { ...config, onProgress });
    bar.stop();
    cached = !fetched;
    const checked =
      sha256 === undefined ? "its publisher states no SHA-256" : "its SHA-256 is the one that its publisher states";
    note(fetched ? `fetched ${path}: ${checked}` : `${path} was there already`);
    const output = config.output ?? `${published.name}.safetensors`;
    await importTo(path, output, { names: config.names, model: published.model }, json === true);
  } catch (error) {
    // A file in the cache may be from a download that went wrong in a way that no size tells.
    if (cached) note("the file in the cache may be damaged; --force fetches it again");
    throw error;
  } finally {
    bar.stop();
  }
}
