/** What is wrong with the options or the inputs of a block; the model file's reader adds file, line and row. */
export class BlockError extends Error {}
