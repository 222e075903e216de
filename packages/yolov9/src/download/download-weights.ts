/** A published file of weights in the user's cache, fetched where it is not there yet. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { didYouMean } from "../model/did-you-mean.js";
import { messageOf } from "../error-message.js";
import { DownloadError, fetchFile, type FetchOptions } from "./fetch-file.js";
import { statedDigest } from "./stated-digest.js";
import { LARGEST_FILE_BYTES, PUBLISHED_FILES, RELEASE_ADDRESS, type PublishedFile } from "./published-files.js";

/** Another place of the files, such as a mirror in a company's network. */
const BASE_VARIABLE = "YOLOV9_DOWNLOAD_BASE";

export interface DownloadOptions {
  /** Default: that of the environment variable, else the authors' release. Only https, or http to the same machine. */
  readonly base?: string | undefined;
  /** Default: `yolov9` in the user's cache folder. */
  readonly cache?: string | undefined;
  /** Fetches what is there already again. */
  readonly force?: boolean | undefined;
  readonly onProgress?: FetchOptions["onProgress"];
}

export interface DownloadedFile {
  readonly published: PublishedFile;
  readonly path: string;
  /** False when the cache had it. */
  readonly fetched: boolean;
  /** The SHA-256 that its publisher states and the fetched file has; absent where none is stated. */
  readonly sha256?: string;
}

/**
 * @param name of the table, `yolov9-c`
 * @throws DownloadError for unknown names, forbidden addresses and failed downloads
 */
export async function downloadWeights(name: string, options: DownloadOptions = {}): Promise<DownloadedFile> {
  const published = findPublished(name);
  const path = join(options.cache ?? cacheFolder(), published.file);
  if (existsSync(path) && options.force !== true) return { published, path, fetched: false };
  const { base, onProgress } = options;
  const address = addressOf(published, base);
  try {
    const sha256 = await statedDigest(address);
    await fetchFile(address, path, { largestBytes: LARGEST_FILE_BYTES, sha256, onProgress });
    return { published, path, fetched: true, ...(sha256 !== undefined && { sha256 }) };
  } catch (error) {
    throw new DownloadError(`${messageOf(error)}\nOr fetch the file by other means and put it at ${path}`, {
      cause: error,
    });
  }
}

/** The name of a published file that a user means by `yolov9-c` or `yolov9-c.pt`; undefined for anything else. */
export function publishedName(text: string): string | undefined {
  return PUBLISHED_FILES.find(({ name, file }) => text === name || text === file)?.name;
}

function findPublished(name: string): PublishedFile {
  const found = PUBLISHED_FILES.find((published) => published.name === name);
  if (found !== undefined) return found;
  throw new DownloadError(`no published file "${name}"${nearestPublished(name)}`);
}

/** The hint that ends a message about a name that is none: `; did you mean "yolov9-c"?` */
export function nearestPublished(name: string): string {
  const names = PUBLISHED_FILES.map((published) => published.name);
  const converted = `${name}-converted`;
  return names.includes(converted) ? `; did you mean "${converted}"?` : didYouMean(name, names);
}

function addressOf({ file }: PublishedFile, base = process.env[BASE_VARIABLE] ?? RELEASE_ADDRESS): string {
  const folder = URL.canParse(base) ? new URL(base.endsWith("/") ? base : `${base}/`) : undefined;
  const isLocal = folder !== undefined && ["localhost", "127.0.0.1", "[::1]"].includes(folder.hostname);
  if (folder?.protocol !== "https:" && !(folder?.protocol === "http:" && isLocal)) {
    throw new DownloadError(`${base}: the address of the files must begin with https://`);
  }
  return new URL(file, folder).href;
}

/** As the XDG base directory specification says. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME } = process.env;
  const base = XDG_CACHE_HOME?.startsWith("/") === true ? XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(base, "yolov9");
}
