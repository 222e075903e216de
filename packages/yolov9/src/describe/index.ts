/** Descriptions of models for people: rows as text, the paper's tables beside what is counted, and drawings. */
export { drawModel, type DrawOptions } from "./diagram/draw-model.js";
export {
  allModelSizes,
  paperTables,
  sizeTables,
  type ModelSize,
  type PaperRow,
  type PaperTable,
} from "./paper-tables.js";
export { rowTree } from "./row-tree.js";
export { markdownTable, plainTable, type TextTable } from "../text-table.js";
