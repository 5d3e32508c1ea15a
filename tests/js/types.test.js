// The types: they compile with the oldest and the newest supported TypeScript,
// with and without DOM types, and say what the class does.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { moduleUrl } from "./support.js";

const program = `
import LocalSharedMemory, { LocalSharedMemory as Named } from "localsharedmemory";
import { map, regions, watch } from "localsharedmemory/inspect";
const memory: LocalSharedMemory = new LocalSharedMemory({ initial: 4, heapBase: 64 });
const same: boolean = LocalSharedMemory === Named;
const ptr: number = memory.malloc(32, 64);
const floats: Float64Array = memory.arrayView(Float64Array, ptr);
const bytes: Uint8Array = memory.Uint8Array(5);
const more: BigInt64Array = memory.BigInt64Array([1n]);
const old: number = memory.add(Int32Array, 100, 5);
const big: bigint = memory.compareExchange(BigUint64Array, 100, 1n, 2n);
const woken: "ok" | "not-equal" | "timed-out" = memory.wait(Int32Array, 100, 0, 1);
for (const { byteOffset, byteLength, thread, buffer } of memory.blocks()) {
  const sum: number = byteOffset + byteLength + thread + buffer.byteLength;
}
const leaks: number = memory.stats().byThread[0].blocks;
const adopted: LocalSharedMemory = LocalSharedMemory.from(memory.handle());
const image: ArrayBuffer = memory.image();
LocalSharedMemory.open(image, { maximum: 5 }).check();
memory.watch({}, memory.reserveThread(), { free: true }).then(({ bytes }) => bytes.toFixed());
const pages: number = memory.grow(1);
const buffer: ArrayBufferLike = memory.buffer;
memory.imports.env.malloc(5);
const zeroed: number = memory.calloc(2, 8, 32) || memory.tryMalloc(5);
const resized: number = memory.realloc(zeroed, memory.sizeof(ptr), 32);
const bytesOf: number = memory.lengthof(resized);
const copy: ArrayBuffer = memory.arrayBuffer(ptr);
const sharedCopy: SharedArrayBuffer = memory.sharedArrayBuffer(ptr, 4);
const view: DataView = memory.dataView(ptr, 4);
const at: number = memory.index(Int32Array, ptr);
const stored: bigint = memory.store(BigInt64Array, 100, 5n);
const later: Promise<"ok" | "timed-out"> | "not-equal" | "timed-out" =
  memory.waitAsync(Int32Array, at, 0, 1).value;
const count: number = memory.notify(Int32Array, at) + memory.memset(ptr, 0, 4);
const text: string = memory.getString(memory.string("text"));
const written: number = memory.setString(ptr, text, 10);
const root: number = memory.casRoot(1, memory.getRoot(1), ptr);
memory.setName("name", memory.getName("other"));
const threads: number[] = memory.threads();
const left: { thread: number, blocks: number, bytes: number } =
  memory.reap(threads[0], { force: true, free: true });
const free: boolean = memory.isLockFree(4);
const { blocks, slabs } = memory.check();
const { largestFree, committed, maximum, used } = memory.stats();
memory.free(memory.memcpy(ptr, memory.memmove(ptr, ptr + 4, 4), 4));
memory.trim();
memory.detach();
const version: string = LocalSharedMemory.version;
LocalSharedMemory.init(memory, { heapBase: 64, maximum: 10 }).setUint8(ptr, 5);
LocalSharedMemory.from(memory, { thread: memory.thread, heapBase: 0 });
new LocalSharedMemory(1, 2, false);
new LocalSharedMemory({ initial: 1, maximum: 2, shared: false, secret: 1n });
const picture: string = map(memory, { title: "heap", width: 500 });
const lengths: number[] = regions(memory).map(({ byteLength }) => byteLength);
// @ts-expect-error
regions({});
// @ts-expect-error
new LocalSharedMemory({ initial: 1, address: "i64" });
// @ts-expect-error
memory.wait(Uint32Array, 100, 0);
// @ts-expect-error
memory.malloc("5");
// @ts-expect-error
memory.thread = 5;
// @ts-expect-error
memory.setFloat64(ptr, 5n);
// @ts-expect-error
memory.setBigInt64(ptr, 5);
// @ts-expect-error
memory.add(BigInt64Array, 100, 5);
// @ts-expect-error
memory.add(Float64Array, 100, 5);
// @ts-expect-error
memory.nothing();
// @ts-expect-error
new LocalSharedMemory("4");
`;

const platform = {
  "with DOM types": `
const memoryObject: WebAssembly.Memory = new LocalSharedMemory();
LocalSharedMemory.from(new WebAssembly.Memory({ initial: 1, maximum: 1 }));
const end: () => void = watch(memory, document.body, { interval: 100 });
// @ts-expect-error
watch(memory, "body");
`,
  "without DOM types": "watch(memory, {});",
  "with disposable types":
    "{ using memory = new LocalSharedMemory(); memory.malloc(1); }",
};
const libs = {
  "with DOM types": ["ES2022", "DOM"],
  "without DOM types": ["ES2022"],
  "with disposable types": ["ES2022", "ESNext.Disposable", "DOM"],
};

for (const compiler of ["typescript-5.7", "typescript", "typescript-7.0"]) {
  for (const [name, lib] of Object.entries(libs)) {
    test(`${compiler}, ${name}`, () => {
      const folder = mkdtempSync(join(tmpdir(), "lshm-types-"));
      try {
        const target = join(folder, "node_modules/localsharedmemory");
        mkdirSync(target, { recursive: true });
        for (const name of ["package.json", "index.d.ts", "inspect.d.ts"]) {
          const path = fileURLToPath(new URL(name, moduleUrl));
          copyFileSync(path, join(target, name));
        }
        writeFileSync(join(folder, "program.mts"), program + platform[name]);
        const options = {
          strict: true,
          noEmit: true,
          target: "ES2022",
          module: "NodeNext",
          skipLibCheck: false,
          types: [],
          lib,
        };
        writeFileSync(
          join(folder, "tsconfig.json"),
          JSON.stringify({ compilerOptions: options, files: ["program.mts"] }),
        );
        const tsc = fileURLToPath(
          new URL(`../../node_modules/${compiler}/bin/tsc`, import.meta.url),
        );
        try {
          execFileSync(process.execPath, [tsc, "--project", folder], {
            encoding: "utf8",
          });
        } catch (error) {
          assert.fail(error.stdout || error.message);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
}
