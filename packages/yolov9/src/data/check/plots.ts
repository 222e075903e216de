/** Plots of a data set's figures as SVG texts. */

import { svgChart, type ChartOption } from "../../plots/svg-chart.js";
import { CENTRE_GRID, type Histogram, type Statistics } from "./statistics.js";

const WIDTH = 520;
const HEIGHT = 300;
const SPLIT_COLOURS: Readonly<Record<string, string>> = { train: "#2563eb", val: "#ea580c", test: "#16a34a" };
const BAR_COLOUR = "#2563eb";
/** So many classes fit into a plot; the rest is in the table beside it. */
const MOST_CLASSES = 40;

export interface Plot {
  readonly title: string;
  readonly svg: string;
}

export function plotsOf(statistics: Statistics): Plot[] {
  const { boxSizes, aspectRatios, objectsPerImage } = statistics;
  return [
    { title: "Objects of each class", svg: classPlot(statistics) },
    { title: "Box size: square root of area, px", svg: histogramPlot(boxSizes) },
    { title: "Aspect ratio of boxes: width / height", svg: histogramPlot(aspectRatios) },
    { title: "Objects in an image", svg: histogramPlot(objectsPerImage) },
    { title: "Where the centres of boxes lie", svg: centrePlot(statistics.centres) },
    { title: "Image sizes", svg: sizePlot(statistics.imageSizes) },
  ];
}

function render(option: ChartOption, height = HEIGHT): string {
  return svgChart({ backgroundColor: "transparent", ...option }, WIDTH, height);
}

const GRID = { left: 8, right: 12, top: 28, bottom: 4, containLabel: true };

/** Names come from the data set and may be long. */
function shortName(name: string): string {
  return name.length > 24 ? `${name.slice(0, 23)}…` : name;
}

function classPlot({ names, splits }: Statistics): string {
  const entries = Object.entries(splits);
  const total = (index: number) => entries.reduce((sum, [, { classes }]) => sum + classes[index]!, 0);
  const shown = [...names.keys()].sort((a, b) => total(b) - total(a)).slice(0, MOST_CLASSES);
  const height = Math.max(HEIGHT, 60 + shown.length * 18);
  return render(
    {
      grid: GRID,
      legend: { top: 0, data: entries.map(([split]) => split) },
      xAxis: { type: "value", minInterval: 1 },
      yAxis: { type: "category", inverse: true, data: shown.map((index) => shortName(names[index]!)), axisLabel: { interval: 0 } },
      series: entries.map(([split, { classes }]) => ({
        name: split,
        type: "bar",
        silent: true,
        stack: "all",
        itemStyle: { color: SPLIT_COLOURS[split] },
        data: shown.map((index) => classes[index]!),
      })),
    },
    height,
  ); // prettier-ignore
}

function histogramPlot({ edges, counts }: Histogram): string {
  const labels = edges.map((edge, i) => (i === edges.length - 1 ? `≥ ${edge}` : `${edge} – ${edges[i + 1]!}`));
  return barPlot(labels, counts);
}

/** Sizes beyond the commonest ones are summed up. */
const MOST_SIZES = 11;

function sizePlot(sizes: Statistics["imageSizes"]): string {
  const shown = sizes.slice(0, MOST_SIZES);
  const rest = sizes.slice(MOST_SIZES).reduce((sum, [, images]) => sum + images, 0);
  const labels = shown.map(([size]) => size.replace("x", " × "));
  const counts = shown.map(([, images]) => images);
  return rest > 0 ? barPlot([...labels, "other"], [...counts, rest]) : barPlot(labels, counts);
}

function barPlot(labels: readonly string[], counts: readonly number[]): string {
  return render({
    grid: { ...GRID, top: 10 },
    xAxis: { type: "category", data: labels, axisLabel: { rotate: 40, interval: 0, fontSize: 11 } },
    yAxis: { type: "value", minInterval: 1 },
    series: [
      {
        type: "bar",
        silent: true,
        data: counts,
        itemStyle: { color: BAR_COLOUR },
        barCategoryGap: "15%",
        barMaxWidth: 60,
      },
    ],
  });
}

function centrePlot(centres: readonly number[]): string {
  const cells = centres.map((count, i) => [i % CENTRE_GRID, Math.floor(i / CENTRE_GRID), count]);
  const axis = { type: "category", data: Array.from({ length: CENTRE_GRID }, (_, i) => i), show: false };
  return render({
    grid: { left: 100, right: 100, top: 8, bottom: 8 },
    xAxis: axis,
    yAxis: { ...axis, inverse: true },
    visualMap: { min: 0, max: Math.max(1, ...centres), show: false, inRange: { color: ["#f1f5f9", "#93c5fd", "#2563eb", "#172554"] } },
    series: [{ type: "heatmap", silent: true, data: cells }],
  }); // prettier-ignore
}
