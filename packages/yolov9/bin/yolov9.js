#!/usr/bin/env node
// The `yolov9` command. The program itself is in src/cli/main.ts.
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (!existsSync(main)) {
  console.error("yolov9 is not built yet: run `npm run build` in the root of the project");
  process.exit(1);
}
const { Interruption, run } = await import(main.href);
const interruption = new Interruption();
interruption.listen();
process.exitCode = await run(process.argv.slice(2), interruption);
