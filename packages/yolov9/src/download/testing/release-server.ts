/** A server of one file on this machine, for tests: it can break off, ignore ranges, lie about lengths and redirect. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Behaviour {
  /** Closes the connection after so many bytes. */
  breakAfter?: number;
  /** Sends the whole file whatever was asked for. */
  ignoreRanges?: boolean;
  /** What it says in Content-Length instead of the truth; null leaves the header out. */
  claimedLength?: number | null;
  /** Sends every request there. */
  redirectTo?: string;
  /** Says nothing after the headers. */
  silent?: boolean;
}

export class ReleaseServer {
  /** `method path range` of every request for the file itself. */
  readonly requests: string[] = [];
  content: Uint8Array = new Uint8Array(0);
  /** What lies beside the file as its SHA-256; nothing by default. */
  digestText: string | undefined;
  behaviour: Behaviour = {};
  readonly #server = createServer((request, response) => this.#answer(request, response));

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/release/`;
  }

  #answer({ method, url, headers }: IncomingMessage, response: ServerResponse): void {
    if (url?.endsWith(".sha256") === true) {
      response.writeHead(this.digestText === undefined ? 404 : 200).end(this.digestText);
      return;
    }
    const { range, "if-range": version } = headers;
    this.requests.push(`${method} ${url} ${range ?? "whole"}`);
    const { behaviour, content } = this;
    if (behaviour.redirectTo !== undefined) {
      response.writeHead(302, { location: behaviour.redirectTo }).end();
      return;
    }
    if (url?.startsWith("/release/") !== true || url.includes("missing")) {
      response.writeHead(404).end();
      return;
    }
    const etag = `"${createHash("sha256").update(content).digest("hex")}"`;
    const start =
      version === etag && behaviour.ignoreRanges !== true ? Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0) : 0;
    const part = content.subarray(start);
    const length = behaviour.claimedLength === undefined ? part.length : behaviour.claimedLength;
    response.writeHead(start > 0 ? 206 : 200, {
      etag,
      ...(length === null ? { "transfer-encoding": "chunked" } : { "content-length": length }),
      ...(start > 0 ? { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    });
    if (behaviour.silent === true) {
      response.flushHeaders();
    } else if (behaviour.breakAfter === undefined) {
      response.end(part);
    } else {
      response.write(part.subarray(0, behaviour.breakAfter), () => setTimeout(() => response.destroy(), 20));
    }
  }
}
