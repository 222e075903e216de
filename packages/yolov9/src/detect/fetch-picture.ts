/**
 * A picture at an http or https address, fetched into a file. The address may come from someone else and the server is not trusted: only
 * allowed hosts, also after redirects, and no more bytes and time than a picture takes.
 */
import { createWriteStream } from "node:fs";
import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AddressError, type AllowedHosts } from "./allowed-hosts.js";

export interface FetchLimits {
  readonly largestBytes: number;
  /** Of everything together. */
  readonly seconds: number;
}

export const PICTURE_LIMITS: FetchLimits = { largestBytes: 64 * 2 ** 20, seconds: 60 };

const MOST_REDIRECTS = 5;

/**
 * @param path of the file to write
 * @throws Error saying why the picture was not fetched; the message does not repeat the address
 */
export async function fetchPicture(
  address: string,
  path: string,
  hosts: AllowedHosts,
  { largestBytes, seconds }: FetchLimits = PICTURE_LIMITS,
): Promise<void> {
  if (!URL.canParse(address)) throw new AddressError("this is no address");
  const signal = AbortSignal.timeout(seconds * 1000);
  try {
    const response = await follow(new URL(address), hosts, signal);
    checkPicture(response, largestBytes);
    await pipeline(response, atMost(largestBytes), createWriteStream(path), { signal });
  } catch (error) {
    throw signal.aborted ? new Error(`no picture within ${seconds} s`, { cause: error }) : error;
  }
}

/** Every redirect is checked like the address itself. */
async function follow(first: URL, hosts: AllowedHosts, signal: AbortSignal): Promise<IncomingMessage> {
  let url = first;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    hosts.check(url);
    hosts.checkNumbers(url);
    const response = await get(url, hosts, signal);
    const { statusCode = 0, headers } = response;
    if (statusCode < 300 || statusCode >= 400 || headers.location === undefined) return response;
    response.destroy();
    const next = new URL(headers.location, url);
    if (url.protocol === "https:" && next.protocol !== "https:")
      throw new AddressError("redirected from https to http");
    url = next;
  }
  throw new AddressError(`more than ${MOST_REDIRECTS} redirects`);
}

function get(url: URL, hosts: AllowedHosts, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  const headers = { accept: "image/*", "accept-encoding": "identity" };
  return new Promise((resolve, reject) => {
    request(url, { headers, signal, lookup: hosts.lookup(url) }, resolve)
      .on("error", reject)
      .end();
  });
}

/** Looks at what the server says before anything is read. */
function checkPicture(response: IncomingMessage, largestBytes: number): void {
  const { statusCode, statusMessage, headers } = response;
  const refuse = (reason: string): never => {
    response.destroy();
    throw new AddressError(reason);
  };
  if (statusCode !== 200) refuse(`the server answered ${statusCode} ${statusMessage ?? ""}`.trimEnd());
  const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase() ?? "nothing";
  if (!/^(image\/(?!svg)|application\/octet-stream$)/.test(type))
    refuse(`the server sends ${JSON.stringify(type)}, no picture`);
  if (Number(headers["content-length"] ?? 0) > largestBytes) refuse(tooLarge(largestBytes));
}

function atMost(largestBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      if (bytes > largestBytes) done(new AddressError(tooLarge(largestBytes)));
      else done(null, chunk);
    },
  });
}

function tooLarge(largestBytes: number): string {
  return `the picture has more than ${largestBytes} bytes`;
}
