/** A model, or a part of one, that has no ONNX form. The message says which and what to do. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}
