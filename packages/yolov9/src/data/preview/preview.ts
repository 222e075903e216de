/** Writes contact sheets of training images: a stretch of an epoch as a run would see it, or every augmentation alone. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { ClassColours } from "../../draw/palette.js";
import { makeFolder } from "../../make-folder.js";
import { AugmentConfig } from "../augment/config.js";
import { Replay, type TrainingImage } from "../replay.js";
import type { Dataset, Sample } from "../sample.js";
import type { PreviewConfig } from "../../config/preview-config.js";
import { contactSheet, type Cell } from "./contact-sheet.js";
import { eachAugmentation } from "./each-augmentation.js";

export type PreviewSettings = Omit<PreviewConfig, "data" | "split">;

/** Columns of a sheet of one augmentation: the sample as it is, and what becomes of it in the following epochs. */
const EACH_COLUMNS = 4;

/**
 * @param onSheet is told each file as soon as it is written
 * @returns the files' paths
 * @throws RangeError when there is no image `index`
 */
export async function writePreview(
  samples: readonly Sample[],
  dataset: Pick<Dataset, "names" | "keypoints">,
  settings: PreviewSettings,
  onSheet: (file: string) => void = () => undefined,
): Promise<string[]> {
  makeFolder(settings.output);
  const files: string[] = [];
  const colours = new ClassColours();
  const write = async (name: string, cells: readonly Cell[], columns: number) => {
    const file = join(settings.output, `${name}.jpg`);
    writeFileSync(file, await contactSheet(cells, { columns, names: dataset.names, colours }));
    files.push(file);
    onSheet(file);
  };
  const flip = dataset.keypoints?.flip;
  const common = {
    imageSize: settings.imgsz,
    seed: settings.seed,
    batchSize: settings.batch,
    ...(flip && { keypointFlip: flip }),
  };
  if (settings.each) {
    const still = new Replay(samples, { ...common, augment: eachAugmentation[0]!.options.augment });
    for (const { name, options } of eachAugmentation) {
      const replay = new Replay(samples, { ...common, ...options });
      await write(`each-${name}`, await eachCells(still, replay, settings, samples), EACH_COLUMNS);
    }
  } else {
    const { rect, multiScale, epoch, seed, index } = settings;
    const replay = new Replay(samples, { ...common, augment: AugmentConfig.parse(settings), rect, multiScale });
    const cells = await epochCells(replay, settings, samples);
    await write(`seed${seed}-epoch${epoch}-index${index}`, cells, Math.ceil(Math.sqrt(cells.length)));
  }
  return files;
}

async function epochCells(replay: Replay, settings: PreviewSettings, samples: readonly Sample[]): Promise<Cell[]> {
  const { index: first, count, epoch, epochs, closeMosaic } = settings;
  const mosaic = epoch < epochs - closeMosaic;
  const cells: Cell[] = [];
  for (let index = first; index < first + count && (index < samples.length || index === first); index++) {
    const made = await replay.image(epoch, index, { mosaic });
    cells.push({ ...made, title: `${index} ${samples[index]!.id}: ${describe(made)}` });
  }
  return cells;
}

/** Rows of one sample: as it is, then augmented in three epochs. */
async function eachCells(
  still: Replay,
  replay: Replay,
  { index: first, count, epoch }: PreviewSettings,
  samples: readonly Sample[],
): Promise<Cell[]> {
  const cells: Cell[] = [];
  const rows = Math.max(1, Math.floor(count / EACH_COLUMNS));
  for (let index = first; index < first + rows && (index < samples.length || index === first); index++) {
    cells.push({ ...(await still.image(epoch, index)), title: `${index} ${samples[index]!.id}` });
    for (let later = epoch; later < epoch + EACH_COLUMNS - 1; later++) {
      const made = await replay.image(later, index);
      cells.push({ ...made, title: `epoch ${later}: ${describe(made)}` });
    }
  }
  return cells;
}

/** What happened to an image, in a few words. */
function describe({ plan, image }: TrainingImage): string {
  const settings = plan.effects.map(({ name, settings }) =>
    [name, ...Object.entries(settings).map(([key, value]) => `${key} ${Math.round(value * 100) / 100}`)].join(" "),
  );
  return [plan.canvas.kind, ...(plan.blend ? ["mixup"] : []), ...settings, `${image.width}x${image.height}`].join(", ");
}
