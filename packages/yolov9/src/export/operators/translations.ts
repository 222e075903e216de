/**
 * libtorch's operators as ONNX operators, by name: what a network calls in its `forward` is translated one by one, so that a block needs no
 * ONNX form of its own.
 */
import { ExportError } from "../export-error.js";
import type { Value } from "../onnx-graph.js";
import { elementwise } from "./elementwise.js";
import { network } from "./network.js";
import type { OperatorCall } from "./operator-call.js";
import { shapes } from "./shapes.js";

/** Appends an operator to the graph. @returns the values of its results, in their order */
export type OnnxTranslation = (call: OperatorCall) => Value | readonly Value[];

const translations = new Map<string, OnnxTranslation>(Object.entries({ ...elementwise, ...network, ...shapes }));

/**
 * Gives an operator an ONNX form.
 * @param operator the schema's name, such as `aten::hardswish`
 * @throws Error when it has one already
 */
export function registerOnnxTranslation(operator: string, translation: OnnxTranslation): void {
  if (translations.has(operator)) throw new Error(`${operator} has an ONNX translation already`);
  translations.set(operator, translation);
}

/** @throws ExportError for an operator that has none */
export function onnxTranslation(operator: string): OnnxTranslation {
  const translation = translations.get(operator);
  if (translation !== undefined) return translation;
  const remedy = operator.endsWith("_")
    ? `it changes a tensor in place; use ${operator.slice(0, -1)}`
    : "use other operators, or add one with registerOnnxTranslation";
  throw new ExportError(`${operator} has no ONNX translation: ${remedy}`);
}
