// The npm package as it would be published: what is in it, what the tools that
// judge packages say of it, how large it is, and by which names it can be had.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { transformSync } from "esbuild";
import { install, makeFolder, pack, root, run } from "./package/pack.js";

// Bytes of index.js, minified and compressed. The first may only be lowered.
const size = { recorded: 20_710, goal: 12_288 };

const folder = makeFolder();
const { archive, files } = pack(folder);
const tool = (name) => join(root, "node_modules/.bin", name);

test("nothing but what a user needs is in it", () => {
  assert.deepEqual(files, [
    "LICENSE",
    "README.md",
    "index.d.ts",
    "index.js",
    "inspect.d.ts",
    "inspect.js",
    "package.json",
  ]);
});

test("publint has nothing to say", () => {
  assert.match(run(root, tool("publint"), "--strict", archive), /All good!/);
});

test("the types resolve for modules and bundlers", () => {
  // It fails where they don't; what it prints shows that it looked.
  const flags = ["--profile", "esm-only", "--no-emoji", "--format", "ascii"];
  const told = run(root, tool("attw"), archive, ...flags);
  assert.match(told, /"localsharedmemory"\n\nnode16 \(from ESM\): OK/);
});

test("index.js is no larger than it was", (t) => {
  const { code } = transformSync(readFileSync(join(root, "index.js"), "utf8"), {
    minify: true,
    format: "esm",
    charset: "utf8",
  });
  const bytes = gzipSync(code, { level: 9 }).length;
  const { recorded, goal } = size;
  t.diagnostic(
    `index.js: ${bytes} bytes minified and compressed (at most ${recorded}; the goal is ${goal})`,
  );
  assert.ok(bytes <= recorded, `${bytes} bytes, more than ${recorded}`);
});

for (const name of ["localsharedmemory", "LocalSharedMemory"]) {
  test(`installed as ${name}, it is imported by name and by path`, () => {
    const project = makeFolder();
    install(project, archive, name);
    const paths = [name, `${name}/index.js`, `./node_modules/${name}/index.js`];
    const program = `
      const [A, ...others] = await Promise.all(
        ${JSON.stringify(paths)}.map((path) => import(path)));
      if (others.some((B) => B.default !== A.default)) throw new Error("copies");
      if (A.LocalSharedMemory !== A.default) throw new Error("another default");
      const memory = new A.LocalSharedMemory(16);
      console.log(memory.getString(memory.string("stored")));`;
    writeFileSync(join(project, "program.mjs"), program);
    assert.equal(run(project, process.execPath, "program.mjs"), "stored\n");
  });
}
