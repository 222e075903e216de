/**
 * A site built by Vite and opened in Chromium, for tests of what runs in browsers. Chromium is the system's; nothing is downloaded.
 */
import { existsSync } from "node:fs";
import { chromium, type Browser, type Page } from "playwright-core";
import { build, preview, type PreviewServer } from "vite";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Path of the Chromium to test with; undefined where there is none. */
export const chromiumPath = [process.env["YOLOV9_CHROMIUM"] ?? "", ...PLACES].find((path) => existsSync(path));

/** What to say where there is none. */
export const LACKS_CHROMIUM =
  "no Chromium: `apt-get install chromium`, or set YOLOV9_CHROMIUM to the path of Chromium or Chrome";

/** Nothing that talks to the network by itself; WebGPU on the processor, where the build of Chromium has it. */
const ARGUMENTS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
  ...["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-unsafe-swiftshader"],
];

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath!, headless: true, args: ARGUMENTS });
}

/** Headers that isolate a page from other origins, without which browsers share no memory between threads. */
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Builds the site in `root` into `folder`, as its own Vite configuration says where it has one. */
export async function buildSite(root: string, folder: string): Promise<void> {
  await build({
    root,
    base: "./",
    logLevel: "error",
    worker: { format: "es" },
    build: { outDir: folder, emptyOutDir: false, minify: false, reportCompressedSize: false, target: "es2023" },
  });
}

export class Site {
  readonly address: string;
  readonly #server: PreviewServer;

  private constructor(server: PreviewServer, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** Serves a folder on a free port of this machine. */
  static async serve(folder: string, { isolated }: { isolated: boolean }): Promise<Site> {
    const server = await preview({
      configFile: false,
      root: folder,
      appType: "mpa",
      logLevel: "error",
      build: { outDir: folder },
      preview: { port: 0, host: "127.0.0.1", headers: isolated ? ISOLATION : {} },
    });
    const address = server.resolvedUrls?.local[0];
    if (address === undefined) throw new Error("the server of the test site has no address");
    return new Site(server, address);
  }

  /** A page of its own, whose errors end the test. */
  async open(browser: Browser): Promise<Page> {
    const page = await browser.newPage();
    page.on("pageerror", (error) => {
      throw error;
    });
    await page.goto(this.address);
    return page;
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
