// wasm.js - reads what the gates of the build need from a WebAssembly module.

const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
};
const KIND = { function: 0, table: 1, memory: 2, global: 3 };

/** Walks the binary format; every read is bounds checked. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  byte() {
    if (this.at >= this.bytes.length) {
      throw new Error(`the module ends at ${this.at}, inside an item`);
    }
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128 number. */
  number() {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  text() {
    const length = this.number();
    const from = this.at;
    this.skip(length);
    return new TextDecoder().decode(this.bytes.subarray(from, this.at));
  }

  skip(length) {
    this.at += length;
    if (this.at > this.bytes.length) {
      throw new Error(`an item ends at ${this.at}, outside the module`);
    }
  }

  /** Limits of a table or memory: where the flags byte stands. */
  limits() {
    const flagAt = this.at;
    const flags = this.byte();
    this.number();
    if (flags & 1) this.number();
    return flagAt;
  }
}

function readImports(reader) {
  const imports = [];
  for (let left = reader.number(); left > 0; left--) {
    const item = { module: reader.text(), name: reader.text(), kind: 0 };
    item.kind = reader.byte();
    if (item.kind === KIND.function) {
      reader.number();
    } else if (item.kind === KIND.table) {
      reader.byte();
      reader.limits();
    } else if (item.kind === KIND.memory) {
      item.flagAt = reader.limits();
    } else if (item.kind === KIND.global) {
      reader.skip(2);
    } else {
      throw new Error(`import ${item.name} is of unknown kind ${item.kind}`);
    }
    imports.push(item);
  }
  return imports;
}

function readExports(reader) {
  const names = [];
  for (let left = reader.number(); left > 0; left--) {
    names.push(reader.text());
    reader.byte();
    reader.number();
  }
  return names;
}

/**
 * The sections, imports and exports of a module or object file.
 * @param {Uint8Array} bytes
 */
export function inspect(bytes) {
  const reader = new Reader(bytes);
  const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  if (magic.some((byte) => reader.byte() !== byte)) {
    throw new Error("not a WebAssembly module of version 1");
  }
  const found = { sections: new Set(), imports: [], exports: [] };
  while (reader.at < bytes.length) {
    const id = reader.byte();
    const length = reader.number();
    const end = reader.at + length;
    found.sections.add(id);
    if (id === SECTION.import) found.imports = readImports(reader);
    if (id === SECTION.export) found.exports = readExports(reader);
    reader.at = end;
    reader.skip(0);
  }
  return found;
}

/** What a module may consist of: anything else runs or writes by itself. */
const ALLOWED = new Set([
  SECTION.type,
  SECTION.import,
  SECTION.function,
  SECTION.table,
  SECTION.global,
  SECTION.export,
  SECTION.code,
]);

/**
 * What keeps a module from being embedded but its size, in words; empty if
 * nothing does.
 * @param {Uint8Array} bytes
 * @param {Iterable<string>} lower the functions that it may import
 * @returns {string[]}
 */
export function faults(bytes, lower) {
  const faults = [];
  const { sections, imports } = inspect(bytes);
  for (const id of sections) {
    if (ALLOWED.has(id)) continue;
    const name = Object.keys(SECTION).find((key) => SECTION[key] === id);
    faults.push(`has a ${name ?? "nameless"} section (${id})`);
  }
  const names = new Set(lower);
  for (const { module, name, kind } of imports) {
    const wanted =
      (module === "env" || module === "e") &&
      ((kind === KIND.memory && name === "memory") ||
        (kind === KIND.function && names.has(name)));
    if (!wanted) faults.push(`imports ${module}.${name}, which nothing offers`);
  }
  if (!imports.some(({ kind }) => kind === KIND.memory)) {
    faults.push("does not import env.memory");
  }
  return faults;
}

/**
 * The bytes as text, a character for each: the printable ones from "#" on, but for
 * the backslash. It compresses as well as the bytes do, base64 by a fifth worse.
 * decodeBytes in js/index.js is the way back.
 * @param {Uint8Array} bytes
 */
export function encodeBytes(bytes) {
  const code = (byte) => 35 + byte + (byte < 57 ? 0 : byte < 91 ? 1 : 35);
  return Array.from(bytes, (byte) => String.fromCharCode(code(byte))).join("");
}

/** The largest module that every browser compiles synchronously. */
export const MODULE_BYTES_MAX = 4096;

/** What all modules together may have: lowered whenever the core gets smaller,
 * until it is 12,288. */
export const TOTAL_BYTES_MAX = 16223;

/**
 * Which modules are too large, in words; empty if none is.
 * @param {Record<string, Uint8Array>} modules by name
 * @returns {string[]}
 */
export function oversizes(modules) {
  const large = [];
  let total = 0;
  for (const [name, { length }] of Object.entries(modules)) {
    total += length;
    if (length <= MODULE_BYTES_MAX) continue;
    large.push(`${name} has ${length} bytes, ${MODULE_BYTES_MAX} at most`);
  }
  if (total <= TOTAL_BYTES_MAX) return large;
  return [...large, `${total} bytes in all, ${TOTAL_BYTES_MAX} at most`];
}

/**
 * Whether an object file refers to the stack pointer. Instances of all threads
 * would share one stack, so none may. (The linked module defines a stack
 * pointer whether or not it is used; the object tells.)
 * @param {Uint8Array} bytes
 */
export function usesStack(bytes) {
  return inspect(bytes).imports.some(({ name }) => name === "__stack_pointer");
}

/**
 * Where the flags of the imported memory's limits stand: 3 means shared with a
 * maximum; 1 makes the twin that imports an unshared memory.
 * @param {Uint8Array} bytes
 */
export function memoryFlagAt(bytes) {
  const memory = inspect(bytes).imports.find((i) => i.kind === KIND.memory);
  if (!memory || bytes[memory.flagAt] !== 3) {
    throw new Error("the module imports no shared memory with a maximum");
  }
  return memory.flagAt;
}
