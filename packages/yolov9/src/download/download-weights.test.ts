import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { downloadWeights } from "./download-weights.js";
import { fetchFile } from "./fetch-file.js";
import { LARGEST_FILE_BYTES, PUBLISHED_FILES, RELEASE_ADDRESS } from "./published-files.js";
import { statedDigest } from "./stated-digest.js";
import { ReleaseServer } from "./testing/release-server.js";

const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251);

let cache = "";
let server: ReleaseServer;
beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), "download-"));
  server = new ReleaseServer();
  server.content = content;
  await server.start();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  rmSync(cache, { recursive: true });
});

const download = (name = "yolov9-c", options = {}) =>
  downloadWeights(name, { base: server.address, cache, ...options });

describe("downloadWeights", () => {
  it("puts the file into the cache, tells how far it is, and asks only once", async () => {
    const progress: number[] = [];
    const first = await download("yolov9-c", {
      onProgress: (done: number, total: number) => progress.push(done / total),
    });
    expect(first).toMatchObject({ path: join(cache, "yolov9-c.pt"), fetched: true, published: { model: "yolov9-c" } });
    expect(readFileSync(first.path).equals(content)).toBe(true);
    expect(progress.at(-1)).toBe(1);
    expect((await download()).fetched).toBe(false);
    expect((await download("yolov9-c", { force: true })).fetched).toBe(true);
    expect(server.requests).toEqual(Array(2).fill("GET /release/yolov9-c.pt whole"));
    expect(readdirSync(cache)).toEqual(["yolov9-c.pt"]);
  });

  it("refuses a file that is not what its publisher states, and keeps nothing of it", async () => {
    const digest = createHash("sha256").update(content).digest("hex");
    server.digestText = `${digest.toUpperCase()}  yolov9-c.pt\n`;
    expect(await download()).toMatchObject({ fetched: true, sha256: digest });
    server.content = content.map((byte, i) => (i === 1000 ? byte ^ 1 : byte));
    await expect(download("yolov9-c", { force: true })).rejects.toThrow(`but its publisher states ${digest}`);
    expect(readFileSync(join(cache, "yolov9-c.pt")).equals(content)).toBe(true);
    expect(readdirSync(cache)).toEqual(["yolov9-c.pt"]);
    server.digestText = "no digest";
    expect(await download("yolov9-s")).not.toHaveProperty("sha256");
  });

  it("looks for the digest where GitHub lists a release", async () => {
    const digest = "ab".repeat(32);
    const asked: string[] = [];
    vi.stubGlobal("fetch", (address: string) => {
      asked.push(address);
      const assets = [
        { name: "other.pt", digest: null },
        { name: "yolov9-c.pt", digest: `sha256:${digest}` },
      ];
      return Promise.resolve(new Response(JSON.stringify({ assets })));
    });
    try {
      expect(await statedDigest(`${RELEASE_ADDRESS}yolov9-c.pt`)).toBe(digest);
      expect(await statedDigest(`${RELEASE_ADDRESS}other.pt`)).toBeUndefined();
      expect(asked[0]).toBe("https://api.github.com/repos/WongKinYiu/yolov9/releases/tags/v0.1");
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("goes on where a broken download stopped", async () => {
    server.behaviour = { breakAfter: 100_000 };
    await expect(download()).rejects.toThrow("goes on from where it broke off");
    expect(existsSync(join(cache, "yolov9-c.pt"))).toBe(false);
    const kept = statSync(join(cache, "yolov9-c.pt.part")).size;
    expect(kept).toBeGreaterThan(0);
    server.behaviour = {};
    const { path } = await download();
    expect(server.requests.at(-1)).toBe(`GET /release/yolov9-c.pt bytes=${kept}-`);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it("begins anew where the file has changed, or the server knows no ranges", async () => {
    server.behaviour = { breakAfter: 100_000 };
    await expect(download()).rejects.toThrow();
    server.behaviour = {};
    server.content = content.map((byte) => byte ^ 1);
    expect(readFileSync((await download()).path).equals(server.content)).toBe(true);
    server.behaviour = { breakAfter: 50_000 };
    await expect(download("yolov9-s")).rejects.toThrow();
    server.behaviour = { ignoreRanges: true };
    expect(readFileSync((await download("yolov9-s")).path).equals(server.content)).toBe(true);
  });

  it("does not take more than a published file can have, nor a file of unknown length", async () => {
    server.behaviour = { claimedLength: LARGEST_FILE_BYTES + 1 };
    await expect(download()).rejects.toThrow(`the server wants to send ${LARGEST_FILE_BYTES + 1} bytes; at most`);
    server.behaviour = { claimedLength: null };
    await expect(download()).rejects.toThrow("does not say how long the file is");
    server.behaviour = { claimedLength: content.length + 1, breakAfter: content.length };
    await expect(download()).rejects.toThrow();
    expect(existsSync(join(cache, "yolov9-c.pt"))).toBe(false);
  });

  it.skipIf(!existsSync("/dev/full"))(
    "says when the disk is full, whatever the size of the pieces that come",
    async () => {
      symlinkSync("/dev/full", join(cache, "yolov9-c.pt.part"));
      for (const length of [100, content.length]) {
        server.content = content.subarray(0, length);
        await expect(download()).rejects.toThrow("no space left on device");
        server.behaviour = { claimedLength: length + 1, breakAfter: length };
        await expect(download()).rejects.toThrow("no space left on device");
        server.behaviour = {};
      }
    },
  );

  it("does not wait for ever", async () => {
    server.behaviour = { silent: true };
    const path = join(cache, "x.pt");
    const options = { largestBytes: 1e6, silenceSeconds: 0.1 };
    await expect(fetchFile(`${server.address}x.pt`, path, options)).rejects.toThrow("no byte for 0.1 s");
  });

  it("follows few redirects, and none to other protocols", async () => {
    server.behaviour = { redirectTo: "/release/again.pt" };
    await expect(download()).rejects.toThrow("more than 5 redirects");
    server.behaviour = { redirectTo: "file:///etc/passwd" };
    await expect(download()).rejects.toThrow("refuses to follow a redirect from http: to file:");
  });

  it("says what the server answered, and what is no address", async () => {
    await expect(download("yolov9-c", { base: `${server.address}missing` })).rejects.toThrow(
      /missing\/yolov9-c\.pt: the server answered 404 Not Found/,
    );
    await expect(download("yolov9-c", { base: "http://example.com/" })).rejects.toThrow("must begin with https://");
    await expect(download("yolov9-c", { base: "nonsense" })).rejects.toThrow("nonsense: the address of the files must");
    vi.stubEnv("YOLOV9_DOWNLOAD_BASE", server.address);
    expect((await downloadWeights("gelan-s", { cache })).fetched).toBe(true);
  });

  it("uses the user's cache folder", async () => {
    vi.stubEnv("XDG_CACHE_HOME", cache);
    const { path } = await downloadWeights("gelan-m", { base: server.address });
    expect(path).toBe(join(cache, "yolov9", "gelan-m.pt"));
  });

  it("knows what was published: no training file of T", async () => {
    expect(RELEASE_ADDRESS).toMatch(/^https:.*\/v0\.1\/$/);
    expect(PUBLISHED_FILES.length).toBe(13);
    await expect(download("yolov9-t")).rejects.toThrow(
      'no published file "yolov9-t"; did you mean "yolov9-t-converted"?',
    );
  });
});
