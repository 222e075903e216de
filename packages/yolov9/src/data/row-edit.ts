/** A change to one row of a label file: the vocabulary of repairs. How it is done is each format's matter. */

import type { Box } from "./sample.js";

export interface RowEdit {
  /** 0-based place of the row or object in its file, as `Problem.row` gives it. */
  readonly row: number;
  /** Drop the row, or give it this box. */
  readonly change: "drop" | { readonly box: Box; readonly width: number; readonly height: number };
}
