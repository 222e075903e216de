/** An ECharts description drawn as the text of an SVG file. No browser is needed. */
import * as echarts from "echarts";
import { printableLines } from "../printable.js";

export type ChartOption = echarts.EChartsCoreOption;

/** @param width, height in pixels */
export function svgChart(option: ChartOption, width: number, height: number): string {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption({ animation: false, backgroundColor: "#ffffff", ...option });
    // ECharts escapes what ends an element, but lets control characters through, which XML forbids.
    return printableLines(chart.renderToSVGString());
  } finally {
    chart.dispose();
  }
}
