#!/usr/bin/env node
// man.js - writes the manual pages of the C library, section 3, from the
// comments in lshm.h and the table in lshm_errors.h.
//
//   node tools/man.js FOLDER
//
// One page for each group of functions, lshm.3 for what all of them share, and
// `links`: the names of all functions, each with the page that it is on. What is
// declared in the header is described by the comment just above it; an indented
// part of a comment is an example.

import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const read = (name) =>
  readFileSync(new URL(`../include/${name}`, import.meta.url), "utf8");
const header = read("lshm.h");

// The pages, with what they are about, and which section of the header or which
// declarations each takes. The latter come first.
const pages = [
  ["lshm_open", "make, open and close heaps", "opening and closing"],
  ["lshm_malloc", "allocate, resize and free blocks", "blocks"],
  ["lshm_next", "walk, count, check, grow and trim a heap", "looking"],
  [
    "lshm_at",
    "pointers into a heap and addresses",
    "lshm_readable lshm_writable lshm_at lshm_offset",
  ],
  ["lshm_get", "plain and atomic access to values", "LSHM_ACCESSORS"],
  [
    "lshm_wait32",
    "sleep and wake across processes",
    "lshm_wait lshm_wait32 lshm_notify",
  ],
  ["lshm_root_get", "find data in a heap: roots and names", "roots and names"],
  ["lshm_threads", "threads of a heap, and the dead", "threads"],
  ["lshm_strerror", "errors and version", "the rest lshm_error"],
].map(([name, about, takes]) => ({ name, about, takes }));

// When what they say last changed.
const date = "2026-11-25";

// Declared for the inline functions alone.
const internal = ["lshm_map", "lshm_access", "lshm_reach", "lshm_word"];

// --- reading -----------------------------------------------------------------

/** The text of a comment: its lines without the stars. */
function unstar(comment) {
  return comment
    .slice(2, -2)
    .split("\n")
    .map((line) => line.replace(/^ \* ?/, "").trimEnd())
    .join("\n")
    .trim();
}

/** The prototype of a function, on one line, from its declaration. */
function prototypes(code) {
  const found = [];
  const pattern = /^(?:LSHM_API|static inline) ([^;{]*\))(?:;|\n\{)/gm;
  for (const [, text] of code.matchAll(pattern)) {
    found.push(text.replace(/\s+/g, " "));
  }
  return found;
}

const nameOf = (prototype) => /(lshm_\w+)\(/.exec(prototype)[1];

// How code begins that is described; the other macros are the header's own.
const declares =
  /^(LSHM_API|static inline|typedef|enum|struct|#define LSHM_ACCESSORS)\b/;

/** The names of an enum that has none itself. */
const constants = (code) => code.match(/\bLSHM_\w+(?= =)/g) ?? [""];

/** What the header declares: comment, code, and the names in it. */
function readItems() {
  const items = [];
  let section = "";
  // A comment with the code up to the next empty line, or code alone.
  const pattern =
    /^(\/\*[^]*?\*\/)?\n?((?:(?!\/\*)[^\n]+\n(?:[\t{}][^\n]*\n)*)*)/gm;
  const body = header.slice(header.indexOf("/* This process's way"));
  for (const [, comment = "", code] of body.matchAll(pattern)) {
    const title = /^\/\* --- (.*?) -*\s*\*\/$/.exec(comment)?.[1];
    if (title !== undefined) section = title;
    else if (declares.test(code)) {
      const functions = prototypes(code);
      const type = /^(?:typedef )?(?:enum|struct) (\w+)/m.exec(code)?.[1];
      const macro = /^#define (\w+)\(/.exec(code)?.[1];
      const named = macro ?? type ?? constants(code);
      const names = functions.length ? functions.map(nameOf) : [named].flat();
      const text = comment === "" ? "" : unstar(comment);
      const above = items.at(-1);
      if (text === "" && functions.length > 0) {
        above.names.push(...names); // one comment for several
        above.functions.push(...functions);
      } else items.push({ section, text, code, functions, names });
    }
  }
  return items.filter(({ names }) => !internal.includes(names[0]));
}

/** The items of each page, in the header's order. */
function place(items) {
  const own = (item) =>
    pages.find(({ takes }) => takes.split(" ").includes(item.names[0])) ??
    pages.find(({ takes }) => takes.startsWith(item.section));
  const placed = new Map(pages.map((page) => [page, []]));
  const general = [];
  for (const item of items) {
    if (item.section === "") general.push(item);
    else {
      const page = own(item);
      if (!page) throw new Error(`${item.names[0]} is on no page`);
      placed.get(page).push(item);
    }
  }
  return { general, placed };
}

// --- writing -----------------------------------------------------------------

const escape = (text) =>
  text
    .replace(/\\/g, "\\e")
    .replace(/-/g, "\\-")
    .replace(/^([.'])/gm, "\\&$1");

/** Lines of at most 78 bytes. */
function wrap(text) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (Buffer.byteLength(`${line} ${word}`) > 78) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}

/**
 * Running text: parameters in italics, and in bold what stands for itself in
 * the code.
 */
function prose(text, page, pageOf) {
  const code =
    /`(\w+)`|\b(?:lshm|LSHM)_[A-Za-z0-9_]*\*?|(?<!\w)_[A-Z][A-Z_]+\b/g;
  const marked = text.replace(/\\/g, "\\e").replace(/-/g, "\\-");
  const set = marked.replace(code, (name, parameter, at, all) => {
    if (parameter !== undefined) return `\\fI${parameter}\\fP`;
    const bold = `\\fB${name}\\fP`;
    const other = pageOf.get(name);
    if (other === undefined || all[at + name.length] === "(") return bold;
    return other === page ? `${bold}()` : `${bold}(3)`;
  });
  return wrap(set).replace(/^([.'])/gm, "\\&$1");
}

const example = (code) =>
  [".EX", escape(code.replace(/\t/g, "    ").trimEnd()), ".EE"].join("\n");

/** A comment: paragraphs, and indented parts as examples. */
function paragraphs(text, page, pageOf) {
  return text
    .split("\n\n")
    .map((part) =>
      part.startsWith("    ")
        ? `.RS 4\n${example(part.replace(/^ {4}/gm, ""))}\n.RE`
        : prose(part, page, pageOf),
    )
    .join("\n.PP\n");
}

/** A prototype for the synopsis, in lines of at most 72 columns. */
function synopsis(prototype) {
  const words = `${prototype};`.split(/(?<=, )/);
  const lines = [""];
  for (const word of words) {
    if ((lines.at(-1) + word).trimEnd().length > 72) lines.push("    ");
    lines[lines.length - 1] += word;
  }
  return lines
    .map((line) => {
      // Names of parameters in italics.
      const marked = line
        .trimEnd()
        .replace(/(\w+)(?=[,)])/g, (name) =>
          name === "void" ? name : `\0${name}\0`,
        );
      const parts = marked.split("\0").map((part) => `"${escape(part)}"`);
      return `.BI ${parts.join(" ")}`;
    })
    .join("\n");
}

const top = (name) => `.\\" Written by tools/man.js from include/lshm.h.
.TH ${name.toUpperCase()} 3 ${date} "" "LocalSharedMemory"`;

const include = `.SH SYNOPSIS
.nf
.B #include <lshm.h>`;

/** The names of a page, those of families with a T for the type. */
function namesOf(items) {
  return items.flatMap(({ functions, text, names }) =>
    names[0] === "LSHM_ACCESSORS"
      ? [...new Set(text.match(/\blshm_\w+_T\b/g))]
      : functions.map(nameOf),
  );
}

function describe(item, page, pageOf) {
  const { functions, names, code, text } = item;
  const title =
    names[0] === "LSHM_ACCESSORS" ? "Accessors and atomics" : names.join(", ");
  const lines = [`.SS ${title}`];
  if (text !== "") lines.push(paragraphs(text, page, pageOf));
  if (functions.length === 0 && !code.startsWith("#define")) {
    if (text !== "") lines.push(".PP");
    lines.push(example(code));
  }
  return lines.join("\n");
}

function writePage({ name, about }, items, pageOf) {
  const names = namesOf(items);
  names.sort((a, b) => Number(b === name) - Number(a === name));
  const declared = items.flatMap(({ functions }) => functions.map(synopsis));
  const families = items.some(
    ({ names: [first] }) => first === "LSHM_ACCESSORS",
  );
  return [
    top(name),
    `.SH NAME\n${wrap(`${names.join(", ")} \\- ${escape(about)}`)}`,
    include,
    ...(declared.length ? [".PP", ...declared] : []),
    ".fi",
    ...(families ? [".PP\nThe functions are listed below, by families."] : []),
    ".SH DESCRIPTION",
    ...items.map((item) => describe(item, name, pageOf)),
    ".SH ERRORS",
    `What a result says of a failure, and what the codes mean: see
.BR lshm (3).`,
    ".SH SEE ALSO",
    ".BR lshm (3)",
    "",
  ].join("\n");
}

/** The codes, as a list. */
function errorList() {
  const rows = read("lshm_errors.h").matchAll(/\bX\((\w+), (\d+), "(.*)"\)/g);
  return [...rows].map(
    ([, name, number, text]) =>
      `.TP\n.B LSHM_ERR_${name}\n\\-${number}: ${escape(text)}`,
  );
}

/** lshm.3: the header's first comment, whose paragraphs have titles. */
function writeOverview(general, pageOf) {
  const [first, ...rest] = unstar(
    header.slice(0, header.indexOf("*/") + 2),
  ).split("\n\n");
  const about = first.replace(/^lshm\.h - /, "").replace(/\.$/, "");
  const titled = rest.map((part) => {
    const title = /^([A-Z]\w+)\. ([^]*)$/.exec(part);
    return title === null
      ? paragraphs(part, "lshm", pageOf)
      : `.SS ${title[1]}\n${paragraphs(title[2], "lshm", pageOf)}`;
  });
  const list = pages.map(
    (page) => `.TP\n.BR ${page.name} (3)\n${escape(page.about)}`,
  );
  const others = pages.map(({ name }) => `.BR ${name} (3)`).join(",\n");
  return [
    top("lshm"),
    `.SH NAME\nlshm \\- ${escape(about)}`,
    include,
    `.PP\n.B cc file.c \\-llshm\n.fi`,
    ".SH DESCRIPTION",
    titled.join("\n.PP\n").replace(/\.PP\n(\.SS)/g, "$1"),
    ".SS Types",
    ...general.map(
      ({ text, code }) =>
        `${paragraphs(text, "lshm", pageOf)}\n${example(code)}`,
    ),
    ".SH FUNCTIONS",
    ...list,
    ".SH ERRORS",
    ...errorList(),
    ".SH SEE ALSO",
    `.BR lshm (1),\n${others}`,
    "",
  ].join("\n");
}

/** Every function that a page is found by: families for each of their types. */
function links(placed) {
  const types = [...header.matchAll(/^\tX\((\w+), \w+\)/gm)].map(([, T]) => T);
  const plain = [...header.matchAll(/^LSHM_ACCESSORS\((\w+), \w+\)/gm)];
  const floats = plain.map(([, T]) => T);
  const list = [];
  for (const [{ name: page }, items] of placed) {
    for (const name of namesOf(items)) {
      const [family] = name.split(/_T$/);
      const more = /_[gs]et$/.test(family) ? floats : [];
      const all =
        family === name
          ? [name]
          : [...types, ...more].map((T) => `${family}_${T}`);
      list.push(
        ...all.filter((one) => one !== page).map((one) => `${one} ${page}`),
      );
    }
  }
  return `${list.join("\n")}\n`;
}

function main(folder) {
  const { general, placed } = place(readItems());
  const pageOf = new Map();
  for (const [{ name }, items] of placed) {
    for (const one of namesOf(items)) pageOf.set(one, name);
  }
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (/\.3$|^links$/.test(name)) rmSync(join(folder, name));
  }
  for (const [page, items] of placed) {
    if (items.length === 0) throw new Error(`${page.name}: nothing declared`);
    const text = writePage(page, items, pageOf);
    writeFileSync(join(folder, `${page.name}.3`), text);
  }
  writeFileSync(join(folder, "lshm.3"), writeOverview(general, pageOf));
  writeFileSync(join(folder, "links"), links(placed));
}

main(process.argv[2]);
