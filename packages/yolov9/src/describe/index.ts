/** Descriptions of models for people: rows as text, the paper's tables beside what is counted, and drawings. */
export { drawModel, type DrawOptions } from "./diagram/draw-model.js";
export {
  allModelSizes,
  markdownTable,
  paperTables,
  plainTable,
  sizeTables,
  type ModelSize,
  type PaperRow,
  type PaperTable,
  type TextTable,
} from "./paper-tables.js";
export { rowTree } from "./row-tree.js";
