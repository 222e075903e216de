// The demo's report: one HTML page without any outside file, made of what the steps measured. Layout only; it measures
// nothing itself.

import { lineChart } from "./chart.js";
import { STYLE } from "./report-style.js";

/** One epoch of training; losses are means over the epoch, metrics are those of the moving-average weights. */
export interface EpochRow {
  trainBox: number;
  trainClass: number;
  trainDistribution: number;
  valBox: number;
  valClass: number;
  valDistribution: number;
  mAP50: number;
  mAP: number;
}

export interface StepRow {
  title: string;
  /** What was done, in a sentence or two. */
  text: string;
  /** What a reader can type to do the same. */
  command?: string;
  seconds: number;
}

export interface ClassRow {
  name: string;
  AP50: number;
  AP: number;
  objects: number;
}

/** A picture with its detections drawn in. */
export interface Picture {
  title: string;
  /** JPEG bytes */
  jpeg: Uint8Array;
}

export interface ReportData {
  model: string;
  imageSize: number;
  mAP50: number;
  mAP: number;
  precision: number;
  recall: number;
  imagesPerSecond: number;
  parameters: { training: number; deployed: number };
  epochs: readonly EpochRow[];
  classes: readonly ClassRow[];
  steps: readonly StepRow[];
  heldOut: { digits: number; found: number; wrong: number };
  pictures: readonly Picture[];
  machine: string;
}

export function renderReport(data: ReportData): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>YOLOv9 demo: handwritten digits</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${header(data)}
${section("What happened", stepList(data.steps))}
${section("Training", charts(data.epochs))}
${section("The auxiliary branch comes and goes", auxiliaryText(data))}
${section("Each digit on the validation scenes", classTable(data.classes))}
${section("Scenes that training never saw", gallery(data))}
${section("Next", nextSteps())}
</main>
</body>
</html>
`;
}

function section(title: string, body: string): string {
  return `<section><h2>${title}</h2>${body}</section>`;
}

function header(data: ReportData): string {
  const tiles = [
    tile(data.mAP50.toFixed(3), "mAP50 on the validation scenes"),
    tile(data.mAP.toFixed(3), "mAP50-95"),
    tile(`${data.heldOut.found}/${data.heldOut.digits}`, "digits found on held-out scenes"),
    tile(duration(total(data.steps)), "all steps together"),
  ];
  return `<header>
<h1>Handwritten digits, found by ${escape(data.model)}</h1>
<p>Trained from scratch in TypeScript on this machine (${escape(data.machine)}), with the auxiliary branch of Programmable
Gradient Information, at ${data.imageSize} pixels and ${data.imagesPerSecond.toFixed(0)} images a second; then exported to ONNX and run on
scenes with handwriting that it had never seen.</p>
<div class="tiles">${tiles.join("")}</div>
</header>`;
}

function tile(value: string, label: string): string {
  return `<div class="tile"><b>${value}</b><span>${label}</span></div>`;
}

function stepList(steps: readonly StepRow[]): string {
  const rows = steps.map(
    ({ title, text, command, seconds }) => `<li><div><h3>${title}<time>${duration(seconds)}</time></h3>
<p>${escape(text)}</p>${command ? `<pre><code>${escape(command)}</code></pre>` : ""}</div></li>`,
  );
  return `<ol class="steps">${rows.join("\n")}</ol>`;
}

function charts(epochs: readonly EpochRow[]): string {
  const column = (key: keyof EpochRow) => epochs.map((epoch) => epoch[key]);
  const pair = (title: string, train: keyof EpochRow, val: keyof EpochRow) =>
    lineChart(title, [
      { name: "training", values: column(train), color: "var(--series-1)" },
      { name: "validation", values: column(val), color: "var(--series-2)", dashed: true },
    ]);
  return `<div class="charts">${[
    lineChart(
      "Average precision by epoch",
      [
        { name: "mAP50", values: column("mAP50"), color: "var(--series-1)" },
        { name: "mAP50-95", values: column("mAP"), color: "var(--series-3)" },
      ],
      1,
    ),
    pair("Class loss", "trainClass", "valClass"),
    pair("Box loss", "trainBox", "valBox"),
    pair("Distribution focal loss", "trainDistribution", "valDistribution"),
  ].join("\n")}</div>`;
}

function auxiliaryText({ parameters, precision, recall }: ReportData): string {
  const share = (1 - parameters.deployed / parameters.training) * 100;
  return `<p>While it trains, the network carries a second branch with heads of its own. Its loss sends gradients that know the
targets straight into the layers that the main branch shares with it. Export leaves that branch away and folds every
batch normalisation and re-parameterised convolution into a single one: <b>${millions(parameters.training)}</b> parameters became
<b>${millions(parameters.deployed)}</b> (${share.toFixed(0)} % fewer), with the same output. At the confidence of the best F1, precision is
${precision.toFixed(3)} and recall ${recall.toFixed(3)}.</p>`;
}

function classTable(classes: readonly ClassRow[]): string {
  const rows = classes.map(
    ({ name, AP50, AP, objects }) =>
      `<tr><th scope="row">${escape(name)}</th><td>${objects}</td><td>${AP50.toFixed(3)}</td><td>${AP.toFixed(3)}</td>
<td class="bar"><i style="width: ${(AP50 * 100).toFixed(1)}%"></i></td></tr>`,
  );
  return `<table><thead><tr><th scope="col">digit</th><th scope="col">objects</th><th scope="col">AP50</th>
<th scope="col">AP50-95</th><th></th></tr></thead><tbody>${rows.join("\n")}</tbody></table>`;
}

function gallery({ pictures, heldOut }: ReportData): string {
  const { digits, found, wrong } = heldOut;
  const figures = pictures.map(({ title, jpeg }) => {
    const source = `data:image/jpeg;base64,${Buffer.from(jpeg).toString("base64")}`;
    return `<figure><img src="${source}" alt="${escape(title)}" loading="lazy"><figcaption>${escape(title)}</figcaption></figure>`;
  });
  return `<p>ONNX Runtime ran the exported file. Of ${digits} digits, ${found} were found with the right name and a box that overlaps
by at least half; ${wrong} detections matched no digit. Names and scores are drawn in as the detector gave them.</p>
<div class="gallery">${figures.join("\n")}</div>`;
}

function nextSteps(): string {
  return `<p>The same commands train on your own images: put them in YOLO, Pascal VOC or COCO layout and name the folder.</p>
<pre><code>npx yolov9 train --data path/to/your/data --model yolov9-t --epochs 100
npx yolov9 detect --weights runs/train/…/best.onnx photo.jpg</code></pre>`;
}

function total(steps: readonly StepRow[]): number {
  return steps.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** "42 s", or "4 min 05 s" from a minute on. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(2)} M`;
}

function escape(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
