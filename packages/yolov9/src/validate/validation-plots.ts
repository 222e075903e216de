/** The plots of a validation as SVG texts: curves over confidence and recall, confusion, kinds of errors, calibration. */
import { ERROR_KINDS, type Calibration, type ConfusionMatrix, type ErrorBreakdown } from "@yolov9/vision";
import { svgChart, type ChartOption } from "../plots/svg-chart.js";
import type { ValidationAnalysis } from "./analysis.js";
import type { ValidationResult } from "./result.js";

export interface Plot {
  /** File name without extension. */
  readonly name: string;
  readonly title: string;
  readonly svg: string;
  /** Whether it needs the width of a page. */
  readonly wide?: boolean;
}

type Curves = ValidationAnalysis["curves"];

const MEAN_COLOUR = "#1d4ed8";
const WRONG_COLOUR = "#ea580c";
const GREY = "#9ca3af";
/** Thin lines on white need darker and more different colours than boxes on photographs. */
const LINE_COLOURS = [
  "#e11d48", "#059669", "#d97706", "#7c3aed", "#0891b2", "#65a30d", "#be185d", "#92400e", "#0d9488", "#4b5563",
  "#f472b6", "#84cc16", "#fb923c", "#a78bfa", "#22d3ee", "#b91c1c", "#166534", "#ca8a04", "#581c87", "#9ca3af",
] as const; // prettier-ignore
/** With more classes than this, lines of classes would hide one another: only their mean is drawn. */
const MOST_CLASS_LINES = 20;
const SIZE = { width: 720, height: 480 };

export function validationPlots(
  result: ValidationResult,
  analysis: ValidationAnalysis,
  names: readonly string[],
): Plot[] {
  const { curves } = analysis;
  const best = `best mean F1 ${result.f1.toFixed(2)} at ${result.confidence.toFixed(2)}`;
  return [
    plot("pr-curve", `Precision by recall, IoU 0.5 (mean AP ${positive(result.AP50).toFixed(3)})`, (title) =>
      curveChart(title, "recall", "precision", curves, ({ precisionByRecall }) => precisionByRecall),
    ),
    plot("f1-curve", `F1 by confidence (${best})`, (title) =>
      curveChart(title, "confidence", "F1", curves, ({ f1 }) => f1, result.confidence),
    ),
    plot("p-curve", "Precision by confidence", (title) =>
      curveChart(title, "confidence", "precision", curves, ({ precision }) => precision, result.confidence),
    ),
    plot("r-curve", "Recall by confidence", (title) =>
      curveChart(title, "confidence", "recall", curves, ({ recall }) => recall, result.confidence),
    ),
    plot("errors", "What each kind of error costs in AP50", (title) => errorChart(title, analysis.errors)),
    plot("calibration", `Calibration (expected error ${analysis.calibration.expectedError.toFixed(3)})`, (title) =>
      calibrationChart(title, analysis.calibration),
    ),
    confusionPlot(analysis.confusion, names),
  ];
}

function plot(name: string, title: string, option: (title: string) => ChartOption): Plot {
  return { name, title, svg: svgChart(option(title), SIZE.width, SIZE.height) };
}

function heading(text: string) {
  return { text, left: "center", top: 8, textStyle: { fontSize: 15, fontWeight: "normal" as const } };
}

function axis(name: string, more: object = {}) {
  return {
    type: "value" as const,
    min: 0,
    max: 1,
    name,
    nameLocation: "middle" as const,
    nameTextStyle: { fontSize: 13 },
    splitLine: { lineStyle: { color: "#e5e7eb" } },
    ...more,
  };
}

/** So many points are drawn of a curve of a thousand. */
const DRAWN_POINTS = 201;

/** A thin line a class and a thick one for their mean. @param mark a confidence to point out */
function curveChart(
  title: string,
  x: string,
  y: string,
  curves: Curves,
  values: (curves: Curves[number]["curves"]) => Float64Array,
  mark?: number,
): ChartOption {
  const lines = curves.map(({ name, curves: own }) => ({ name, points: drawn(values(own)) }));
  const mean = lines[0]?.points.map(([at], i): [number, number] => [
    at,
    lines.reduce((sum, { points }) => sum + points[i]![1], 0) / lines.length,
  ]);
  const shown = lines.length > 1 && lines.length <= MOST_CLASS_LINES ? lines : [];
  const common = { type: "line" as const, showSymbol: false };
  const markLine = {
    symbol: "none",
    silent: true,
    lineStyle: { color: GREY, type: "dashed" as const },
    label: { formatter: mark?.toFixed(2) ?? "", color: "#4b5563" },
    data: mark === undefined ? [] : [{ xAxis: mark }],
  };
  return {
    title: heading(title),
    grid: { left: 64, right: shown.length > 0 ? 190 : 40, top: 56, bottom: 56 },
    legend: { show: shown.length > 0, type: "plain", orient: "vertical", right: 12, top: 52, itemWidth: 18 },
    xAxis: axis(x, { nameGap: 30 }),
    yAxis: axis(y, { nameGap: 40 }),
    series: [
      ...shown.map(({ name, points }, i) => ({
        ...common,
        name,
        data: points,
        color: LINE_COLOURS[i]!,
        lineStyle: { width: 1.2 },
      })),
      {
        ...common,
        name: lines.length > 1 ? "mean of classes" : (lines[0]?.name ?? ""),
        data: mean ?? [],
        color: MEAN_COLOUR,
        lineStyle: { width: 3 },
        areaStyle: shown.length > 0 ? undefined : { opacity: 0.08 },
        markLine,
      },
    ],
  };
}

function drawn(values: Float64Array): [number, number][] {
  const count = Math.min(DRAWN_POINTS, values.length);
  return Array.from({ length: count }, (_, i) => {
    const at = Math.round((i * (values.length - 1)) / (count - 1));
    return [at / (values.length - 1), values[at]!];
  });
}

/** Shares below this are left white. */
const LEAST_SHARE = 0.005;
/** With more classes than this cells are too small for numbers. */
const MOST_NUMBERED_CLASSES = 30;

/** The classes that objects or detections belong to, and the background, which is last. */
export function occurringClasses({ size, counts }: ConfusionMatrix): number[] {
  const all = Array.from({ length: size }, (_, i) => i);
  const occurs = (i: number) => all.some((j) => counts[i * size + j]! > 0 || counts[j * size + i]! > 0);
  return all.filter((i) => i === size - 1 || occurs(i));
}

/** Columns are true classes and sum to 1. Only classes that occur are listed. */
function confusionPlot(matrix: ConfusionMatrix, names: readonly string[]): Plot {
  const { size, counts } = matrix;
  const shown = occurringClasses(matrix);
  const absent = size - shown.length;
  const without = absent === 0 ? "" : `; ${absent} ${absent === 1 ? "class occurs" : "classes occur"} nowhere`;
  const title = `Confusion (share of each true class${without})`;
  const labels = shown.map((index) => names[index] ?? "background");
  const totals = shown.map((column) => sum(shown.map((row) => counts[row * size + column]!)));
  const cells = shown.flatMap((detectedClass, row) =>
    shown.flatMap((trueClass, column) => {
      const share = counts[detectedClass * size + trueClass]! / Math.max(totals[column]!, 1);
      return share < LEAST_SHARE ? [] : [[column, row, Math.round(share * 1000) / 1000]];
    }),
  );
  const many = shown.length > MOST_NUMBERED_CLASSES;
  const longest = Math.max(...labels.map(({ length }) => length));
  const gap = 20 + longest * (many ? 5 : 7);
  const side = Math.min(Math.max(shown.length * (many ? 11 : 46), 300), 1200);
  const category = (name: string, more: object) => ({
    type: "category" as const,
    data: labels,
    name,
    nameLocation: "middle" as const,
    nameGap: gap + 4,
    nameTextStyle: { fontSize: 13 },
    axisTick: { show: false },
    splitLine: { show: !many, lineStyle: { color: "#e5e7eb" } },
    ...more,
  });
  const fontSize = many ? 8 : 12;
  const svg = svgChart(
    {
      title: heading(title),
      grid: { left: gap + 40, right: 90, top: 56, bottom: gap + 40 },
      xAxis: category("true class", { axisLabel: { interval: 0, rotate: 90, fontSize } }),
      yAxis: category("detected class", { axisLabel: { interval: 0, fontSize }, inverse: true }),
      visualMap: {
        min: 0,
        max: 1,
        calculable: false,
        right: 12,
        top: 56,
        precision: 1,
        itemHeight: 160,
        text: ["1", "0"],
        inRange: { color: ["#f1f5f9", "#93c5fd", "#2563eb", "#1e3a8a"] },
      },
      series: [
        {
          type: "heatmap",
          data: cells,
          label: { show: !many, fontSize: 11, formatter: ({ value }: { value: number[] }) => value[2]!.toFixed(2) },
        },
      ],
    },
    side + gap + 130,
    side + gap + 96,
  );
  return { name: "confusion-matrix", title, svg, wide: many };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function errorChart(title: string, { errors, falsePositives, falseNegatives }: ErrorBreakdown): ChartOption {
  const rows = [
    ...ERROR_KINDS.map((kind) => ({
      name: `${kind} (${errors[kind].count})`,
      cost: errors[kind].cost,
      color: WRONG_COLOUR,
    })),
    { name: "all false detections", cost: falsePositives, color: GREY },
    { name: "all missed objects", cost: falseNegatives, color: GREY },
  ];
  return {
    title: heading(title),
    grid: { left: 190, right: 70, top: 56, bottom: 56 },
    xAxis: axis("gain in AP50 without these errors", { max: undefined, nameGap: 30 }),
    yAxis: { type: "category", inverse: true, data: rows.map(({ name }) => name), axisTick: { show: false } },
    series: [
      {
        type: "bar",
        barWidth: "60%",
        data: rows.map(({ cost, color }) => ({ value: cost, itemStyle: { color } })),
        label: { show: true, position: "right", formatter: ({ value }: { value: number }) => value.toFixed(3) },
      },
    ],
  };
}

function calibrationChart(title: string, { bins }: Calibration): ChartOption {
  const filled = bins.filter(({ count }) => count > 0);
  const middle = ({ from, to }: { from: number; to: number }) => (from + to) / 2;
  return {
    title: heading(title),
    legend: { bottom: 4, data: ["share of hits", "perfect"] },
    grid: { left: 64, right: 40, top: 56, bottom: 88 },
    xAxis: axis("score", { nameGap: 28 }),
    yAxis: axis("share of hits", { nameGap: 40 }),
    series: [
      {
        type: "bar",
        name: "share of hits",
        color: "#93c5fd",
        barWidth: 44,
        data: filled.map((bin) => [middle(bin), bin.precision]),
        label: {
          show: true,
          position: "top",
          fontSize: 10,
          color: "#4b5563",
          formatter: ({ dataIndex }: { dataIndex: number }) => String(filled[dataIndex]?.count ?? ""),
        },
      },
      {
        type: "line",
        name: "perfect",
        color: GREY,
        symbol: "none",
        lineStyle: { type: "dashed" },
        data: [[0, 0], [1, 1]], // prettier-ignore
      },
    ],
  };
}

function positive(value: number): number {
  return Math.max(value, 0);
}
