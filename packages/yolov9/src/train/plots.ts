/** Curves of a run as one SVG: losses on training and validation images, and the metrics, over the epochs. No browser is needed. */
import { svgChart } from "../plots/svg-chart.js";
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

/** First and second line of every panel. */
const COLORS = ["#2563eb", "#ea580c"];
const COLUMNS = 3;
const WIDTH = 1200;
const HEIGHT = 640;
const MARGIN = { left: 4, right: 7, top: 9, bottom: 5, title: 6 };

/** @returns the text of an SVG file */
export function curvesSvg(rows: readonly EpochResult[]): string {
  return svgChart(
    {
      title: PANELS.map(({ title }, i) => ({ text: title, textStyle: { fontSize: 14 }, ...titlePlace(i) })),
      grid: PANELS.map((_, i) => panelPlace(i)),
      xAxis: PANELS.map((_, i) => ({ type: "value", gridIndex: i, min: "dataMin", max: "dataMax", minInterval: 1 })),
      yAxis: PANELS.map((_, i) => ({ type: "value", gridIndex: i, scale: true })),
      series: PANELS.flatMap((panel, i) =>
        panel.series.map(([name, value], nth) => line(name, value, i, COLORS[nth], rows)),
      ),
    },
    WIDTH,
    HEIGHT,
  );
}

function line(name: string, value: Figure, panel: number, color: string | undefined, rows: readonly EpochResult[]) {
  return {
    type: "line" as const,
    name,
    xAxisIndex: panel,
    yAxisIndex: panel,
    color,
    showSymbol: rows.length < 2,
    endLabel: { show: true, formatter: name, color },
    labelLayout: { moveOverlap: "shiftY" as const },
    data: rows.flatMap((row) => {
      const y = value(row);
      return y === undefined ? [] : [[row.epoch, y]];
    }),
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
