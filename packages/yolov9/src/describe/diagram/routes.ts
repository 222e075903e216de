/**
 * Leads the lines of a model's drawing: down from box to box, and where a box is in the way through the gutter beside its column. A
 * line turns only in the channels between layers, so that none crosses a box.
 */
import { sourceRow } from "../../model/index.js";
import { BANDS, overlaps, type Band, type Grid, type GridNode } from "./grid.js";
import { Tracks } from "./tracks.js";

export const BOX_WIDTH = 130;
export const BOX_HEIGHT = 34;
const GUTTER = 14;
const CHANNEL = 18;
const TRACK = 7;
const BAND_GAP = 34;
const PADDING = 16;
/** Between lines that end at one box. */
const PORT = 14;

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

export interface Line {
  readonly from: GridNode;
  readonly to: GridNode;
  readonly points: readonly (readonly [number, number])[];
}

export interface Routed {
  readonly boxes: ReadonlyMap<GridNode, Box>;
  readonly lines: readonly Line[];
  /** Left and right edge of each band in use. */
  readonly bands: ReadonlyMap<Band, readonly [number, number]>;
  /** Centre of each column. */
  readonly columnCentre: (band: Band, stride: number) => number;
  readonly width: number;
  readonly height: number;
}

interface Edge {
  readonly from: GridNode;
  readonly to: GridNode;
  /** Of what flows. */
  readonly stride: number;
}

/** How a line gets from one layer to another, in columns and layers instead of pixels. */
interface Plan extends Edge {
  /** Column index (over both bands) in which the line goes down; undefined when it only crosses one channel. */
  readonly gutter: number | undefined;
  /** Tracks in that gutter and in the channel above the target. */
  readonly gutterTrack: number;
  readonly channelTrack: number;
  /** Where the line enters `to`, in ports from the middle. */
  readonly entry: number;
}

export function routeLines(grid: Grid): Routed {
  const columns = BANDS.flatMap((band) => grid.columns[band].map((stride) => ({ band, stride })));
  const columnOf = (band: Band, stride: number) => columns.findIndex((c) => c.band === band && c.stride === stride);
  const gutters = columns.map(() => new Tracks());
  const channels = Array.from({ length: grid.layers }, () => new Tracks());
  const plans = planLines(grid, columnOf, gutters, channels);

  const lefts: number[] = [];
  let x = PADDING;
  for (const [i, { band }] of columns.entries()) {
    if (i > 0 && columns[i - 1]!.band !== band) x += BAND_GAP;
    lefts.push(x);
    x += BOX_WIDTH + GUTTER + gutters[i]!.count * TRACK;
  }
  const tops: number[] = [];
  let y = 0;
  for (const channel of channels) {
    y += CHANNEL + channel.count * TRACK;
    tops.push(y);
    y += BOX_HEIGHT;
  }
  const columnCentre = (band: Band, stride: number): number => lefts[columnOf(band, stride)]! + BOX_WIDTH / 2;
  const boxes = new Map(
    grid.nodes.map((node): [GridNode, Box] => {
      const [left, right] = node.strides.map((stride) => lefts[columnOf(node.band, stride)]!);
      return [node, { x: left!, y: tops[node.layer]!, width: right! + BOX_WIDTH - left! }];
    }),
  );
  const lines = plans.map((plan): Line => {
    const gutterX = (column: number) => lefts[column]! + BOX_WIDTH + GUTTER / 2 + plan.gutterTrack * TRACK;
    const channelY = (layer: number, track: number) => tops[layer]! - CHANNEL / 2 - track * TRACK;
    return { from: plan.from, to: plan.to, points: pointsOf(plan, boxes, columnCentre, gutterX, channelY) };
  });
  const bands = new Map(
    BANDS.filter((band) => grid.columns[band].length > 0).map((band) => {
      const own = columns.flatMap((column, i) => (column.band === band ? [i] : []));
      const last = own.at(-1)!;
      const right = lefts[last]! + BOX_WIDTH + GUTTER + gutters[last]!.count * TRACK;
      return [band, [lefts[own[0]!]! - PADDING, right]] as const;
    }),
  );
  return { boxes, lines, bands, columnCentre, width: x + PADDING, height: y };
}

function planLines(
  grid: Grid,
  columnOf: (band: Band, stride: number) => number,
  gutters: readonly Tracks[],
  channels: readonly Tracks[],
): Plan[] {
  const named = new Map(grid.nodes.map((node) => [node.name, node]));
  const edges = grid.nodes.flatMap((to) =>
    (to.row?.row.from ?? []).map((name): Edge => {
      const from = named.get(sourceRow(name))!;
      return { from, to, stride: strideOf(from, name) };
    }),
  );
  const sides = edges.map((edge) => {
    const column = columnOf(edge.from.band, edge.stride);
    return { column, gutter: isBlocked(grid, edge) };
  });
  return edges.map((edge, i) => {
    const { to, from } = edge;
    const { column, gutter } = sides[i]!;
    const target = columnOf(to.band, entryStride(edge));
    const gutterTrack = gutter ? gutters[column]!.take(from.layer, to.layer) : 0;
    const channelTrack = gutter || column !== target ? channels[to.layer]!.take(column, target) : 0;
    // Lines enter from left to right in the order in which they arrive, so that they do not cross above the box.
    const arrivals = edges.flatMap((other, j) =>
      other.to === to ? [{ j, x: sides[j]!.column + (sides[j]!.gutter ? 0.5 : 0) }] : [],
    );
    const place = arrivals.sort((p, q) => p.x - q.x).findIndex(({ j }) => j === i);
    const entry = isWide(to) ? 0 : place - (arrivals.length - 1) / 2;
    return { ...edge, gutter: gutter ? column : undefined, gutterTrack, channelTrack, entry };
  });
}

/** Of the feature that an input names; the image stands in the first column, whatever its stride. */
function strideOf({ row, strides }: GridNode, input: string): number {
  if (row?.kind !== "features") return strides[0];
  return row.outputs[Number(input.split(".")[1])]!.stride;
}

/** The column in which a line enters a box: that of its level where the box covers several. */
function entryStride({ to, stride }: Edge): number {
  return isWide(to) && stride >= to.strides[0] ? stride : to.strides[0];
}

function isWide({ strides }: GridNode): boolean {
  return strides[0] !== strides[1];
}

/** Whether a box stands below the line's beginning, above its end's channel. */
function isBlocked(grid: Grid, { from, to, stride }: Edge): boolean {
  return grid.nodes.some(
    (node) =>
      node.band === from.band &&
      overlaps(node.strides, [stride, stride]) &&
      node.layer > from.layer &&
      node.layer < to.layer,
  );
}

function pointsOf(
  { from, to, stride, gutter, channelTrack, entry }: Plan,
  boxes: ReadonlyMap<GridNode, Box>,
  columnCentre: (band: Band, stride: number) => number,
  gutterX: (column: number) => number,
  channelY: (layer: number, track: number) => number,
): (readonly [number, number])[] {
  const [start, end] = [boxes.get(from)!, boxes.get(to)!];
  const endX = columnCentre(to.band, entryStride({ from, to, stride })) + entry * PORT;
  const turn = channelY(to.layer, channelTrack);
  const arrival = [
    [endX, turn],
    [endX, end.y],
  ] as const;
  if (gutter === undefined) {
    const startX = columnCentre(from.band, stride);
    return [[startX, start.y + BOX_HEIGHT], [startX, turn], ...arrival];
  }
  const x = gutterX(gutter);
  const y = start.y + BOX_HEIGHT / 2;
  return [[start.x + start.width, y], [x, y], [x, turn], ...arrival];
}
