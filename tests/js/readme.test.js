// The README's code blocks, run as they stand: JavaScript on the module under
// test, C against the built (or installed) library.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { moduleUrl } from "./support.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const build = process.env.LSHM_BUILD ?? join(root, "build/release");
const readme = readFileSync(join(root, "README.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "lshm-readme-"));
after(() => rmSync(folder, { recursive: true }));

/** The code blocks of a language. */
function blocks(language) {
  const pattern = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm");
  return [...readme.matchAll(pattern)].map(([, code]) => code);
}

/** Runs a command in the folder and returns what it prints. */
function run(command, ...args) {
  return execFileSync(command, args, {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
  });
}

test("JavaScript blocks", () => {
  const modules = join(folder, "node_modules");
  mkdirSync(modules);
  symlinkSync(
    dirname(fileURLToPath(moduleUrl)),
    join(modules, "localsharedmemory"),
  );
  const [first, threads, looking, ...more] = blocks("js");
  assert.equal(more.length, 0, "a block that this test does not know");
  writeFileSync(join(folder, "first.mjs"), first);
  writeFileSync(join(folder, "threads.mjs"), threads);
  assert.match(run(process.execPath, "first.mjs"), /\b32\b[^]*\b100\b/);
  writeFileSync(join(folder, "looking.mjs"), looking);
  assert.match(run(process.execPath, "looking.mjs"), /'span'|"span"/);
  assert.equal(run(process.execPath, "threads.mjs"), "hello from a worker\n");
});

test("C blocks", () => {
  const [program, ...more] = blocks("c");
  assert.equal(more.length, 0, "a block that this test does not know");
  writeFileSync(join(folder, "example.c"), program);
  run(
    "cc",
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Werror",
    `-I${join(root, "include")}`,
    "example.c",
    `-L${build}`,
    `-Wl,-rpath,${build}`,
    "-llshm",
    "-o",
    "example",
  );
  assert.match(run("./example"), /^4096 bytes at offset \d+\n$/);
});
