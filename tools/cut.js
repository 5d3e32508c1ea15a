#!/usr/bin/env node
// cut.js - cuts the core, linked as one WebAssembly module, into several, each
// small enough for every browser to compile at once.
//
//   cut.js core.wat names.json PART.wat=FUNCTION,... PART.wat=FUNCTION,...
//
// The input is the text that `wasm-opt -S` writes: a form of the module starts in
// the second column. Each part is given with functions that belong into it, and
// exports those of them that the input exports. Any other function goes into the
// lowest part that calls it; what upper parts call as well, they import. All
// exports are renamed to short names; names.json tells which of the input's
// exports has which.

import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

/** The forms of a module, without its own parentheses. */
function formsOf(text) {
  const lines = text.trimEnd().split("\n").slice(1, -1);
  const forms = [];
  for (const line of lines) {
    if (/^ \(/.test(line)) forms.push(line);
    else forms[forms.length - 1] += `\n${line}`;
  }
  return forms;
}

function readModule(text) {
  const functions = new Map();
  const found = { memory: "", globals: new Map(), exports: [], functions };
  for (const form of formsOf(text)) {
    const [, kind, name] = form.match(/^ \((\w+) "?\$?([^\s"]+)/) ?? [];
    if (kind === "import" && form.includes("(memory ")) found.memory = form;
    else if (kind === "global") found.globals.set(name, form);
    else if (kind === "export") found.exports.push(name);
    else if (kind === "func") functions.set(name, readFunction(name, form));
    else if (kind !== "type") throw new Error(`cannot cut ${form}`);
  }
  return found;
}

function readFunction(name, text) {
  const all = (pattern) =>
    new Set([...text.matchAll(pattern)].map((m) => m[1]));
  const [head] = text.split("\n", 1);
  return {
    text,
    signature: (head.match(/\((?:param \$\S+|result) [^)]*\)/g) ?? [])
      .join(" ")
      .replaceAll(/\$\S+ /g, ""),
    calls: all(/\(call \$(\S+?)[\s)]/g),
    globals: all(/\(global\.[gs]et \$(\S+?)[\s)]/g),
    part: Infinity,
    exported: "",
    name,
  };
}

/** Every function's part, as a number: those given, and all that they need. */
function assign({ functions }, parts) {
  const given = new Set();
  const put = (name, part) => {
    const f = functions.get(name);
    if (f.part <= part) return;
    f.part = part;
    for (const callee of f.calls) if (!given.has(callee)) put(callee, part);
  };
  for (const { list } of parts) {
    for (const name of list) {
      if (!functions.has(name)) throw new Error(`there is no ${name}`);
      given.add(name);
    }
  }
  parts.forEach(({ list }, part) => list.forEach((name) => put(name, part)));
  for (const f of functions.values()) {
    for (const callee of f.calls) {
      if (functions.get(callee).part > f.part) {
        throw new Error(`${callee} is called below its part, by ${f.name}`);
      }
    }
  }
}

/** A character, as long as there are any; then two. */
function shortName(number) {
  const letters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$_";
  const rest = Math.floor(number / letters.length);
  return (rest ? shortName(rest - 1) : "") + letters[number % letters.length];
}

/** Names all that the input exports, or that a part imports of a lower one. */
function nameExports({ functions, exports }) {
  const names = new Set(exports);
  for (const f of functions.values()) {
    for (const callee of f.calls) {
      if (functions.get(callee).part < f.part) names.add(callee);
    }
  }
  [...names].forEach((name, number) => {
    functions.get(name).exported = shortName(number);
  });
}

function partText({ functions, globals, memory }, part) {
  const own = [...functions.values()].filter((f) => f.part === part);
  const called = new Set(own.flatMap((f) => [...f.calls]));
  const used = new Set(own.flatMap((f) => [...f.globals]));
  const forms = [memory.replace(`"env"`, `"e"`)];
  for (const name of called) {
    const f = functions.get(name);
    if (f.part === part) continue;
    forms.push(` (import "e" "${f.exported}" (func $${name} ${f.signature}))`);
  }
  for (const name of used) {
    if (
      [...functions.values()].some(
        (f) => f.globals.has(name) && f.part !== part,
      )
    ) {
      throw new Error(`the global ${name} is used in two parts`);
    }
    forms.push(globals.get(name));
  }
  for (const f of own) {
    if (f.exported) forms.push(` (export "${f.exported}" (func $${f.name}))`);
    forms.push(f.text);
  }
  return `(module\n${forms.join("\n")}\n)\n`;
}

try {
  const [input, namesFile, ...rest] = process.argv.slice(2);
  const parts = rest.map((argument) => {
    const [file, list] = argument.split("=");
    return { file, list: list.split(",") };
  });
  const core = readModule(readFileSync(input, "utf8"));
  assign(core, parts);
  nameExports(core);
  parts.forEach(({ file }, part) => writeFileSync(file, partText(core, part)));
  const names = core.exports.map((name) => [
    name,
    core.functions.get(name).exported,
  ]);
  writeFileSync(namesFile, JSON.stringify(Object.fromEntries(names), null, 2));
} catch (error) {
  console.error(`${basename(process.argv[1])}: ${error.message}`);
  process.exitCode = 1;
}
