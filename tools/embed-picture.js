#!/usr/bin/env node
// embed-picture.js SOURCE MODULE OUT - puts the module that draws into
// inspect.js, at the marker `/* @picture */ ""`. It has a memory of its own, so
// the rules of embed.js, which does the rest, are not for it; this is: it
// imports the one function that takes the text, and nothing that grows.

import { readFileSync, writeFileSync } from "node:fs";
import { encodeBytes, inspect } from "./wasm.js";

const [source, module, out] = process.argv.slice(2);
const bytes = readFileSync(module);
const names = inspect(bytes).imports.map((i) => `${i.module}.${i.name}`);
if (names.join() !== "env.write") {
  throw new Error(`embed-picture: ${module} imports ${names.join(", ")}`);
}
const text = readFileSync(source, "utf8");
const marker = '/* @picture */ ""';
if (text.split(marker).length !== 2) {
  throw new Error(`embed-picture: expected one ${marker} in ${source}`);
}
console.log(`picture.wasm: ${bytes.length} bytes`);
writeFileSync(
  out,
  text.replace(marker, () => `"${encodeBytes(bytes)}"`),
);
