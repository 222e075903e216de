import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AllowedHosts, isPrivate } from "./allowed-hosts.js";
import { fetchPicture } from "./fetch-picture.js";
import { FetchedPictures, isAddress } from "./fetched-pictures.js";

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

let folder = "";
let picture: Buffer;
let answer: Answer = () => undefined;
const requests: string[] = [];
const server = createServer((request, response) => {
  requests.push(request.url ?? "");
  answer(response, request);
});
let port = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fetch-"));
  picture = await sharp({ create: { width: 40, height: 30, channels: 3, background: "red" } })
    .png()
    .toBuffer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const sends =
  (bytes: Buffer, type = "image/png"): Answer =>
  (response) =>
    response.writeHead(200, { "content-type": type, "content-length": bytes.length }).end(bytes);

const redirects =
  (location: string): Answer =>
  (response) =>
    response.writeHead(302, { location }).end();

function fetching(
  address: string,
  hosts: readonly string[],
  limits = { largestBytes: 1e6, seconds: 5 },
): Promise<void> {
  return fetchPicture(address, join(folder, "picture"), new AllowedHosts(hosts), limits);
}

describe("fetchPicture", () => {
  it("fetches from a host that was named with its port, and from no other", async () => {
    answer = sends(picture);
    await fetching(`http://127.0.0.1:${port}/a.png`, [`127.0.0.1:${port}`]);
    expect(readFileSync(join(folder, "picture")).equals(picture)).toBe(true);
    for (const hosts of [[], ["example.com"], ["127.0.0.1"], ["*"]]) {
      await expect(fetching(`http://127.0.0.1:${port}/a.png`, hosts)).rejects.toThrow(
        `the host is not allowed; --allow-host 127.0.0.1:${port} allows it`,
      );
    }
  });

  it("refuses other protocols and passwords", async () => {
    for (const address of ["ftp://example.com/a.png", "file:///etc/passwd"]) {
      await expect(fetching(address, ["*"])).rejects.toThrow("is neither http nor https");
    }
    await expect(fetching("https://user:pass@example.com/a.png", ["*"])).rejects.toThrow("with a user or password");
  });

  it("refuses inner networks unless the host was named, in numbers and after resolution", async () => {
    for (const host of [
      "127.0.0.1",
      "10.1.2.3",
      "169.254.169.254",
      "[::1]",
      "[::ffff:192.168.0.1]",
      "0x7f.1",
      "2130706433",
    ]) {
      await expect(fetching(`http://${host}/a.png`, ["*"])).rejects.toThrow("in an inner network; --allow-host");
    }
    await expect(fetching("http://localhost/a.png", ["*"])).rejects.toThrow(
      /localhost is (127\.0\.0\.1|::1), in an inner network; --allow-host localhost allows it by name/,
    );
    expect(["8.8.8.8", "2606:4700::1111"].map(isPrivate)).toEqual([false, false]);
  });

  it("checks where it is redirected to like the address itself", async () => {
    const [before, own] = [requests.length, `127.0.0.1:${port}`];
    answer = redirects("http://169.254.169.254/latest/meta-data");
    await expect(fetching(`http://${own}/`, [own])).rejects.toThrow("--allow-host 169.254.169.254 allows it");
    answer = redirects("http://localhost/a.png");
    await expect(fetching(`http://${own}/`, [own, "*"])).rejects.toThrow("in an inner network");
    answer = redirects("file:///etc/passwd");
    await expect(fetching(`http://${own}/`, [own])).rejects.toThrow("neither http nor https");
    answer = redirects("/again");
    await expect(fetching(`http://${own}/`, [own])).rejects.toThrow("more than 5 redirects");
    expect(requests.length - before).toBe(3 + 6);
  });

  it("takes pictures only, no more bytes than allowed, and does not wait for ever", async () => {
    const [address, hosts] = [`http://127.0.0.1:${port}/`, [`127.0.0.1:${port}`]];
    answer = sends(Buffer.from("<html>"), "text/html; charset=utf-8");
    await expect(fetching(address, hosts)).rejects.toThrow('the server sends "text/html", no picture');
    answer = sends(Buffer.from("<svg/>"), "image/svg+xml");
    await expect(fetching(address, hosts)).rejects.toThrow("no picture");
    answer = (response) => response.writeHead(404).end();
    await expect(fetching(address, hosts)).rejects.toThrow("the server answered 404 Not Found");
    answer = sends(picture);
    const small = { largestBytes: 20, seconds: 5 };
    await expect(fetching(address, hosts, small)).rejects.toThrow("more than 20 bytes");
    answer = (response) => response.writeHead(200, { "content-type": "image/png" }).end(picture);
    await expect(fetching(address, hosts, small)).rejects.toThrow("more than 20 bytes");
    answer = (response) => response.writeHead(200, { "content-type": "image/png" }).flushHeaders();
    const quick = { largestBytes: 1e6, seconds: 0.2 };
    await expect(fetching(address, hosts, quick)).rejects.toThrow("no picture within 0.2 s");
  });
});

describe("FetchedPictures", () => {
  it("gives files the name of the picture, and removes them in the end", async () => {
    answer = sends(picture);
    const fetched = new FetchedPictures(new AllowedHosts([`127.0.0.1:${port}`]));
    const name = async (path: string): Promise<string> =>
      basename(await fetched.fetch(`http://127.0.0.1:${port}${path}`));
    expect(await name("/photos/cat.png?size=1")).toBe("cat.png");
    expect(await name("/..%2f..%2fetc%2fpasswd")).toBe("_2f.._2fetc_2fpasswd");
    expect(await name("/")).toBe("picture.jpg");
    const file = await fetched.fetch(`http://127.0.0.1:${port}/cat.png`);
    fetched[Symbol.dispose]();
    expect(existsSync(file)).toBe(false);
  });

  it("knows addresses from paths", () => {
    expect(["https://a/b.jpg", "HTTP://a", "http:/a", "a.jpg", "https"].map(isAddress)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
