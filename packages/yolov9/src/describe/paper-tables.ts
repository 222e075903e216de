/**
 * The tables of the paper next to what the models come to here. What the paper prints is data (`zoo/paper/figures.yaml`); the other
 * side is counted.
 */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { loadModelSpec, modelNames, profile, variantNames, type ModelProfile } from "../model/index.js";
import type { TextTable } from "../text-table.js";

const figuresSchema = z.array(
  z.strictObject({
    title: z.string(),
    rows: z.array(
      z.strictObject({
        /** What the paper calls it. */
        row: z.string(),
        model: z.string(),
        /** Millions, in deploy form. */
        parameters: z.number(),
        gflops: z.number(),
        /** On COCO val2017, percent. */
        ap: z.number(),
      }),
    ),
  }),
);

export type PaperTable = z.output<typeof figuresSchema>[number];
export type PaperRow = PaperTable["rows"][number];

export type ModelSize = Pick<ModelProfile, "name" | "parameters" | "gflops">;

export function paperTables(): PaperTable[] {
  const file = new URL("../../src/model/zoo/paper/figures.yaml", import.meta.url);
  return figuresSchema.parse(parse(readFileSync(file, "utf8")));
}

/** Sizes of every model of the zoo and of the paper's tables, at 80 classes and 640 × 640 pixels. */
export function allModelSizes(): ModelSize[] {
  return [...modelNames(), ...variantNames()].map((model) => {
    const { name, parameters, gflops } = profile(loadModelSpec(model));
    return { name, parameters, gflops };
  });
}

/** All models, then each table of the paper. */
export function sizeTables(sizes: readonly ModelSize[]): TextTable[] {
  const of = (model: string): ModelSize => {
    const size = sizes.find(({ name }) => name === model);
    if (size === undefined) throw new Error(`figures.yaml names the model "${model}", which does not exist`);
    return size;
  };
  const all = sizes.map(({ name, parameters, gflops }) => [
    name,
    ...(["training", "deploy"] as const).flatMap((form) => [exact(parameters[form]), gflops[form].toFixed(2)]),
  ]);
  return [
    {
      title: "All models",
      columns: ["model", "training parameters", "GFLOPs", "deploy parameters", "GFLOPs"],
      lines: all,
    },
    ...paperTables().map(({ title, rows }) => ({
      title,
      columns: ["row", "model", "paper: M", "GFLOPs", "AP", "here: M", "GFLOPs"],
      lines: rows.map((row) => [row.row, row.model, ...printed(row), ...counted(of(row.model))]),
    })),
  ];
}

function printed({ parameters, gflops, ap }: PaperRow): string[] {
  return [parameters, gflops, ap].map((figure) => figure.toFixed(1));
}

function counted({ parameters, gflops }: ModelSize): string[] {
  return [(parameters.deploy / 1e6).toFixed(2), gflops.deploy.toFixed(2)];
}

function exact(parameters: number): string {
  return parameters.toLocaleString("en");
}
