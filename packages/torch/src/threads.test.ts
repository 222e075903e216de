import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

const built = new URL("../dist/index.js", import.meta.url).href;

/** Convolutions of ever new shapes, each twice on weights of its own. */
const worker = `
  const { parentPort } = require("node:worker_threads");
  import(${JSON.stringify(built)}).then(({ Conv2d, noGrad, randn, scope }) => {
    let wrong = 0;
    for (let i = 0; i < 30; i++) scope(() => noGrad(() => {
      for (const dtype of ["float32", "bfloat16"]) {
        const convolution = new Conv2d(8 + 8 * (i % 4), 16, 3, { padding: 1 });
        convolution.to({ memoryFormat: "channels_last" });
        const x = randn([1, 8 + 8 * (i % 4), 8 + i, 8]).to({ dtype, memoryFormat: "channels_last" });
        if (convolution.forward(x).sub(convolution.forward(x)).abs().max().item() !== 0) wrong++;
        convolution.dispose();
      }
    }));
    parentPort.postMessage(wrong);
  });`;

const main = `
  const { Worker } = require("node:worker_threads");
  const threads = Array.from({ length: 6 }, () => new Worker(${JSON.stringify(worker)}, { eval: true }));
  const wrong = threads.map((thread) => new Promise((resolve, reject) => thread.on("message", resolve).on("error", reject)));
  Promise.all(wrong).then((counts) => console.log(JSON.stringify(counts)));`;

it("works in several threads of Node at once", { timeout: 60_000 }, () => {
  // A process of its own: threads that disturb each other bring down all.
  const output = execFileSync(process.execPath, ["-e", main], { encoding: "utf8" });
  expect(JSON.parse(output)).toEqual([0, 0, 0, 0, 0, 0]);
});
