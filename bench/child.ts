// Measurements in processes of their own: nothing that ran before warms a cache, holds memory or keeps a thread busy.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Asks a new process, which answers what `answers[kind]` returns for the request there.
 * @param environment what is different for that process
 */
export function askChild(kind: string, request: unknown, environment: Readonly<Record<string, string>> = {}): unknown {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const output = execFileSync(process.execPath, [main, "--ask", kind, "--request", JSON.stringify(request)], {
    encoding: "utf8",
    maxBuffer: 64 << 20,
    env: { ...process.env, ...environment },
  });
  return JSON.parse(output) as unknown;
}
