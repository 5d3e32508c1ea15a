#!/usr/bin/env node
// embed.js - writes index.js: the hand-written source, with three markers
// replaced.
//
//   const WASM = /* @wasm */ {};         { flag: { module: offset … },
//                                          names: { function: "export" … },
//                                          module: "its bytes as text" … }
//   const ERRORS = /* @errors */ {};     { NOMEM: [1, "out of memory"] … }
//   const VERSION = /* @version */ "";   the package's version
//
// `flag` is where the flags byte of the memory import stands; `names` are the
// functions for JavaScript, each with the short name that it is exported by. Fails, and writes
// nothing, when a module breaks one of the rules in wasm.js. Modules are given
// lower ones first, and a module may import what lower ones export. While the
// core is being worked on, LSHM_OVERSIZE=1 lets modules be too large; the tests
// do not.

import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import {
  encodeBytes,
  faults,
  inspect,
  memoryFlagAt,
  oversizes,
  usesStack,
} from "./wasm.js";

/** The X table of lshm_errors.h as { NAME: [number, text] }. */
function readErrors(header) {
  const table = {};
  for (const [, name, number, text] of header.matchAll(
    /\bX\(\s*([A-Z_]+)\s*,\s*(\d+)\s*,\s*("(?:[^"\\]|\\.)*")\s*\)/g,
  )) {
    table[name] = [Number(number), JSON.parse(text)];
  }
  const rows = header.match(/\bX\(\s*[A-Z_]{2,}/g)?.length ?? 0;
  if (rows === 0 || rows !== Object.keys(table).length) {
    throw new Error(`read ${Object.keys(table).length} of ${rows} errors`);
  }
  return table;
}

/** Replaces `marker` and the empty literal behind it, which must occur once. */
function fill(source, marker, value) {
  const pattern = new RegExp(`/\\* @${marker} \\*/ (?:\\{\\}|"")`, "g");
  const found = source.match(pattern)?.length ?? 0;
  if (found !== 1) {
    throw new Error(
      `expected one /* @${marker} */ in the source, not ${found}`,
    );
  }
  return source.replace(pattern, () => value);
}

/** Reads the modules, lower ones first, and refuses what breaks a rule. */
function readModules(paths) {
  /** @type {Record<string, Uint8Array>} */
  const modules = {};
  const lower = [];
  const broken = [];
  for (const path of paths) {
    const bytes = readFileSync(path);
    modules[basename(path, ".wasm")] = bytes;
    for (const fault of faults(bytes, lower)) broken.push(`${path} ${fault}`);
    lower.push(...inspect(bytes).exports);
    console.log(`${basename(path)}: ${bytes.length} bytes`);
  }
  const large = oversizes(modules);
  if (process.env.LSHM_OVERSIZE !== "1") broken.push(...large);
  else for (const line of large) console.warn(`embed: WARNING: ${line}`);
  if (broken.length) throw new Error(broken.join("\n"));
  return modules;
}

/** @param {Record<string, string>} names exports by function */
function namesLiteral(names) {
  const rows = Object.entries(names).map(
    ([name, exported]) => `    ${name}: "${exported}",\n`,
  );
  return `{\n${rows.join("")}  }`;
}

function wasmLiteral(modules, names) {
  const list = Object.entries(modules);
  const flags = list.map(([name, bytes]) => `${name}: ${memoryFlagAt(bytes)}`);
  const codes = list.map(
    ([name, bytes]) => `  ${name}:\n    "${encodeBytes(bytes)}",\n`,
  );
  return `{\n  flag: { ${flags.join(", ")} },\n  names: ${namesLiteral(names)},\n${codes.join("")}}`;
}

function errorLiteral(table) {
  const rows = Object.entries(table).map(
    ([name, row]) => `  ${name}: ${JSON.stringify(row).replace(",", ", ")},\n`,
  );
  return `{\n${rows.join("")}}`;
}

function main() {
  const { values } = parseArgs({
    options: {
      source: { type: "string" },
      errors: { type: "string" },
      package: { type: "string" },
      out: { type: "string" },
      names: { type: "string" },
      object: { type: "string", multiple: true },
      module: { type: "string", multiple: true },
    },
  });
  const stacked = values.object.filter((path) => usesStack(readFileSync(path)));
  if (stacked.length) {
    throw new Error(
      `uses the stack, which threads share: ${stacked.join(" ")}`,
    );
  }
  const version = JSON.parse(readFileSync(values.package, "utf8")).version;
  const names = values.names
    ? JSON.parse(readFileSync(values.names, "utf8"))
    : {};
  const errors = readErrors(readFileSync(values.errors, "utf8"));
  let text = readFileSync(values.source, "utf8");
  text = fill(text, "wasm", wasmLiteral(readModules(values.module), names));
  text = fill(text, "errors", errorLiteral(errors));
  text = fill(text, "version", JSON.stringify(version));
  writeFileSync(values.out, text);
}

try {
  main();
} catch (error) {
  console.error(`embed: ${error.message}`);
  process.exitCode = 1;
}
