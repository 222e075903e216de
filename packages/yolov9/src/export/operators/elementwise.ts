/** Operators that work on every number by itself. */
import { ExportError } from "../export-error.js";
import type { Value } from "../onnx-graph.js";
import { silu } from "./layers.js";
import type { OperatorCall } from "./operator-call.js";
import type { OnnxTranslation } from "./translations.js";

/** Operators that give their input itself, or a copy of it. */
const same: OnnxTranslation = (call) => call.value(0);

const unary =
  (operator: string): OnnxTranslation =>
  (call) =>
    call.graph.node(operator, [call.value(0)]);

const binary =
  (operator: string): OnnxTranslation =>
  (call) =>
    call.graph.node(operator, [call.operand(0), call.operand(1)]);

/** A sum or difference, whose second term may have a factor. */
const combination =
  (operator: string): OnnxTranslation =>
  (call) => {
    const factor = call.number(2, 1);
    const other = call.operand(1);
    const scaled = factor === 1 ? other : call.graph.node("Mul", [other, call.graph.scalar(factor)]);
    return call.graph.node(operator, [call.operand(0), scaled]);
  };

/** An open limit is the empty value. */
const clip = (call: OperatorCall, low: Value, high: Value): Value =>
  call.graph.node("Clip", [call.value(0), low, high]);

export const elementwise: Readonly<Record<string, OnnxTranslation>> = {
  "aten::alias": same,
  "aten::clone": same,
  "aten::contiguous": same,
  "aten::detach": same,
  "aten::dropout": same,
  "aten::to": (call) => {
    if (!call.keepsDtype) throw new ExportError("a change of the number format has no ONNX translation");
    return call.value(0);
  },
  "aten::abs": unary("Abs"),
  "aten::ceil": unary("Ceil"),
  "aten::cos": unary("Cos"),
  "aten::exp": unary("Exp"),
  "aten::floor": unary("Floor"),
  "aten::log": unary("Log"),
  "aten::neg": unary("Neg"),
  "aten::reciprocal": unary("Reciprocal"),
  "aten::relu": unary("Relu"),
  "aten::round": unary("Round"),
  "aten::sigmoid": unary("Sigmoid"),
  "aten::sign": unary("Sign"),
  "aten::sin": unary("Sin"),
  "aten::sqrt": unary("Sqrt"),
  "aten::tanh": unary("Tanh"),
  "aten::silu": (call) => silu(call.graph, call.value(0)),
  "aten::rsqrt": (call) => call.graph.node("Reciprocal", [call.graph.node("Sqrt", [call.value(0)])]),
  "aten::square": (call) => call.graph.node("Mul", [call.value(0), call.value(0)]),
  "aten::add": combination("Add"),
  "aten::sub": combination("Sub"),
  "aten::mul": binary("Mul"),
  "aten::pow": binary("Pow"),
  "aten::maximum": binary("Max"),
  "aten::minimum": binary("Min"),
  "aten::div": (call) => {
    if (call.has(2)) throw new ExportError("aten::div with a rounding mode has no ONNX translation");
    return call.graph.node("Div", [call.operand(0), call.operand(1)]);
  },
  "aten::clamp": (call) => {
    const limit = (index: number): Value => (call.has(index) ? call.operand(index) : "");
    return clip(call, limit(1), limit(2));
  },
  "aten::hardtanh": (call) => clip(call, call.graph.scalar(call.number(1, -1)), call.graph.scalar(call.number(2, 1))),
};
