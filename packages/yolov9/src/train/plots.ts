/** Curves over the epochs as one SVG: of one run, losses on training and validation images and the metrics; of several, each next to the others. */
import { svgChart } from "../plots/svg-chart.js";
import { ordinaryTop } from "../plots/ordinary-top.js";
import type { EpochResult } from "./results.js";

type Figure = (row: EpochResult) => number | undefined;

interface Panel {
  readonly title: string;
  readonly series: readonly (readonly [name: string, value: Figure])[];
}

const PANELS: readonly Panel[] = [
  { title: "box loss", series: [["train", (row) => row.train.box], ["val", (row) => row.val?.box]] }, // prettier-ignore
  { title: "class loss", series: [["train", (row) => row.train.cls], ["val", (row) => row.val?.cls]] }, // prettier-ignore
  { title: "distribution loss", series: [["train", (row) => row.train.dfl], ["val", (row) => row.val?.dfl]] }, // prettier-ignore
  { title: "mAP", series: [["mAP50", (row) => row.metrics?.AP50], ["mAP50-95", (row) => row.metrics?.AP]] }, // prettier-ignore
  { title: "precision and recall", series: [["precision", (row) => row.metrics?.precision], ["recall", (row) => row.metrics?.recall]] }, // prettier-ignore
  { title: "learning rate", series: [["biases", (row) => row.lr[0]], ["weights", (row) => row.lr[1]]] }, // prettier-ignore
];

/** What runs are compared by. */
const COMPARED: readonly (readonly [title: string, value: Figure])[] = [
  ["box loss, training", (row) => row.train.box],
  ["class loss, training", (row) => row.train.cls],
  ["distribution loss, training", (row) => row.train.dfl],
  ["mAP50", (row) => row.metrics?.AP50],
  ["mAP50-95", (row) => row.metrics?.AP],
  ["box loss, validation", (row) => row.val?.box],
];

/** Lines of a panel, one after the other. */
const COLORS = ["#2563eb", "#ea580c", "#16a34a", "#9333ea", "#dc2626", "#0891b2", "#ca8a04", "#4b5563"];
const COLUMNS = 3;
const WIDTH = 1200;
const HEIGHT = 640;
const MARGIN = { left: 4, right: 7, top: 9, bottom: 5, title: 6 };

interface Line {
  readonly name: string;
  readonly rows: readonly EpochResult[];
  readonly value: Figure;
}

/** @param name of the run, over the panels. @returns the text of an SVG file */
export function curvesSvg(name: string, rows: readonly EpochResult[]): string {
  return panelsSvg(
    name,
    PANELS.map(({ title, series }) => ({ title, lines: series.map(([name, value]) => ({ name, rows, value })) })),
  );
}

/** The same figures of several runs, laid over each other. @returns the text of an SVG file */
export function comparisonSvg(
  runs: readonly { readonly name: string; readonly rows: readonly EpochResult[] }[],
): string {
  return panelsSvg(
    undefined,
    COMPARED.map(([title, value]) => ({ title, lines: runs.map(({ name, rows }) => ({ name, rows, value })) })),
    "legend",
  );
}

/** @param naming where the names of lines stand: at their ends, or once for all panels where every panel has the same ones */
function panelsSvg(
  name: string | undefined,
  panels: readonly { readonly title: string; readonly lines: readonly Line[] }[],
  naming: "ends" | "legend" = "ends",
): string {
  const heading = name === undefined ? [] : [{ text: name, left: "center", top: 0, textStyle: { fontSize: 15 } }];
  const tops = panels.map(({ lines }) => ordinaryTop(lines.flatMap(valuesOf)));
  return svgChart(
    {
      ...(naming === "legend" ? { legend: { top: 0, icon: "roundRect", itemGap: 24 } } : {}),
      title: [
        ...heading,
        ...panels.map(({ title }, i) => ({ text: title, textStyle: { fontSize: 14 }, ...titlePlace(i) })),
      ],
      grid: panels.map((_, i) => panelPlace(i)),
      xAxis: panels.map((_, i) => ({ type: "value", gridIndex: i, min: "dataMin", max: "dataMax", minInterval: 1 })),
      yAxis: panels.map((_, i) => ({ type: "value", gridIndex: i, scale: true, max: tops[i] ?? null })),
      series: panels.flatMap(({ lines }, i) =>
        lines.map((each, nth) => ({
          ...line(each, i, COLORS[nth % COLORS.length], tops[i]),
          ...(naming === "legend" ? { endLabel: { show: false } } : {}),
        })),
      ),
    },
    WIDTH,
    HEIGHT,
  );
}

function valuesOf({ rows, value }: Line): number[] {
  return rows.flatMap((row) => value(row) ?? []);
}

/** @param top where the axis ends; values above it are drawn at its end, marked and written */
function line({ name, rows, value }: Line, panel: number, color: string | undefined, top = Infinity) {
  const points = rows.flatMap((row): [number, number][] => {
    const y = value(row);
    return y === undefined ? [] : [[row.epoch, y]];
  });
  const beyond = points.filter(([, y]) => y > top);
  return {
    type: "line" as const,
    name,
    xAxisIndex: panel,
    yAxisIndex: panel,
    color,
    showSymbol: rows.length < 2,
    // As a function: ECharts takes braces in a text for places to fill in.
    endLabel: { show: true, formatter: () => name, color },
    labelLayout: { moveOverlap: "shiftY" as const },
    data: points.map(([epoch, y]) => [epoch, Math.min(y, top)]),
    markPoint: {
      silent: true,
      symbol: "triangle",
      symbolSize: 9,
      label: { position: "right", color, formatter: ({ data }: { data: { name: string } }) => data.name },
      data: beyond.map(([epoch, y]) => ({ name: String(Number(y.toPrecision(3))), coord: [epoch, top] })),
    },
  };
}

/** Place of a panel in percent of the picture. */
function panelPlace(panel: number) {
  const rowCount = Math.ceil(PANELS.length / COLUMNS);
  const width = 100 / COLUMNS;
  const height = 100 / rowCount;
  return {
    left: `${(panel % COLUMNS) * width + MARGIN.left}%`,
    top: `${Math.floor(panel / COLUMNS) * height + MARGIN.top}%`,
    width: `${width - MARGIN.left - MARGIN.right}%`,
    height: `${height - MARGIN.top - MARGIN.bottom}%`,
  };
}

function titlePlace(panel: number) {
  const { left, top } = panelPlace(panel);
  return { left, top: `${Number.parseFloat(top) - MARGIN.title}%` };
}
