import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { loadModelSpec, modelNames, parseModelSpec, planModel } from "../../model/index.js";
import { drawModel } from "./draw-model.js";
import { placeRows } from "./grid.js";
import { BOX_HEIGHT, routeLines, type Box, type Line } from "./routes.js";

function routed(name: string) {
  return routeLines(placeRows(planModel(loadModelSpec(name))));
}

/** The straight pieces of a line, without its two ends, which lie on boxes. */
function pieces({ points }: Line) {
  return points.slice(1).map((point, i) => [points[i]!, point] as const);
}

function crosses([[x1, y1], [x2, y2]]: ReturnType<typeof pieces>[number], box: Box): boolean {
  const within = (a: number, b: number, low: number, high: number) => Math.max(a, b) > low && Math.min(a, b) < high;
  return within(x1, x2, box.x - 1, box.x + box.width + 1) && within(y1, y2, box.y + 0.5, box.y + BOX_HEIGHT - 0.5);
}

describe("the drawing of a model", () => {
  it.each(modelNames())("of %s has a box for every row, none over another, and no line through a box", (name) => {
    const { boxes, lines } = routed(name);
    const { rows } = planModel(loadModelSpec(name));
    expect([...boxes.keys()].map((node) => node.name)).toEqual(["image", ...rows.map(({ row }) => row.name)]);
    expect(lines).toHaveLength(rows.reduce((sum, { row }) => sum + row.from.length, 0));
    const places = [...boxes.values()];
    const overlapping = places.filter((a, i) =>
      places.slice(i + 1).some((b) => a.y === b.y && a.x < b.x + b.width && b.x < a.x + a.width),
    );
    expect(overlapping).toEqual([]);
    const crossing = lines.flatMap((line) =>
      [...boxes]
        .filter(([node]) => node !== line.from && node !== line.to)
        .filter(([, box]) => pieces(line).some((piece) => crosses(piece, box)))
        .map(([node]) => `${line.from.name} → ${line.to.name} through ${node.name}`),
    );
    expect(crossing).toEqual([]);
  });

  it("leads every line downwards", () => {
    for (const { from, to } of routed("yolov9-e").lines) expect(to.layer).toBeGreaterThan(from.layer);
  });

  it("shows branches, heads, losses and their weight, and shapes at the given size", async () => {
    const svg = drawModel({ ...loadModelSpec("yolov9-c"), auxiliaryWeight: 0.5 }, { size: 320 });
    expect((await sharp(Buffer.from(svg)).metadata()).format).toBe("svg");
    for (const shown of [
      "main branch (deployed)",
      "auxiliary branch (training only)",
      "GELAN 512 × 40 × 40",
      "CBLinear 256+512+512",
      "lead loss",
      "loss = lead + 0.5 × auxiliary",
      "training 51.2 M parameters",
    ]) {
      expect(svg).toContain(`>${shown}`);
    }
    expect(svg.length).toBeLessThan(100_000);
  });

  it("has a column for every level of a head that stands alone in the auxiliary branch", () => {
    const auxiliary = [{ name: "deep", from: ["b3", "b4", "b5"], block: "Detect" }];
    const spec = parseModelSpec({ extends: "gelan-c", auxiliary });
    const { columns } = placeRows(planModel(spec));
    expect(columns.auxiliary).toEqual([8, 16, 32]);
    expect(drawModel(spec)).not.toContain("NaN");
  });

  it("has no auxiliary band for a model without that branch", () => {
    const svg = drawModel(loadModelSpec("gelan-c"));
    expect(svg).not.toContain("auxiliary");
    expect(svg).not.toContain("link between backbones");
  });
});
