/**
 * How each block that comes with the project is written as ONNX operators, line for line what its `forward` does once it is fused.
 * Importing this file registers them.
 */
import type { Conv2d } from "@yolov9/torch";
import type { Activation } from "../model/activation.js";
import { Dark, RepBottleneck, Res } from "../model/blocks/bottleneck.js";
import { CBFuse, CBLinear } from "../model/blocks/composite-backbone.js";
import { Conv } from "../model/blocks/conv.js";
import { DepthwiseConv } from "../model/blocks/depthwise-conv.js";
import { DetectionHead, type Branch } from "../model/blocks/detect.js";
import { AConv, ADown } from "../model/blocks/downsample.js";
import { ELAN1 } from "../model/blocks/elan1.js";
import { GELAN } from "../model/blocks/gelan.js";
import { MaxPool } from "../model/blocks/max-pool.js";
import type { FeatureBlock, Head } from "../model/blocks/registry.js";
import { Repeat } from "../model/blocks/repeat.js";
import { RepConv } from "../model/blocks/rep-conv.js";
import { RepCSP } from "../model/blocks/rep-csp.js";
import { Concat, Upsample } from "../model/blocks/routing.js";
import { SPPCSPC, SPPCSPC_KERNELS } from "../model/blocks/sppcspc.js";
import { SPP_KERNEL, SPP_POOLS, SPPELAN } from "../model/blocks/sppelan.js";
import { exportBlock, ExportError, registerBlockExporter } from "./block-exporters.js";
import { floats } from "./floats.js";
import * as layers from "./layers.js";
import type { OnnxGraph, Value } from "./onnx-graph.js";

registerBlockExporter(Conv, (graph, block, [x]) => {
  if (block.norm !== undefined)
    throw new ExportError("a Conv still has its batch norm: fuse the model before exporting it");
  return activation(graph, exportConv2d(graph, block.conv, x), block.activation);
});

registerBlockExporter(DepthwiseConv, (graph, block, [x]) =>
  chain(graph, x, [
    ["depthwise", block.depthwise],
    ["pointwise", block.pointwise],
  ]),
);

registerBlockExporter(RepConv, (graph, block, [x]) => {
  if (block.fused === undefined) {
    throw new ExportError("a RepConv still has its training branches: fuse the model before exporting it");
  }
  return activation(graph, exportConv2d(graph, block.fused, x), block.activation);
});

registerBlockExporter(RepBottleneck, (graph, block, [x]) => {
  const y = chain(graph, x, [
    ["reparameterised", block.reparameterised],
    ["conv", block.conv],
  ]);
  return block.residual ? layers.add(graph, x, y) : y;
});

registerBlockExporter(Res, (graph, block, [x]) => {
  const y = chain(graph, x, [
    ["reduce", block.reduce],
    ["conv", block.conv],
    ["expand", block.expand],
  ]);
  return block.residual ? layers.add(graph, x, y) : y;
});

registerBlockExporter(Dark, (graph, block, [x]) => {
  const y = chain(graph, x, [
    ["reduce", block.reduce],
    ["conv", block.conv],
  ]);
  return block.residual ? layers.add(graph, x, y) : y;
});

registerBlockExporter(RepCSP, (graph, block, [x]) => {
  const main = chain(graph, x, [["main", block.main], ...numbered("bottlenecks", block.bottlenecks)]);
  const bypass = part(graph, "bypass", block.bypass, [x]);
  return part(graph, "merge", block.merge, [layers.concatChannels(graph, [main, bypass])]);
});

registerBlockExporter(GELAN, (graph, block, [x]) => {
  const outputs = halves(graph, part(graph, "split", block.split, [x]), outChannels(block.split));
  for (const [i, { inner, conv }] of block.stages.entries()) {
    const stage: Named[] = [
      [`stages.${i}.inner`, inner],
      [`stages.${i}.conv`, conv],
    ];
    outputs.push(chain(graph, outputs.at(-1)!, stage));
  }
  return part(graph, "merge", block.merge, [layers.concatChannels(graph, outputs)]);
});

registerBlockExporter(ELAN1, (graph, block, [x]) => {
  const outputs = halves(graph, part(graph, "split", block.split, [x]), outChannels(block.split));
  for (const stage of numbered("stages", block.stages)) outputs.push(chain(graph, outputs.at(-1)!, [stage]));
  return part(graph, "merge", block.merge, [layers.concatChannels(graph, outputs)]);
});

registerBlockExporter(SPPELAN, (graph, block, [x]) => {
  const outputs = [part(graph, "reduce", block.reduce, [x])];
  for (let i = 0; i < SPP_POOLS; i++) {
    outputs.push(layers.maxPool(graph, outputs.at(-1)!, SPP_KERNEL, 1, (SPP_KERNEL - 1) / 2));
  }
  return part(graph, "merge", block.merge, [layers.concatChannels(graph, outputs)]);
});

registerBlockExporter(SPPCSPC, (graph, block, [x]) => {
  const y = chain(graph, x, numbered("before", block.before));
  const pooled = SPPCSPC_KERNELS.map((kernel) => layers.maxPool(graph, y, kernel, 1, (kernel - 1) / 2));
  const main = chain(graph, layers.concatChannels(graph, [y, ...pooled]), numbered("after", block.after));
  const bypass = part(graph, "bypass", block.bypass, [x]);
  return part(graph, "merge", block.merge, [layers.concatChannels(graph, [main, bypass])]);
});

registerBlockExporter(MaxPool, (graph, { kernel, stride, padding }, [x]) => {
  return layers.maxPool(graph, x, kernel, stride, padding);
});

registerBlockExporter(Repeat, (graph, block, [x]) => chain(graph, x, numbered("items", block.items)));

registerBlockExporter(AConv, (graph, block, [x]) => {
  return part(graph, "conv", block.conv, [layers.averagePool2x2(graph, x, inChannels(block.conv))]);
});

registerBlockExporter(ADown, (graph, block, [x]) => {
  const smooth = layers.averagePool2x2(graph, x, 2 * inChannels(block.strided));
  const [first, second] = halves(graph, smooth, 2 * inChannels(block.strided));
  const pooled = layers.maxPool(graph, second, 3, 2, 1);
  return layers.concatChannels(graph, [
    part(graph, "strided", block.strided, [first]),
    part(graph, "pooled", block.pooled, [pooled]),
  ]);
});

registerBlockExporter(Upsample, (graph, block, [x]) => layers.upsampleNearest(graph, x, block.factor));

registerBlockExporter(Concat, (graph, _, inputs) => layers.concatChannels(graph, inputs));

registerBlockExporter(CBLinear, (graph, block, [x]) => exportConv2d(graph, block.conv, x));

registerBlockExporter(CBFuse, (graph, block, inputs) => {
  const target = inputs.at(-1)!;
  const enlarged = block.pieces.map(({ start, length }, i) => {
    const piece = layers.sliceChannels(graph, inputs[i]!, start, length);
    return layers.resizeNearestTo(graph, piece, target);
  });
  return enlarged.reduce((total, piece) => layers.add(graph, total, piece), target);
});

/** In the order of a level's channels. */
const BRANCH_NAMES = ["boxes", "classes", "objectness"];

/**
 * A detection head: one raw output a level, [B, 4 · bins + classes (+ 1 with objectness), H, W].
 * @throws ExportError for a head of another kind
 */
export function exportHead(graph: OnnxGraph, head: Head, levels: readonly Value[]): Value[] {
  if (!(head instanceof DetectionHead)) throw new ExportError(`the head ${head.constructor.name} has no ONNX form`);
  return levels.map((x, i) => {
    const branches = head.level(i).map((each, j) => {
      return graph.within(`${BRANCH_NAMES[j]!}.${i}`, () => branch(graph, each, x));
    });
    return layers.concatChannels(graph, branches);
  });
}

function branch(graph: OnnxGraph, { first, second, predict }: Branch, x: Value): Value {
  const hidden = chain(graph, x, [
    ["first", first],
    ["second", second],
  ]);
  return graph.within("predict", () => exportConv2d(graph, predict, hidden));
}

/** A block inside a block, with the name that it has there. */
type Named = readonly [name: string, block: FeatureBlock];

function part(graph: OnnxGraph, name: string, block: FeatureBlock, inputs: readonly Value[]): Value {
  return graph.within(name, () => exportBlock(graph, block, inputs));
}

/** One block after the other. */
function chain(graph: OnnxGraph, x: Value, blocks: readonly Named[]): Value {
  return blocks.reduce((value, [name, block]) => part(graph, name, block, [value]), x);
}

function numbered(name: string, blocks: readonly FeatureBlock[]): Named[] {
  return blocks.map((block, i) => [`${name}.${i}`, block]);
}

function halves(graph: OnnxGraph, x: Value, channels: number): [Value, Value, ...Value[]] {
  const [first, second] = layers.splitChannels(graph, x, [channels / 2, channels / 2]);
  return [first, second!];
}

function outChannels({ conv }: Conv): number {
  return conv.weight.shape[0]!;
}

function inChannels({ conv }: Conv): number {
  return conv.weight.shape[1]! * conv.groups;
}

/** A bare convolution, with its bias where it has one. */
export function exportConv2d(graph: OnnxGraph, layer: Conv2d, x: Value): Value {
  const [out, inner, height, width] = layer.weight.shape;
  return layers.convolution(graph, x, {
    weight: floats(layer.weight),
    shape: [out!, inner!, height!, width!],
    bias: layer.bias === undefined ? undefined : floats(layer.bias),
    stride: layer.stride,
    padding: layer.padding,
    groups: layer.groups,
    dilation: layer.dilation,
  });
}

function activation(graph: OnnxGraph, x: Value, name: Activation): Value {
  switch (name) {
    case "silu":
      return layers.silu(graph, x);
    case "relu":
      return layers.relu(graph, x);
    case "none":
      return x;
  }
}
