/**
 * The lightweight form of an auxiliary branch, for small models whose auxiliary branch would otherwise cost as much as they do:
 * half the widths, and depthwise separable convolutions where a row can have them.
 */
import type { Row } from "../spec.js";

const WIDTH_SHARE = 0.5;
const WIDTH_MULTIPLE = 8;

/** CBLinear and CBFuse rows keep their widths where a copied row's must agree: they are made of the light rows' widths. */
export function lightRow(row: Row): Row {
  const { out, hidden } = row;
  const narrowed = {
    ...row,
    ...(typeof out === "number" ? { out: narrow(out) } : {}),
    ...(Array.isArray(hidden) ? { hidden: hidden.map((width) => narrow(Number(width))) } : {}),
    ...(typeof hidden === "number" ? { hidden: narrow(hidden) } : {}),
  };
  return row.block === "GELAN" ? { ...narrowed, inner: "DepthwiseConv", depthwise: true } : narrowed;
}

export function narrow(width: number): number {
  return Math.ceil((width * WIDTH_SHARE) / WIDTH_MULTIPLE) * WIDTH_MULTIPLE;
}
