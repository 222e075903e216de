// What each kind of auxiliary branch costs in training: time and peak memory of a step, next to the same model without one. At
// inference all of them cost nothing.
import { loadModelSpec, profile, withAuxiliary, withoutAuxiliary, type AuxiliaryOptions } from "yolov9";
import type { Report } from "./main.js";
import { table } from "./statistics.js";
import { measureStep, type StepOptions } from "./training-step.js";

/** The first has no auxiliary branch; ratios are against it. */
const branches: readonly { title: string; auxiliary: AuxiliaryOptions }[] = [
  { title: "no auxiliary branch", auxiliary: {} },
  { title: "PFH (deep supervision)", auxiliary: { backbone: "PFH" } },
  { title: "FPN", auxiliary: { backbone: "FPN" } },
  { title: "FPN, light", auxiliary: { backbone: "FPN", light: true } },
  { title: "PAN", auxiliary: { backbone: "PAN" } },
  { title: "ICN", auxiliary: { backbone: "ICN" } },
  { title: "4 reversible columns, kept", auxiliary: { backbone: "reversible", columns: 4, saveMemory: false } },
  { title: "4 reversible columns, recomputed", auxiliary: { backbone: "reversible", columns: 4 } },
];

export function benchPgi(options: StepOptions): Report {
  const spec = withoutAuxiliary(loadModelSpec(options.model));
  const measured = branches.map(({ title, auxiliary }) => {
    const how = { precision: "float32", channelsLast: true, fused: true, auxiliary } as const;
    const { step, peakMegabytes } = measureStep(how, options);
    const { parameters } = profile(withAuxiliary(spec, auxiliary));
    return { title, step, peakMegabytes, parameters: parameters.training };
  });
  const [none] = measured;
  const results = measured.map((result) => ({
    ...result,
    timeRatio: result.step / none!.step,
    memoryRatio: result.peakMegabytes / none!.peakMegabytes,
  }));
  const rows = results.map((result) => [
    result.title,
    (result.parameters / 1e6).toFixed(2),
    result.timeRatio.toFixed(2),
    result.memoryRatio.toFixed(2),
    result.peakMegabytes.toFixed(0),
  ]);
  const head = [
    `${options.model}, ${options.size} px, batch ${options.batch}`,
    "M parameters",
    "time of a step",
    "peak memory",
    "peak MB",
  ];
  return { data: { ...options, branches: results }, table: table([head, ...rows]) };
}
