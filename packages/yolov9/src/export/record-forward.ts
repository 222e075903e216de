/**
 * A network's operators as it calls them, recorded at two sizes of its input and laid side by side: what is the same is written into a
 * file as it is, what differs depends on the size (`sizes.ts`).
 */
import { Recording, Tensor } from "@yolov9/torch";
import { ExportError } from "./export-error.js";
import { sizeOf, type Size } from "./sizes.js";

/** The same at the first and at the second size. */
export type Twin<T> = readonly [first: T, second: T];

/** An argument of an operator at both sizes. */
export type Argument = TwinTensor | Size | boolean | string | null | undefined | readonly Argument[];

export class TwinTensor {
  /** The same object for the same tensor. */
  readonly key: Tensor;
  readonly tensors: Twin<Tensor>;
  readonly shape: readonly Size[];

  constructor(tensors: Twin<Tensor>) {
    this.key = tensors[0];
    this.tensors = tensors;
    const [{ shape: first }, { shape: second }] = tensors;
    if (first.length !== second.length) throw new ExportError("a tensor whose rank depends on the size of the input");
    this.shape = first.map((size, i) => sizeOf(size, second[i]!));
  }
}

/** One operator that a network calls, at both sizes. */
export interface RecordedOperator {
  readonly name: string;
  readonly args: readonly Argument[];
  readonly results: readonly TwinTensor[];
}

export class TwinRecording implements Disposable {
  readonly #recordings: Twin<Recording> = [new Recording(), new Recording()];

  /**
   * Runs `forward` at both sizes.
   * @param inputs at the first and the second size
   * @throws ExportError when it calls other operators at the one than at the other
   */
  run(
    inputs: readonly Twin<Tensor>[],
    forward: (...inputs: Tensor[]) => readonly Tensor[],
  ): { operators: RecordedOperator[]; outputs: Twin<Tensor>[] } {
    const [first, second] = this.#recordings.map((recording, i) => {
      const before = recording.calls.length;
      const outputs = recording.run(() => forward(...inputs.map((twin) => twin[i]!)));
      return { calls: recording.calls.slice(before), outputs };
    }) as [Run, Run];
    const differs = first.calls.length !== second.calls.length || first.outputs.length !== second.outputs.length;
    if (differs || first.calls.some(({ name }, i) => name !== second.calls[i]!.name)) {
      throw new ExportError("its operators depend on the size of the input");
    }
    return {
      operators: first.calls.map(({ name, args, results }, i) => ({
        name,
        args: args.map((arg, j) => pair(arg, second.calls[i]!.args[j])),
        results: results.map((result, j) => new TwinTensor([result, second.calls[i]!.results[j]!])),
      })),
      outputs: first.outputs.map((output, i) => [output, second.outputs[i]!]),
    };
  }

  /** A tensor of the network by the key that its operators know it by. */
  keyOf(tensor: Tensor): Tensor {
    return this.#recordings[0].tensorOf(tensor);
  }

  [Symbol.dispose](): void {
    for (const recording of this.#recordings) recording[Symbol.dispose]();
  }
}

interface Run {
  readonly calls: Recording["calls"];
  readonly outputs: readonly Tensor[];
}

function pair(first: unknown, second: unknown): Argument {
  if (first instanceof Tensor && second instanceof Tensor) return new TwinTensor([first, second]);
  if (Array.isArray(first) && Array.isArray(second) && first.length === second.length) {
    return first.map((item, i) => pair(item, second[i]));
  }
  if (typeof first === "number" && typeof second === "number") return sizeOf(first, second);
  if (
    first === second &&
    (typeof first === "boolean" || typeof first === "string" || first === undefined || first === null)
  ) {
    return first;
  }
  throw new ExportError("an argument depends on the size of the input");
}
