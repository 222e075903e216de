/**
 * The text that an ONNX file carries beside its graph. ONNX Runtime's JavaScript interface does not hand it out, so the file's outermost
 * protobuf message is walked here and everything but `metadata_props` is skipped. The graph itself is not looked at: that is ONNX Runtime's.
 */

import { Reader } from "protobufjs/minimal.js";

/** Field numbers of ModelProto and StringStringEntryProto in onnx.proto3. */
const MODEL_GRAPH = 7;
const MODEL_METADATA_PROPS = 14;
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/**
 * Keys and values of an ONNX file's metadata; of a key that occurs twice the last value counts.
 * @param name what to call the file in errors
 * @throws Error when the bytes are no ONNX model, or end too early
 */
export function readOnnxMetadata(bytes: Uint8Array, name = "model"): Map<string, string> {
  try {
    return walkModel(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${name} is not an ONNX model, or only a part of one (${bytes.length} bytes): ${reason}`, {
      cause,
    });
  }
}

function walkModel(bytes: Uint8Array): Map<string, string> {
  const metadata = new Map<string, string>();
  const reader = Reader.create(bytes);
  let hasGraph = false;
  while (reader.pos < reader.len) {
    const { field, wireType } = readTag(reader);
    if (field === MODEL_METADATA_PROPS && wireType === LENGTH_DELIMITED) {
      const [key, value] = readEntry(reader.bytes());
      metadata.set(key, value);
    } else {
      if (field === MODEL_GRAPH && wireType === LENGTH_DELIMITED) hasGraph = true;
      reader.skipType(wireType);
    }
  }
  if (!hasGraph) throw new Error("it holds no graph");
  return metadata;
}

function readTag(reader: Reader): { field: number; wireType: number } {
  const at = reader.pos;
  const tag = reader.uint32();
  const field = tag >>> 3;
  const wireType = tag & 7;
  // ONNX has no groups, and other bytes than ONNX soon ask for one.
  if (field === 0 || ![VARINT, FIXED64, LENGTH_DELIMITED, FIXED32].includes(wireType)) {
    throw new Error(`byte ${at} begins no protobuf field of ONNX`);
  }
  return { field, wireType };
}

function readEntry(bytes: Uint8Array): [key: string, value: string] {
  const reader = Reader.create(bytes);
  let key = "";
  let value = "";
  while (reader.pos < reader.len) {
    const { field, wireType } = readTag(reader);
    if (field === ENTRY_KEY && wireType === LENGTH_DELIMITED) key = reader.string();
    else if (field === ENTRY_VALUE && wireType === LENGTH_DELIMITED) value = reader.string();
    else reader.skipType(wireType);
  }
  return [key, value];
}
