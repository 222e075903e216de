/**
 * Writes what a network's `forward` calls into an ONNX graph: its operators are recorded at two sizes of the input (`record-forward.ts`) and
 * translated one by one (`operators/`). The recorded operators are all that is known of a block.
 */
import { noGrad, withPlainKernels, type Tensor } from "@yolov9/torch";
import { ExportError } from "./export-error.js";
import type { OnnxGraph, Value } from "./onnx-graph.js";
import { OperatorCall } from "./operators/operator-call.js";
import { onnxTranslation } from "./operators/translations.js";
import { TwinRecording, type RecordedOperator, type Twin } from "./record-forward.js";
import type { SizeSource } from "./sizes.js";

export interface WriterOptions {
  readonly graph: OnnxGraph;
  readonly opset: number;
  readonly sizes: SizeSource;
}

export class ForwardWriter implements Disposable {
  readonly #options: WriterOptions;
  readonly #recording = new TwinRecording();
  readonly #values = new Map<Tensor, Value>();
  readonly #constants = new Map<Tensor, Value>();
  readonly #names = new Map<Tensor, string>();

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Says which value stands for a tensor of the forward pass. */
  bind(tensors: Twin<Tensor>, value: Value): void {
    this.#values.set(this.#recording.keyOf(tensors[0]), value);
  }

  /** Says what weights are called; nodes and initializers get names after them. */
  name(weights: ReadonlyMap<string, Tensor>): void {
    for (const [path, tensor] of weights) this.#names.set(this.#recording.keyOf(tensor), path);
  }

  /**
   * Runs `forward`, which must be in evaluation mode, and appends its operators.
   * @param inputs at both sizes, bound or made by an earlier call
   * @throws ExportError for an operator without a translation
   */
  write(inputs: readonly Twin<Tensor>[], forward: (...inputs: Tensor[]) => readonly Tensor[]): Twin<Tensor>[] {
    const { operators, outputs } = noGrad(() => withPlainKernels(() => this.#recording.run(inputs, forward)));
    for (const operator of operators) this.#append(operator);
    return outputs;
  }

  /** The value of an output of `write`. @throws ExportError when no operator made it */
  valueOf([first]: Twin<Tensor>): Value {
    const value = this.#values.get(this.#recording.keyOf(first));
    if (value === undefined) throw new ExportError("an output that no operator of libtorch makes");
    return value;
  }

  [Symbol.dispose](): void {
    this.#recording[Symbol.dispose]();
  }

  #append(operator: RecordedOperator): void {
    const { graph } = this.#options;
    const writing = { ...this.#options, values: this.#values, constants: this.#constants, names: this.#names };
    const call = new OperatorCall(operator, writing);
    if (!call.dependsOnInput) return;
    const translate = onnxTranslation(operator.name);
    const write = (): readonly Value[] => [translate(call)].flat();
    const { layer } = call;
    const values = layer === undefined ? write() : graph.within(layer, write);
    for (const [i, { key }] of operator.results.entries()) this.#values.set(key, values[i]!);
  }
}
