// localsharedmemory/inspect - a heap one can look at: what its address space
// consists of, as a list and as a picture, while others work in it.
//
//   import { map, regions, watch } from "localsharedmemory/inspect";
//
//   regions(memory)                     what is where, by rising offset
//   map(memory, { title, width })       an SVG picture, as text
//   watch(memory, element, options)     keeps that picture in an element, live;
//                                       returns a function that ends it
//
// options.interval: milliseconds from one picture to the next, 250 by default.
// Below the picture stands a line with the numbers of what the pointer is on (or
// was tapped), which stays up to date too. A hidden page draws nothing. The
// style of the picture is in it: a content security policy must allow inline
// styles, and watch assigns innerHTML. An error in it, as of a heap that this
// thread has left, ends it and comes out of its timer. map compiles 8 KiB of WebAssembly at once, which main threads of Chrome
// before 115 refuse (4 KiB at most); watch compiles them asynchronously.
//
// All of them take a LocalSharedMemory that this thread is attached to and only
// read it. The walk through the heap is the C core's, and the drawing is the
// same C code that `lshm map` draws with; both are WebAssembly that is compiled
// when it is first used. Not for an AudioWorklet, which has no TextEncoder.

import { LocalSharedMemory } from "./index.js";

/** @type {any} */
const WASM = /* @wasm */ {};
/** @type {Record<string, [number, string]>} */
const ERRORS = /* @errors */ {};
/** @type {string} the package's version */
export const version = /* @version */ "";
/** @type {string} the module that draws */
const PICTURE = /* @picture */ "";

/** Kinds of regions, in the core's order. */
const KINDS = /** @type {const} */ ([
  "free",
  "metadata",
  "slab",
  "span",
  "changing",
  "damaged",
]);
const REGION_BYTES = 48;

/**
 * @typedef {object} Region a run of chunks
 * @property {number} byteOffset where it begins in the memory
 * @property {number} byteLength
 * @property {"free" | "metadata" | "slab" | "span" | "changing" | "damaged"} kind
 *   slab: blocks of one size; span: one block; changing: being claimed, freed
 *   or resized just now
 * @property {number} blockSize slab: bytes of each block with its header; span:
 *   as requested; else 0
 * @property {number} blocks for how many there is room
 * @property {number} used how many are live
 * @property {number} kept how many are free and some thread's, for its next malloc
 * @property {number} freed how many are freed and not collected by the owner yet
 * @property {number} thread slab: its owner, 0: nobody; span: who allocated it
 */
/**
 * @typedef {object} MapOptions How a picture looks.
 * @property {string} [title] "heap" by default; its first 255 bytes in UTF-8
 * @property {number} [width] of the picture in pixels, 280 to 8192; 960 by
 *   default. It scales down where there is less room
 */
/**
 * @typedef {typeof globalThis extends { Element: { prototype: infer E } } ? E : any} PlatformElement
 *   `Element` where the compiler knows it.
 */

/**
 * @param {ErrorConstructor} Type
 * @param {string} name
 * @param {string} where
 * @param {string} text
 */
function makeError(Type, name, where, text) {
  const error = new Type(`localsharedmemory/inspect ${where}: ${text}`);
  return Object.assign(error, { code: `ERR_LSHM_${name}` });
}

/**
 * The bytes of a text that encodeBytes in tools/wasm.js wrote.
 * @param {string} text
 */
function decodeBytes(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) - 35;
    bytes[i] = code - (code < 57 ? 0 : code < 92 ? 1 : 35);
  }
  return bytes;
}

// --- the heap's regions --------------------------------------------------------

/** @type {Record<string, any>} compiled modules */
const compiled = {};

/** The compiled module of a kind of memory. @param {boolean} shared */
function walker(shared) {
  const key = `inspect ${shared}`;
  if (compiled[key] === undefined) {
    const bytes = decodeBytes(WASM.inspect);
    // It imports either shared memories (3) or unshared ones (1).
    bytes[WASM.flag.inspect] = shared ? 3 : 1;
    compiled[key] = new WebAssembly.Module(bytes);
  }
  return compiled[key];
}

/** @type {WeakMap<object, any>} the instance over each memory */
const instances = new WeakMap();

/**
 * What is needed to look into a memory's heap.
 * @param {any} memory
 * @param {string} where
 * @returns {{ core: any, view: number, base: number }}
 */
function enter(memory, where) {
  // The core reads this thread's view, which builds may lay out in other ways.
  if (!(memory instanceof LocalSharedMemory)) {
    const other = Object.getOwnPropertySymbols(Object(memory)).some((symbol) =>
      symbol.description?.startsWith("LocalSharedMemory."),
    );
    if (other) {
      throw makeError(RangeError, "OTHER_COPY", where, ERRORS.OTHER_COPY[1]);
    }
    const text = "expected a LocalSharedMemory that this thread adopted";
    throw makeError(TypeError, "INVALID", where, text);
  }
  void memory.thread; // mends what was cut short, or throws
  const symbol = Object.getOwnPropertySymbols(memory).find((own) =>
    own.description?.startsWith("LocalSharedMemory."),
  );
  const { view, base, shared } = /** @type {any} */ (memory)[
    /** @type {symbol} */ (symbol)
  ];
  let core = instances.get(memory);
  if (core === undefined) {
    const env = { memory: /** @type {any} */ (memory) };
    core = new WebAssembly.Instance(walker(shared), { env }).exports;
    instances.set(memory, core);
  }
  return { core, view, base };
}

/**
 * The bytes of each region in turn, as the core lays them out.
 * @param {any} memory
 * @param {{ core: any, view: number }} entered
 * @param {(bytes: Uint8Array) => void} take
 */
function walk(memory, { core, view }, take) {
  const scratch = core.region_scratch(view) >>> 0;
  let chunk = 0;
  while ((chunk = core.region_next(view, chunk, scratch) >>> 0) !== 0) {
    // A new view each time: an unshared memory that grows detaches old ones.
    take(new Uint8Array(memory.buffer, scratch, REGION_BYTES));
  }
}

/**
 * What the heap's address space consists of, by rising offset and without a
 * gap. Others may work meanwhile: so it is not of one instant.
 * @param {LocalSharedMemory} memory
 * @returns {Region[]}
 * @throws {RangeError} `ERR_LSHM_DETACHED`, or `ERR_LSHM_OTHER_COPY` for a memory
 *   that another copy of this package adopted
 */
export function regions(memory) {
  /** @type {Region[]} */
  const list = [];
  const entered = enter(memory, "regions");
  walk(memory, entered, (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, REGION_BYTES);
    const u32 = (/** @type {number} */ at) => view.getUint32(at, true);
    const u64 = (/** @type {number} */ at) => u32(at) + u32(at + 4) * 2 ** 32;
    list.push({
      byteOffset: u64(0) + entered.base,
      byteLength: u64(8),
      kind: KINDS[u32(24)],
      blockSize: u64(16),
      blocks: u32(32),
      used: u32(36),
      kept: u32(40),
      freed: u32(44),
      thread: u32(28),
    });
  });
  return list;
}

// --- the picture ---------------------------------------------------------------

/** @type {string[]} what the module that draws has written */
let written = [];
/** @type {any} its exports */
let pen;

/** @param {WebAssembly.Module} module */
function takePen(module) {
  const env = {
    write: (/** @type {number} */ at, /** @type {number} */ length) => {
      const bytes = new Uint8Array(pen.memory.buffer, at, length);
      written.push(String.fromCharCode(...bytes)); // ASCII
    },
  };
  pen = new WebAssembly.Instance(module, { env }).exports;
}

/** Compiles it without blocking, once. */
async function preparePen() {
  if (pen !== undefined) return;
  const module = await WebAssembly.compile(decodeBytes(PICTURE));
  if (pen === undefined) takePen(module);
}

/** @param {string} title */
function putTitle(title) {
  const bytes = new TextEncoder().encode(title);
  const room = new Uint8Array(
    pen.memory.buffer,
    pen.title_buffer(),
    pen.title_bytes(),
  );
  const length = Math.min(bytes.length, room.length - 1);
  room.fill(0);
  room.set(bytes.subarray(0, length));
}

/**
 * Draws the heap: its address space in rows from left to right, slabs by owner,
 * fill and block size, spans by owner and size, numbers where a pointer rests.
 * Light or dark as the page is.
 * @param {LocalSharedMemory} memory
 * @param {MapOptions} [options]
 * @returns {string} an `<svg>` element, to stand in a document or a file
 * @throws {RangeError} as {@link regions}
 */
export function map(memory, { title = "heap", width = 960 } = {}) {
  const entered = enter(memory, "map");
  const { core, view, base } = entered;
  if (!(width > 0)) {
    const text = `expected a width in pixels, not ${String(width)}`;
    throw makeError(RangeError, "INVALID", "map", text);
  }
  if (pen === undefined) takePen(new WebAssembly.Module(decodeBytes(PICTURE)));
  putTitle(String(title));
  written = [];
  pen.begin(
    Math.min(width, 8192),
    core.heap_committed(view),
    core.heap_maximum(view),
    base,
  );
  const to = pen.region_buffer();
  walk(memory, entered, (bytes) => {
    new Uint8Array(pen.memory.buffer, to, REGION_BYTES).set(bytes);
    pen.add();
  });
  pen.end();
  const text = written.join("");
  written = [];
  return text;
}

/**
 * Keeps a picture of the heap in an element, up to date, and below it the numbers
 * of what the pointer is on.
 * @param {LocalSharedMemory} memory
 * @param {PlatformElement} element its content is replaced
 * @param {MapOptions & { interval?: number }} [options] interval: milliseconds
 *   from one picture to the next, 250 by default; longer where drawing takes a
 *   good part of it. width: by default that of the element
 * @returns {() => void} ends it, and leaves the last picture
 */
export function watch(memory, element, options = {}) {
  const { interval = 250, title, width } = options;
  enter(memory, "watch");
  const document = element.ownerDocument;
  const picture = document.createElement("div");
  const numbers = document.createElement("output");
  element.replaceChildren(picture, numbers);
  /** @type {{ x: number, y: number } | null} */
  let pointer = null;
  let timer = 0;
  let over = false;
  const tell = () => {
    const at = pointer && document.elementFromPoint(pointer.x, pointer.y);
    const cell = picture.contains(at) ? at?.closest("g") : null;
    // A space without width: the line keeps its height.
    numbers.textContent = cell?.querySelector("title")?.textContent ?? "\u200b";
  };
  const point = (/** @type {any} */ { clientX, clientY }) => {
    pointer = { x: clientX, y: clientY };
    tell();
  };
  const tick = () => {
    if (over) return;
    const from = Date.now();
    if (!document.hidden) {
      const wide = width ?? (element.clientWidth || 960);
      picture.innerHTML = map(memory, { title, width: wide });
      tell();
    }
    const wait = Math.max(interval, 4 * (Date.now() - from));
    timer = /** @type {any} */ (setTimeout(tick, wait));
  };
  picture.addEventListener("pointermove", point);
  picture.addEventListener("pointerdown", point);
  preparePen().then(tick);
  return () => {
    over = true;
    clearTimeout(timer);
    picture.removeEventListener("pointermove", point);
    picture.removeEventListener("pointerdown", point);
  };
}
