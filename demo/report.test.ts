import { describe, expect, it } from "vitest";
import { lineChart } from "./chart.js";
import { duration, renderReport, type ReportData } from "./report.js";

const epoch = (mAP50: number) => ({
  trainBox: 3,
  trainClass: 2,
  trainDistribution: 1,
  valBox: 3.5,
  valClass: 2.5,
  valDistribution: 1.5,
  mAP50,
  mAP: mAP50 / 2,
});

const data: ReportData = {
  model: "yolov9-t",
  imageSize: 160,
  mAP50: 0.8125,
  mAP: 0.625,
  precision: 0.75,
  recall: 0.7,
  imagesPerSecond: 40.4,
  parameters: { training: 2_000_000, deployed: 1_500_000 },
  epochs: [epoch(0.1), epoch(0.5), epoch(0.8)],
  classes: [{ name: "one <1>", AP50: 0.9, AP: 0.5, objects: 12 }],
  steps: [
    { title: "Train", text: "Losses & metrics", command: 'npx yolov9 train --name "a"', seconds: 245 },
    { title: "Export", text: "One file", seconds: 1.25 },
  ],
  heldOut: { digits: 100, found: 93, wrong: 4 },
  pictures: [{ title: "Scene 1", jpeg: Uint8Array.of(0xff, 0xd8, 0xff) }],
  machine: "2 cores",
};

describe("a chart", () => {
  it("is not flattened by one value out of the ordinary, which is marked and written", () => {
    const ordinary = [6, 5, 4, 3, 2, 2, 2, 2];
    const chart = lineChart("loss", [{ name: "x", values: [...ordinary, 721.3], color: "red" }]);
    expect(chart).toContain(">721</text>");
    expect(chart).not.toContain(">800</text>");
    // The first value is at the upper end of the axis.
    expect(chart).toMatch(/points="44\.0,14\.0 /);
  });
});

describe("the report", () => {
  const page = renderReport(data);

  it("needs no other file", () => {
    expect(page).not.toMatch(/(src|href)="(?!data:)/);
    expect(page).not.toMatch(/@import|url\(|<script/);
    expect(page).toContain('src="data:image/jpeg;base64,/9j/"');
  });

  it("shows the figures that it was given", () => {
    for (const figure of [
      "0.813",
      "0.625",
      "93/100",
      "4 min 06 s",
      "4 min 05 s",
      "1.3 s",
      "2.00 M",
      "1.50 M",
      "25 % fewer",
    ]) {
      expect(page).toContain(figure);
    }
  });

  it("escapes what comes from outside", () => {
    expect(page).toContain("one &lt;1&gt;");
    expect(page).toContain("Losses &amp; metrics");
    expect(page).toContain("--name &quot;a&quot;");
  });
});

describe("a line chart", () => {
  const points = (svg: string) => [...svg.matchAll(/points="([^"]*)"/g)].map((match) => match[1]!.split(" "));

  it("puts 0 at the bottom and the top value at the top", () => {
    const [line] = points(lineChart("t", [{ name: "a", values: [0, 1], color: "red" }], 1));
    expect(line).toEqual(["44.0,224.0", "466.0,14.0"]);
  });

  it("breaks the line where a value is missing", () => {
    const runs = points(lineChart("t", [{ name: "a", values: [1, 2, Number.NaN, 3, 4], color: "red" }]));
    expect(runs.map((run) => run.length)).toEqual([2, 2]);
  });

  it("draws a single epoch and no epoch without a number that is none", () => {
    for (const values of [[], [2]]) {
      expect(lineChart("t", [{ name: "a", values, color: "red" }])).not.toMatch(/NaN|Infinity/);
    }
  });
});

describe("a duration", () => {
  it("is written as people say it", () => {
    expect([0.84, 59.4, 60, 245].map(duration)).toEqual(["0.8 s", "59 s", "1 min 00 s", "4 min 05 s"]);
  });
});
