import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

interface Search {
  found?: { source: string; cxxStandard: string; cuda: boolean };
  tried: string[];
}
const search = new URL("../native/find-libtorch.mjs", import.meta.url);
const { findLibtorch } = (await import(search.href)) as {
  findLibtorch: (environment: Record<string, string>) => Search;
};

/** A folder laid out like libtorch. */
function withFolder(header: string, libraries: readonly string[], body: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), "libtorch-"));
  for (const folder of ["include/ATen", "lib"]) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, "include/ATen/ATen.h"), header);
  for (const name of libraries) writeFileSync(join(root, "lib", name), "");
  try {
    body(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

it("asks the headers for the C++ standard that they need, and the libraries for CUDA", () => {
  const older = "#if !defined(_MSC_VER) && __cplusplus < 201703L\n#error C++17 or later compatible compiler\n#endif\n";
  withFolder(older, ["libtorch_cpu.so"], (root) => {
    expect(findLibtorch({ YOLOV9_LIBTORCH: root }).found).toMatchObject({ cxxStandard: "c++17", cuda: false });
  });
  withFolder(older.replace("C++17", "C++20"), ["libtorch_cpu.so", "libtorch_cuda.so"], (root) => {
    expect(findLibtorch({ YOLOV9_LIBTORCH: root }).found).toMatchObject({ cxxStandard: "c++20", cuda: true });
  });
});

it("looks nowhere else when it is told where to look", () => {
  expect(findLibtorch({ YOLOV9_LIBTORCH: "/nowhere" })).toEqual({
    found: undefined,
    tried: ["YOLOV9_LIBTORCH: /nowhere"],
  });
  const { found, tried } = findLibtorch({ YOLOV9_LIBTORCH: "python" });
  expect(found?.source ?? "python torch").toBe("python torch");
  expect(tried.every((place) => place.startsWith("python torch"))).toBe(true);
});
