/**
 * The SHA-256 that a publisher states for a file: GitHub's release lists have one for each file, other servers a text file beside it
 * (`yolov9-c.pt.sha256`, as `sha256sum` writes it).
 */
import { z } from "zod";

const SECONDS = 15;
/** A list of some hundred files has less than a megabyte. */
const LARGEST_ANSWER_BYTES = 4_000_000;

const release = z.object({
  assets: z.array(z.object({ name: z.string(), digest: z.string().nullish() })),
});

/** @returns 64 lower-case hexadecimal digits; undefined where none is stated or the statement cannot be reached */
export async function statedDigest(address: string): Promise<string | undefined> {
  try {
    const github = githubRelease(new URL(address));
    if (github === undefined) return digestIn(await answer(`${address}.sha256`));
    const { assets } = release.parse(JSON.parse(await answer(github.list)));
    return digestIn(assets.find(({ name }) => name === github.file)?.digest ?? "");
  } catch {
    return undefined;
  }
}

function githubRelease({ hostname, pathname }: URL): { list: string; file: string } | undefined {
  if (hostname !== "github.com") return undefined;
  const [, repository, tag, file] = /^\/([^/]+\/[^/]+)\/releases\/download\/([^/]+)\/([^/]+)$/.exec(pathname) ?? [];
  if (repository === undefined || tag === undefined || file === undefined) return undefined;
  return { list: `https://api.github.com/repos/${repository}/releases/tags/${tag}`, file: decodeURIComponent(file) };
}

async function answer(address: string): Promise<string> {
  const response = await fetch(address, { redirect: "error", signal: AbortSignal.timeout(SECONDS * 1000) });
  if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> = response.body;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > LARGEST_ANSWER_BYTES) throw new Error("the answer is too long");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function digestIn(text: string): string | undefined {
  return /^(?:sha256:)?([0-9a-f]{64})\b/i.exec(text.trim())?.[1]?.toLowerCase();
}
