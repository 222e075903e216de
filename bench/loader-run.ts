// One size of the loader's bench, in this process: `node loader-run.js SIZE DATA` prints a JSON object. Time is the
// processor's, so that other work on the machine counts little; parts are told apart by the profiler of V8.
import { Session } from "node:inspector/promises";
import { defaultAugment, Loader, openDataset } from "yolov9";

export interface LoaderMeasurement {
  readonly size: number;
  readonly images: number;
  /** Images for each second of processor time, and of the clock. */
  readonly imagesPerCoreSecond: number;
  readonly imagesPerSecond: number;
  /** Milliseconds an image by part of the work. */
  readonly phases: Readonly<Record<string, number>>;
  readonly peakMegabytes: number;
  /** What the process gained in size between the first and the last measured epoch. */
  readonly growthMegabytes: number;
}

const batchSize = 16;
/** Enough for a steady figure and short enough to wait for. */
const measuredSeconds = 10;
const sampleMicroseconds = 500;
const cacheBytes = 3 * 1024 ** 3;

/** What the parts of the loader are called in the profile: names of compiled loops, or files. The rest is "other". */
const phaseOfName: readonly (readonly [RegExp, string])[] = [
  [/interpolateRow|blendRows|sampleRun|augment\/(warp|tile|monotone-run)\.js$/, "warp"],
  [/jitterRow|augment\/color\.js$/, "HSV and planes"],
  [/mix$/, "mixup"],
  [/augment\/(render|layout|plan|random|view|homography|copy-paste|move-rows|clip-ring)\.js$/, "plan and labels"],
];

async function measure(size: number, data: string): Promise<LoaderMeasurement> {
  const { splits } = await openDataset(data, { splits: ["train"] });
  if (splits.train === undefined) throw new Error(`${data}: no train split`);
  const augment = defaultAugment;
  const loader = new Loader(splits.train, {
    imageSize: size,
    batchSize,
    augment,
    shuffle: true,
    workers: 0,
    cacheBytes,
  });
  let images = 0;
  // One epoch decodes every picture and compiles every loop.
  for await (const { batchSize: count } of loader.batches(0)) images += count;
  images = 0;
  const before = process.memoryUsage.rss();
  const profiler = new Session();
  profiler.connect();
  await profiler.post("Profiler.enable");
  await profiler.post("Profiler.setSamplingInterval", { interval: sampleMicroseconds });
  await profiler.post("Profiler.start");
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let epoch = 1; performance.now() - start < measuredSeconds * 1000; epoch++) {
    for await (const batch of loader.batches(epoch)) images += batch.batchSize;
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const { profile } = await profiler.post("Profiler.stop");
  profiler.disconnect();
  await loader.close();
  return {
    size,
    images,
    imagesPerCoreSecond: images / ((user + system) / 1e6),
    imagesPerSecond: images / seconds,
    phases: phasesOf(profile, (user + system) / 1000 / images),
    peakMegabytes: process.resourceUsage().maxRSS / 1000,
    growthMegabytes: (process.memoryUsage.rss() - before) / 1e6,
  };
}

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples?: readonly number[] | undefined;
}

/** The profiler's samples by phase, scaled to `milliseconds` in all. */
function phasesOf({ nodes, samples = [] }: Profile, milliseconds: number): Record<string, number> {
  const phaseOfNode = new Map(nodes.map(({ id, callFrame }) => [id, phaseOf(callFrame)]));
  const busy = samples.map((id) => phaseOfNode.get(id)).filter((phase) => phase !== undefined);
  const phases: Record<string, number> = Object.fromEntries(phaseOfName.map(([, phase]) => [phase, 0]));
  for (const phase of busy) phases[phase] = (phases[phase] ?? 0) + milliseconds / busy.length;
  return phases;
}

function phaseOf({ functionName, url }: { functionName: string; url: string }): string | undefined {
  if (functionName === "(idle)") return undefined;
  const name = url.startsWith("wasm:") ? functionName : url;
  return phaseOfName.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
}

const [size, data] = process.argv.slice(2);
console.log(JSON.stringify(await measure(Number(size), data!)));
