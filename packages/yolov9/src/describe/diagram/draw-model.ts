/**
 * A model as an SVG drawing: main branch, auxiliary branch, heads and losses, with the shape of every row's output. It is computed from
 * the model file alone; nothing is built or run.
 */
import { escapeMarkup } from "../../markup.js";
import { planModel, profile, type Guidance, type ModelSpec } from "../../model/index.js";
import { BANDS, IMAGE_NODE, placeRows, type Band, type GridNode } from "./grid.js";
import { BOX_HEIGHT, routeLines, type Box, type Line, type Routed } from "./routes.js";

type Kind = "image" | "conv" | "block" | "down" | "pool" | "routing" | "link" | "head" | "loss";

const kinds: Readonly<Record<string, Kind>> = {
  ...{ Conv: "conv", RepConv: "conv", AConv: "down", ADown: "down", MaxPool: "down", SPPELAN: "pool", SPPCSPC: "pool" },
  ...{ Upsample: "routing", Concat: "routing", CBLinear: "link", CBFuse: "link" },
};

/** Fill and border. */
const colours: Readonly<Record<Kind, readonly [string, string]>> = {
  image: ["#ffffff", "#52606d"],
  conv: ["#eef2f6", "#7b8794"],
  block: ["#dbeafe", "#3b6fb6"],
  down: ["#ebe4fa", "#7c5cbf"],
  pool: ["#d7f3ee", "#2b8a7e"],
  routing: ["#ffffff", "#9aa5b1"],
  link: ["#ffe9cf", "#c77718"],
  head: ["#dcf5dc", "#3a8a3a"],
  loss: ["#fde2e2", "#b83232"],
};

const legend: readonly (readonly [Kind, string])[] = [
  ["conv", "convolution"],
  ["block", "GELAN, ELAN and own blocks"],
  ["down", "downsampling"],
  ["pool", "pyramid pooling"],
  ["routing", "upsample, concatenate"],
  ["link", "link between backbones"],
  ["head", "detection head"],
  ["loss", "loss, training only"],
];

const TITLE_HEIGHT = 84;
const BAND_TITLES: Readonly<Record<Band, string>> = {
  main: "main branch (deployed)",
  auxiliary: "auxiliary branch (training only)",
};
const LINE_COLOURS = { ordinary: "#52606d", skip: "#3b6fb6", link: "#c77718" } as const;
/** Between the heads and the losses, and between these and their sum. */
const LOSS_GAP = 26;
const FOOT_HEIGHT = 56;
const CORNER = 5;
/** The legend's. */
const SMALLEST_WIDTH = 980;
/** Characters that fit into a box. */
const LONGEST_DETAIL = 24;

export interface DrawOptions {
  /** Side of the input in pixels. */
  readonly size?: number;
}

/** @returns the text of an SVG file */
export function drawModel(spec: ModelSpec, options: DrawOptions = {}): string {
  const { size = 640 } = options;
  const plan = planModel(spec);
  const grid = placeRows(plan);
  const routed = routeLines(grid);
  const losses = drawLosses(grid.nodes, routed, spec);
  const bottom = routed.height + losses.height;
  const used = new Set(grid.nodes.map(kindOf));
  const width = Math.max(routed.width, SMALLEST_WIDTH);
  const body = [
    ...BANDS.flatMap((band) => drawBand(band, routed, grid.columns[band], size, bottom)),
    ...routed.lines.map(drawLine),
    ...losses.parts,
    ...[...routed.boxes].map(([node, box]) => drawNode(node, box, size)),
  ];
  const height = TITLE_HEIGHT + bottom + FOOT_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, 'DejaVu Sans', Arial, sans-serif" font-size="10" fill="#1f2933">`,
    `<title>${escapeMarkup(spec.name)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...drawTitle(spec, size),
    `<g transform="translate(0 ${TITLE_HEIGHT})">`,
    ...body,
    "</g>",
    ...drawLegend(height - FOOT_HEIGHT + 30, used),
    "</svg>",
    "",
  ].join("\n");
}

function drawTitle(spec: ModelSpec, size: number): string[] {
  const { parameters, gflops } = profile(spec, size);
  const figures = (form: "training" | "deploy"): string =>
    `${(parameters[form] / 1e6).toFixed(1)} M parameters, ${gflops[form].toFixed(1)} GFLOPs`;
  const sizes = `training ${figures("training")} · deployed ${figures("deploy")} · input ${size} × ${size}`;
  return [text(16, 26, spec.name, { size: 18, weight: 700 }), text(16, 44, sizes, { size: 11, colour: "#52606d" })];
}

function drawBand(
  band: Band,
  { bands, columnCentre }: Routed,
  strides: readonly number[],
  size: number,
  bottom: number,
) {
  const edges = bands.get(band);
  if (edges === undefined) return [];
  const [left, right] = edges;
  const fill = band === "main" ? "#f7f9fb" : "#fff8ef";
  const border = band === "main" ? "#d3dce4" : "#eccfa5";
  const frame = `x="${left + 4}" y="-22" width="${right - left - 4}" height="${bottom + 14}" rx="10"`;
  return [
    `<rect ${frame} fill="${fill}" stroke="${border}"${band === "main" ? "" : ' stroke-dasharray="6 4"'}/>`,
    text(left + 14, -7, BAND_TITLES[band], { size: 11, weight: 700, colour: "#52606d" }),
    ...strides.map((stride) => {
      const label = `stride ${stride} · ${size / stride} × ${size / stride}`;
      return text(columnCentre(band, stride), 8, label, { size: 9, colour: "#7b8794", anchor: "middle" });
    }),
  ];
}

function kindOf({ row }: GridNode): Kind {
  if (row === undefined) return "image";
  return row.kind === "head" ? "head" : (kinds[row.row.block] ?? "block");
}

function drawNode(node: GridNode, box: Box, size: number): string {
  const { row } = node;
  const kind = kindOf(node);
  if (row === undefined) return drawBox(box, kind, IMAGE_NODE, `3 × ${size} × ${size}`);
  const { name, block } = row.row;
  if (row.kind === "head") return drawBox(box, kind, name, `${block}, ${row.inputs.length} levels`);
  if (row.kind === "features") return drawBox(box, kind, name, `${block}, ${row.outputs.length} levels`);
  const { channels, stride, parts } = row.output;
  const side = size / stride;
  const detail = parts === undefined ? `${block} ${channels} × ${side} × ${side}` : piecesText(block, parts);
  return drawBox(box, kind, name, detail);
}

/** The channels of a CBLinear's pieces; many leave no room for its name. */
function piecesText(block: string, parts: readonly number[]): string {
  const named = `${block} ${parts.join("+")}`;
  return named.length > LONGEST_DETAIL ? parts.join("+") : named;
}

const ASSIGNMENTS: Readonly<Record<Guidance, string>> = {
  independent: "every head assigns anchors by its own predictions",
  lead: "the lead head assigns the anchors of all heads",
  "coarse-to-fine": "the coarse head assigns the auxiliary heads' anchors, the lead head one an object",
};

/** The losses under the heads of each band, and their weighted sum under both. */
function drawLosses(
  nodes: readonly GridNode[],
  routed: Routed,
  { auxiliaryWeight, guidance }: ModelSpec,
): { parts: string[]; height: number } {
  const top = routed.height + LOSS_GAP;
  const sumY = top + BOX_HEIGHT + LOSS_GAP;
  const bands = BANDS.flatMap((band) => {
    const heads = nodes.filter((node) => node.band === band && node.row?.kind === "head");
    return heads.length === 0 ? [] : [{ band, boxes: heads.map((head) => routed.boxes.get(head)!) }];
  });
  const down = (x: number, from: number, to: number) =>
    polyline(
      [
        [x, from],
        [x, to],
      ],
      colours.loss[1],
      true,
    );
  const parts = bands.flatMap(({ band, boxes }) => {
    const own = { ...spanOf(boxes), y: top };
    const many = boxes.length > 1 ? "losses" : "loss";
    const name = band === "main" ? "lead loss" : `auxiliary ${many} × ${auxiliaryWeight}`;
    const lines = boxes.map((box) => down(box.x + box.width / 2, box.y + BOX_HEIGHT, top));
    const toSum = bands.length > 1 ? [down(own.x + own.width / 2, top + BOX_HEIGHT, sumY)] : [];
    return [...lines, ...toSum, drawBox(own, "loss", name, "class + box (CIoU) + distribution")];
  });
  if (bands.length < 2) return { parts, height: LOSS_GAP + BOX_HEIGHT + LOSS_GAP };
  const sum = { ...spanOf(bands.flatMap(({ boxes }) => boxes)), y: sumY };
  const meaning = `${ASSIGNMENTS[guidance]}; gradients reach the backbone through both branches`;
  const total = drawBox(sum, "loss", `loss = lead + ${auxiliaryWeight} × auxiliary`, meaning);
  return { parts: [...parts, total], height: 2 * (LOSS_GAP + BOX_HEIGHT) + LOSS_GAP };
}

/** From the left edge of the first to the right edge of the last. */
function spanOf(boxes: readonly Box[]): { x: number; width: number } {
  const x = Math.min(...boxes.map((box) => box.x));
  return { x, width: Math.max(...boxes.map((box) => box.x + box.width)) - x };
}

function drawLine({ from, to, points }: Line): string {
  const links = [from, to].some((node) => kindOf(node) === "link");
  const skips = to.layer > from.layer + 1;
  return polyline(points, links ? LINE_COLOURS.link : skips ? LINE_COLOURS.skip : LINE_COLOURS.ordinary, false);
}

/** Right-angled, with rounded corners and an arrow head. */
function polyline(points: readonly (readonly [number, number])[], colour: string, dashed: boolean): string {
  const corners = points.filter(([x, y], i) => i === 0 || x !== points[i - 1]![0] || y !== points[i - 1]![1]);
  const path = corners.map(([x, y], i) => {
    const [before, after] = [corners[i - 1], corners[i + 1]];
    if (before === undefined) return `M${x} ${y}`;
    if (after === undefined) return `L${x} ${y}`;
    const [near, far] = [towards([x, y], before), towards([x, y], after)];
    return `L${near.join(" ")}Q${x} ${y} ${far.join(" ")}`;
  });
  const [x, y] = corners.at(-1)!;
  const dash = dashed ? ' stroke-dasharray="4 3"' : "";
  return (
    `<path d="${path.join("")}" fill="none" stroke="${colour}" stroke-width="1.2"${dash}/>` +
    `<path d="M${x - 3} ${y - 6}h6l-3 6z" fill="${colour}"/>`
  );
}

/** A little way from one corner to the next. */
function towards(from: readonly [number, number], to: readonly [number, number]): [number, number] {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const share = Math.min(CORNER, length / 2) / length;
  const part = (i: 0 | 1) => Math.round((from[i] + (to[i] - from[i]) * share) * 10) / 10;
  return [part(0), part(1)];
}

function drawBox({ x, y, width }: Box, kind: Kind, name: string, detail: string): string {
  const [fill, border] = colours[kind];
  const centre = x + width / 2;
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${BOX_HEIGHT}" rx="6" fill="${fill}" stroke="${border}" stroke-width="1.2"/>`,
    text(centre, y + 14, name, { size: 11, weight: 700, anchor: "middle" }),
    text(centre, y + 27, detail, { size: 9, colour: "#3e4c59", anchor: "middle" }),
  ].join("");
}

function drawLegend(y: number, used: ReadonlySet<Kind>): string[] {
  let x = 16;
  const entries = legend.filter(([kind]) => kind === "loss" || used.has(kind));
  return entries.flatMap(([kind, meaning]) => {
    const [fill, border] = colours[kind];
    const swatch = `<rect x="${x}" y="${y - 9}" width="14" height="11" rx="3" fill="${fill}" stroke="${border}"/>`;
    const label = text(x + 19, y, meaning, { size: 10, colour: "#3e4c59" });
    x += 34 + meaning.length * 5.6;
    return [swatch, label];
  });
}

interface TextStyle {
  size: number;
  weight?: number;
  colour?: string;
  anchor?: "middle";
}

function text(x: number, y: number, content: string, { size, weight, colour, anchor }: TextStyle): string {
  const attributes = [
    `x="${x}" y="${y}" font-size="${size}"`,
    ...(weight === undefined ? [] : [`font-weight="${weight}"`]),
    ...(colour === undefined ? [] : [`fill="${colour}"`]),
    ...(anchor === undefined ? [] : [`text-anchor="${anchor}"`]),
  ];
  return `<text ${attributes.join(" ")}>${escapeMarkup(content)}</text>`;
}
