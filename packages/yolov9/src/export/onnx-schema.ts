/**
 * The part of the ONNX file format that a convolutional detector needs, as protobuf messages built by reflection, and the
 * TypeScript types of those messages. Names and field numbers are those of the ONNX specification (IR version 8 and later);
 * sub-graphs, sparse tensors, functions and training information are left out because nothing here writes them.
 */
import protobuf from "protobufjs/light.js";

/** `TensorProto.DataType` codes. */
export const DataType = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 } as const;
export type DataTypeCode = (typeof DataType)[keyof typeof DataType];

/** `AttributeProto.AttributeType` codes. */
export const AttributeType = { float: 1, int: 2, string: 3, ints: 7 } as const;

export interface TensorProto {
  dims: number[];
  data_type: DataTypeCode;
  name: string;
  /** Little-endian, row-major. */
  raw_data: Uint8Array;
}

export interface AttributeProto {
  name: string;
  type: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  ints?: number[];
}

export interface NodeProto {
  input: string[];
  output: string[];
  name: string;
  op_type: string;
  attribute: AttributeProto[];
}

export interface Dimension {
  dim_value?: number;
  dim_param?: string;
}

export interface ValueInfoProto {
  name: string;
  type: { tensor_type: { elem_type: DataTypeCode; shape: { dim: Dimension[] } } };
}

export interface GraphProto {
  node: NodeProto[];
  name: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
}

export interface ModelProto {
  ir_version: number;
  producer_name: string;
  producer_version: string;
  graph: GraphProto;
  opset_import: { domain: string; version: number }[];
  metadata_props: { key: string; value: string }[];
}

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        ir_version: { type: "int64", id: 1 },
        producer_name: { type: "string", id: 2 },
        producer_version: { type: "string", id: 3 },
        graph: { type: "GraphProto", id: 7 },
        opset_import: { rule: "repeated", type: "OperatorSetIdProto", id: 8 },
        metadata_props: { rule: "repeated", type: "StringStringEntryProto", id: 14 },
      },
    },
    OperatorSetIdProto: { fields: { domain: { type: "string", id: 1 }, version: { type: "int64", id: 2 } } },
    StringStringEntryProto: { fields: { key: { type: "string", id: 1 }, value: { type: "string", id: 2 } } },
    GraphProto: {
      fields: {
        node: { rule: "repeated", type: "NodeProto", id: 1 },
        name: { type: "string", id: 2 },
        initializer: { rule: "repeated", type: "TensorProto", id: 5 },
        input: { rule: "repeated", type: "ValueInfoProto", id: 11 },
        output: { rule: "repeated", type: "ValueInfoProto", id: 12 },
      },
    },
    NodeProto: {
      fields: {
        input: { rule: "repeated", type: "string", id: 1 },
        output: { rule: "repeated", type: "string", id: 2 },
        name: { type: "string", id: 3 },
        op_type: { type: "string", id: 4 },
        attribute: { rule: "repeated", type: "AttributeProto", id: 5 },
      },
    },
    AttributeProto: {
      fields: {
        name: { type: "string", id: 1 },
        f: { type: "float", id: 2 },
        i: { type: "int64", id: 3 },
        s: { type: "bytes", id: 4 },
        ints: { rule: "repeated", type: "int64", id: 8 },
        type: { type: "int32", id: 20 },
      },
    },
    TensorProto: {
      fields: {
        dims: { rule: "repeated", type: "int64", id: 1 },
        data_type: { type: "int32", id: 2 },
        name: { type: "string", id: 8 },
        raw_data: { type: "bytes", id: 9 },
      },
    },
    ValueInfoProto: { fields: { name: { type: "string", id: 1 }, type: { type: "TypeProto", id: 2 } } },
    TypeProto: { fields: { tensor_type: { type: "TensorTypeProto", id: 1 } } },
    TensorTypeProto: {
      fields: { elem_type: { type: "int32", id: 1 }, shape: { type: "TensorShapeProto", id: 2 } },
    },
    TensorShapeProto: { fields: { dim: { rule: "repeated", type: "Dimension", id: 1 } } },
    Dimension: { fields: { dim_value: { type: "int64", id: 1 }, dim_param: { type: "string", id: 2 } } },
  },
});

const modelType = root.lookupType("ModelProto");

/**
 * Serialises a model to the bytes of an `.onnx` file.
 * @throws Error when a field has the wrong type, naming the field
 */
export function encodeModel(model: ModelProto): Uint8Array {
  const problem = modelType.verify(model);
  if (problem !== null) throw new Error(`the ONNX model cannot be written: ${problem}`);
  return modelType.encode(model).finish();
}
