/**
 * A validation as one HTML file that needs nothing else: figures, tables, plots, and the images with the most errors, marked and embedded.
 * Only text is made here; images are shrunk by marked-images.ts and the file is written by validation-folder.ts.
 */
import { escapeMarkup } from "../markup.js";
import type { ValidationAnalysis } from "./analysis.js";
import { figure, type ValidationResult } from "./result.js";
import type { Plot } from "./validation-plots.js";

export interface ReportContent {
  readonly title: string;
  /** What was measured and how, in the order to be shown. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly result: ValidationResult;
  readonly analysis: ValidationAnalysis;
  readonly plots: readonly Plot[];
  /** HTML of each image to show. */
  readonly images: readonly string[];
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #111827; margin: 0 auto; max-width: 1240px; padding: 24px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 36px 0 12px; }
p, li { max-width: 80ch; } .quiet { color: #6b7280; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 12px; text-align: right; border-bottom: 1px solid #e5e7eb; } th { font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 16px 0; }
.tile { border: 1px solid #e5e7eb; border-radius: 8px; padding: 8px 16px; min-width: 96px; }
.tile b { display: block; font-size: 22px; font-weight: 600; } .tile span { color: #6b7280; font-size: 13px; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(540px, 1fr)); gap: 16px; align-items: start; }
.plots figure, .images figure { margin: 0; border: 1px solid #e5e7eb; border-radius: 8px; overflow: hidden; }
.plots .wide { grid-column: 1 / -1; }
.plots svg { width: 100%; height: auto; display: block; }
.images { display: grid; grid-template-columns: repeat(auto-fill, minmax(520px, 1fr)); gap: 16px; align-items: start; }
summary { cursor: pointer; }
.images svg { width: 100%; height: auto; display: block; background: #f3f4f6; }
.images figcaption { padding: 8px 12px; font-size: 13px; color: #374151; overflow-wrap: anywhere; }
.key { display: inline-block; width: 14px; height: 14px; border: 3px solid; vertical-align: -3px; margin: 0 4px 0 12px; }
@media (max-width: 640px) { .plots, .images { grid-template-columns: 1fr; } }
`;

export function validationReport(content: ReportContent): string {
  const { title, settings, result, analysis, plots, images } = content;
  const body = [
    `<h1>${escapeMarkup(title)}</h1>`,
    `<p class="quiet">${result.images} images, ${result.instances} objects</p>`,
    tiles(result),
    `<h2>Settings and speed</h2>`,
    table(
      ["", ""],
      [
        ...settings,
        ["preprocess, inference, suppression", `${speeds(result)} ms an image`],
        ...(result.losses === undefined ? [] : [["loss (box, class, distribution)", losses(result.losses)] as const]),
      ],
    ),
    `<h2>By size</h2>`,
    table(
      ["objects", "count", "AP", "AR100"],
      analysis.sizes.map(({ size, objects, AP, AR }) => [SIZES[size], String(objects), figure(AP), figure(AR)]),
    ),
    `<h2>By class</h2>`,
    classTable(result),
    `<h2>Plots</h2>`,
    `<div class="plots">${plots.map(plotFigure).join("\n")}</div>`,
    ...worst(images, result.confidence),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body.join("\n")}
</body>
</html>
`;
}

function plotFigure({ svg, wide }: Plot): string {
  return `<figure${wide === true ? ' class="wide"' : ""}>${svg}</figure>`;
}

/** With more classes than this the table is folded. */
const MOST_OPEN_CLASSES = 20;

function classTable({ perClass }: ValidationResult): string {
  const rows = table(
    ["class", "images", "objects", "precision", "recall", "F1", "AP50", "AP"],
    perClass.map(({ name, images, instances, precision, recall, f1, AP50, AP }) => [
      name,
      String(images),
      String(instances),
      ...[precision, recall, f1, AP50, AP].map(figure),
    ]),
  );
  if (perClass.length <= MOST_OPEN_CLASSES) return rows;
  return `<details><summary>${perClass.length} classes</summary>${rows}</details>`;
}

const SIZES = { small: "small, up to 32² px", medium: "medium, up to 96² px", large: "large" } as const;

function tiles({ AP, AP50, AP75, AR100, precision, recall, f1, confidence }: ValidationResult): string {
  const entries = [
    ["AP (mAP50-95)", AP],
    ["AP50", AP50],
    ["AP75", AP75],
    ["AR100", AR100],
    ["precision", precision],
    ["recall", recall],
    ["F1", f1],
    ["at confidence", confidence],
  ] as const;
  return `<div class="tiles">${entries.map(([name, value]) => `<div class="tile"><b>${figure(value)}</b><span>${name}</span></div>`).join("")}</div>`;
}

function worst(images: readonly string[], confidence: number): string[] {
  if (images.length === 0) return [];
  return [
    `<h2>Images with the most errors</h2>`,
    `<p>Detections that score at least ${confidence.toFixed(3)}, compared at IoU 0.5:` +
      `<span class="key" style="border-color:#16a34a"></span>right` +
      `<span class="key" style="border-color:#dc2626"></span>wrong` +
      `<span class="key" style="border-color:#f59e0b;border-style:dashed"></span>missed object</p>`,
    `<div class="images">${images.join("\n")}</div>`,
  ];
}

function speeds({ speed: { preprocess, inference, nms } }: ValidationResult): string {
  return [preprocess, inference, nms].map((value) => value.toFixed(1)).join(", ");
}

function losses({ box, cls, dfl }: NonNullable<ValidationResult["losses"]>): string {
  return [box, cls, dfl].map((value) => value.toFixed(4)).join(", ");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: "th" | "td") =>
    `<tr>${row.map((cell) => `<${tag}>${escapeMarkup(cell)}</${tag}>`).join("")}</tr>`;
  const header = head.some((cell) => cell !== "") ? `<thead>${cells(head, "th")}</thead>` : "";
  return `<table>${header}<tbody>${rows.map((row) => cells(row, "td")).join("\n")}</tbody></table>`;
}
