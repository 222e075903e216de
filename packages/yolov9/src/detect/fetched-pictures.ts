/** Pictures at addresses, as files in a folder that lives as long as a detection runs. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join, posix } from "node:path";
import type { AllowedHosts } from "./allowed-hosts.js";
import { fetchPicture, type FetchLimits } from "./fetch-picture.js";

const LONGEST_NAME = 100;

/** Whether a source is an address and not a path. */
export function isAddress(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

export class FetchedPictures implements Disposable {
  readonly #hosts: AllowedHosts;
  readonly #limits: FetchLimits | undefined;
  #folder: string | undefined;
  #count = 0;

  constructor(hosts: AllowedHosts, limits?: FetchLimits) {
    this.#hosts = hosts;
    this.#limits = limits;
  }

  /**
   * @returns the path of a file that has the name of the picture at the address
   * @throws Error saying why it was not fetched
   */
  async fetch(address: string): Promise<string> {
    this.#folder ??= mkdtempSync(join(tmpdir(), "yolov9-pictures-"));
    const folder = join(this.#folder, String(++this.#count));
    mkdirSync(folder);
    const path = join(folder, fileName(address));
    await fetchPicture(address, path, this.#hosts, this.#limits);
    return path;
  }

  [Symbol.dispose](): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}

/** The last part of the address's path, of characters that every file system takes. */
function fileName(address: string): string {
  const pathname = URL.canParse(address) ? new URL(address).pathname : "";
  const name = posix
    .basename(pathname)
    .replace(/[^\w.-]+/g, "_")
    .replace(/^\.+/, "")
    .slice(-LONGEST_NAME);
  return extname(name) === "" ? `${name === "" ? "picture" : name}.jpg` : name;
}
