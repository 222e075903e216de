/** The version of this package, as files that it writes and `--version` tell it. */
import { readFileSync } from "node:fs";
import { z } from "zod";

const manifest = z.object({ version: z.string() });

/** The version in package.json. */
export function packageVersion(): string {
  const file = new URL("../package.json", import.meta.url);
  return manifest.parse(JSON.parse(readFileSync(file, "utf8"))).version;
}
