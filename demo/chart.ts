// Line charts as inline SVG for the report. Colours are CSS variables of the page, so that the charts follow light and
// dark; sizes are relative, so that they fit a phone. Not a charting library.

import { ordinaryTop } from "yolov9";

export interface Series {
  name: string;
  /** y values, one an epoch, starting at epoch 1 */
  values: readonly number[];
  /** CSS colour, e.g. "var(--series-1)" */
  color: string;
  dashed?: boolean;
}

interface Plot {
  left: number;
  top: number;
  width: number;
  height: number;
}

const WIDTH = 480;
const HEIGHT = 260;
const PLOT: Plot = { left: 44, top: 14, width: WIDTH - 58, height: HEIGHT - 50 };
const GRID_LINES = 5;

/**
 * @param title what is drawn, read aloud by screen readers
 * @param highest the y axis ends here; the largest value when left out
 * @returns an <svg> and its legend
 */
export function lineChart(title: string, series: readonly Series[], highest?: number): string {
  const finite = series.flatMap(({ values }) => values.filter(Number.isFinite));
  const largest = highest ?? ordinaryTop(finite) ?? Math.max(...finite, 0);
  const step = roundStep(largest / GRID_LINES);
  const top = highest ?? step * Math.ceil(Math.max(largest, step) / step);
  const epochs = Math.max(...series.map(({ values }) => values.length), 1);

  const x = (epoch: number) => PLOT.left + (epochs === 1 ? 0.5 : (epoch - 1) / (epochs - 1)) * PLOT.width;
  const y = (value: number) => PLOT.top + (1 - Math.min(value, top) / top) * PLOT.height;

  const rows = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => gridLine(i * step, y(i * step)));
  const columns = epochTicks(epochs).map((epoch) => epochLabel(epoch, x(epoch)));
  const lines = series.map((one) => curve(one, x, y) + beyond(one, x, top));
  return `<figure class="chart"><figcaption>${title}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${[...rows, ...columns, ...lines].join("\n")}</svg>
<div class="legend">${series.map(legendEntry).join("")}</div></figure>`;
}

function gridLine(value: number, y: number): string {
  const right = PLOT.left + PLOT.width;
  return `<line class="grid" x1="${PLOT.left}" x2="${right}" y1="${fixed(y)}" y2="${fixed(y)}"/>
<text class="tick" x="${PLOT.left - 6}" y="${fixed(y + 4)}" text-anchor="end">${tickLabel(value)}</text>`;
}

function epochLabel(epoch: number, x: number): string {
  return `<text class="tick" x="${fixed(x)}" y="${PLOT.top + PLOT.height + 20}" text-anchor="middle">${epoch}</text>`;
}

/** One polyline a run of finite values: a gap in the data is a gap in the line. */
function curve(
  { name, values, color, dashed }: Series,
  x: (epoch: number) => number,
  y: (value: number) => number,
): string {
  const points = values.map((value, i) => (Number.isFinite(value) ? `${fixed(x(i + 1))},${fixed(y(value))}` : ""));
  const runs = points
    .join(" ")
    .split(/ {2,}/)
    .map((run) => run.trim());
  const dash = dashed ? ' stroke-dasharray="5 4"' : "";
  const drawn = runs.filter((run) => run !== "").map((run) => `<polyline points="${run}"${dash}/>`);
  return `<g fill="none" stroke="${color}" stroke-width="2" stroke-linejoin="round"><title>${name}</title>${drawn.join("")}</g>`;
}

/** Values above the axis: a mark at its end, with the value. */
function beyond({ values, color }: Series, x: (epoch: number) => number, top: number): string {
  return values
    .map((value, i) => {
      if (!(value > top)) return "";
      const [at, y] = [x(i + 1), PLOT.top];
      const mark = `<path d="M${fixed(at - 5)} ${y}h10l-5 -8z" fill="${color}"/>`;
      return `${mark}<text class="tick" x="${fixed(at + 8)}" y="${y}">${tickLabel(value)}</text>`;
    })
    .join("");
}

function legendEntry({ name, color, dashed }: Series): string {
  return `<span><i style="border-top: 3px ${dashed ? "dashed" : "solid"} ${color}"></i>${name}</span>`;
}

/** The next of 1, 2, 5 times a power of ten. */
function roundStep(rough: number): number {
  if (!(rough > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * 0.999) ?? 10;
  return factor * power;
}

function epochTicks(epochs: number): number[] {
  const step = Math.max(1, Math.round(roundStep(epochs / 6)));
  const inner = Array.from({ length: Math.floor(epochs / step) }, (_, i) => (i + 1) * step);
  return [1, ...inner.filter((epoch) => epoch > 1)];
}

function tickLabel(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function fixed(value: number): string {
  return value.toFixed(1);
}
