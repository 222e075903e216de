import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { SOURCE_HASH } from "./kernels.generated.js";

it("the compiled loops are those of kernels/augment.ts; after a change, npm run generate:kernels", () => {
  const source = readFileSync(new URL("../../../kernels/augment.ts", import.meta.url));
  expect(SOURCE_HASH).toBe(createHash("sha256").update(source).digest("hex"));
});
