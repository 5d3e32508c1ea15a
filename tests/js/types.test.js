// The types: a program that uses them compiles, and one that misuses them does
// not, with the oldest TypeScript that is promised and the newest that is
// pinned, with and without the DOM's types.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const carrier = dirname(process.env.LSHM_MODULE ?? join(root, "index.js"));

const USE = `
import Default, { LocalSharedMemory } from "localsharedmemory";

const memory: LocalSharedMemory = new Default();
const small = new LocalSharedMemory({ initial: 1, maximum: 2, heapBase: 64 });
const ptr: number = memory.malloc(32, 64);
memory.setFloat64(ptr, Math.PI);
const wide: bigint = memory.getBigInt64(ptr);
const view: Uint8Array = memory.arrayView(Uint8Array, memory.calloc(8, 1));
const floats: Float32Array = memory.Float32Array(16);
const old: number = memory.compareExchange(Int32Array, ptr / 4, 0, 1);
const text: string = memory.getString(memory.string("hello"));
for (const block of memory.blocks()) memory.free(block.byteOffset);
const again = LocalSharedMemory.from(memory);
const opened = LocalSharedMemory.open(small.image(), { shared: false });
const used: number = opened.stats().used + again.allocs().length;
export { wide, view, floats, old, text, used };
`;

// Each line has one error.
const MISUSE = `
import { LocalSharedMemory } from "localsharedmemory";
const memory = new LocalSharedMemory();
memory.malloc("32");
const text: string = memory.malloc(32);
memory.setBigInt64(64, 1);
memory.add(Float64Array, 8, 1);
memory.nothing();
`;

const LIBRARIES = { "with DOM": ["ES2022", "DOM"], "without DOM": ["ES2022"] };
const COMPILERS = ["typescript-5.7", "typescript"];

let folder = "";

before(() => {
  folder = mkdtempSync(join(tmpdir(), "lshm-types-"));
  const installed = join(folder, "node_modules/localsharedmemory");
  mkdirSync(installed, { recursive: true });
  copyFileSync(join(root, "package.json"), join(installed, "package.json"));
  copyFileSync(join(carrier, "index.d.ts"), join(installed, "index.d.ts"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "use.ts"), USE);
  writeFileSync(join(folder, "misuse.ts"), MISUSE);
});
after(() => rmSync(folder, { recursive: true }));

function compile(compiler, file, libraries) {
  return spawnSync(
    process.execPath,
    [
      join(root, "node_modules", compiler, "bin/tsc"),
      ...["--noEmit", "--strict", "--module", "nodenext"],
      ...["--target", "es2022", "--lib", libraries.join(","), file],
    ],
    { cwd: folder, encoding: "utf8", timeout: 120_000 },
  );
}

for (const compiler of COMPILERS) {
  for (const [name, libraries] of Object.entries(LIBRARIES)) {
    test(`${compiler} ${name}`, () => {
      const use = compile(compiler, "use.ts", libraries);
      assert.equal(use.status, 0, use.stdout + use.stderr);
      const misuse = compile(compiler, "misuse.ts", libraries);
      const lines = [...misuse.stdout.matchAll(/^misuse\.ts\((\d+),/gm)];
      const found = [...new Set(lines.map(([, line]) => Number(line)))];
      assert.deepEqual(found, [4, 5, 6, 7, 8], misuse.stdout);
    });
  }
}
