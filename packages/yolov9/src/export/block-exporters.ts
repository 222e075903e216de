/**
 * The table of functions that write a block as ONNX operators, by the block's class: the counterpart of the block registry of
 * the model files. A user's own block becomes exportable by registering one here. The functions themselves are in `blocks.ts`.
 */
import type { FeatureBlock } from "../model/blocks/registry.js";
import type { OnnxGraph, Value } from "./onnx-graph.js";

/** Appends a block to the graph. @returns the block's output value */
export type BlockExporter<Block extends FeatureBlock> = (
  graph: OnnxGraph,
  block: Block,
  inputs: readonly [Value, ...Value[]],
) => Value;

/** A model, or a part of one, that has no ONNX form. The message says which and what to do. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

type BlockClass<Block extends FeatureBlock> = abstract new (...args: never[]) => Block;

const exporters = new Map<unknown, BlockExporter<FeatureBlock>>();

/** Makes every instance of a block class exportable. @throws Error when the class has an exporter already */
export function registerBlockExporter<Block extends FeatureBlock>(
  Class: BlockClass<Block>,
  exporter: BlockExporter<Block>,
): void {
  if (exporters.has(Class)) throw new Error(`the block ${Class.name} has an ONNX exporter already`);
  exporters.set(Class, (graph, block, inputs) => {
    if (!(block instanceof Class)) throw new Error(`expected a ${Class.name}, got a ${block.constructor.name}`);
    return exporter(graph, block, inputs);
  });
}

/** @throws ExportError for a block whose class has no exporter */
export function exportBlock(graph: OnnxGraph, block: FeatureBlock, inputs: readonly Value[]): Value {
  const exporter = exporters.get(block.constructor);
  if (exporter === undefined) {
    const name = block.constructor.name;
    throw new ExportError(`the block ${name} has no ONNX form: give it one with registerBlockExporter(${name}, …)`);
  }
  const [first, ...rest] = inputs;
  if (first === undefined) throw new ExportError(`the block ${block.constructor.name} has no input`);
  return exporter(graph, block, [first, ...rest]);
}
