// allocators.js - what the JavaScript loads allocate from. Each has malloc,
// which throws or returns a pointer (0: none), and free.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MemPool } from "@thi.ng/malloc";
import LocalSharedMemory from "../index.js";
import { adoptEmscripten, openEmscripten } from "./emscripten.js";

const PAGES = 5000; // of 64 KiB, for everyone
const PAGE = 65536;

// shared-memory-objects looks for the scope of a browser.
globalThis.self ??= globalThis;

/** Its allocator, with the settings that its MemoryHeap has. */
async function openObjects(buf) {
  const build =
    process.env.LSHM_BUILD ??
    fileURLToPath(new URL("../build/release", import.meta.url));
  const path = join(build, "bench/shared-memory-objects.js");
  const { default: MemoryBuffer } = await import(path);
  const settings = { compact: false, split: false };
  const allocator =
    buf === undefined
      ? new MemoryBuffer({
          buf: new SharedArrayBuffer(PAGES * PAGE),
          ...settings,
        })
      : new MemoryBuffer({ buf, skipInitialization: true });
  return { allocator, buffer: allocator.buf, share: () => allocator.buf };
}

function heapOf(heap) {
  return { allocator: heap, buffer: heap.buffer, share: () => heap };
}

/** A heap whose views date from before a growth. */
function grownHeap() {
  const heap = new LocalSharedMemory(PAGES / 2, PAGES);
  heap.setUint8(heap.malloc(8), 1);
  heap.grow(PAGES / 2);
  return heap;
}

/**
 * The allocator, the bytes that its pointers count in, and what to post to
 * another worker, which adopts it. A DataView takes the heap's place at the
 * accesses alone.
 * @returns {Promise<{ allocator: any, buffer: ArrayBufferLike, share?: () => any }>}
 */
export async function open(name) {
  switch (name) {
    case "lshm":
    case "dataview":
      return heapOf(new LocalSharedMemory(PAGES));
    case "adopted":
      return heapOf(
        LocalSharedMemory.from(structuredClone(new LocalSharedMemory(PAGES))),
      );
    case "grown":
      return heapOf(grownHeap());
    case "dlmalloc":
    case "emmalloc":
      return openEmscripten(name);
    case "thing": {
      const allocator = new MemPool({ size: PAGES * PAGE });
      return { allocator, buffer: allocator.buf };
    }
    case "objects":
      return openObjects();
    case "empty":
      return { allocator: emptyFunctions(), buffer: new ArrayBuffer(PAGE) };
  }
  throw new Error(`no allocator is ${name}`);
}

/** In another worker, what share() gave. */
export async function adopt(name, shared) {
  switch (name) {
    case "lshm":
      return heapOf(LocalSharedMemory.from(shared));
    case "dlmalloc":
    case "emmalloc":
      return adoptEmscripten(shared);
    case "objects":
      return openObjects(shared);
  }
  throw new Error(`${name} is not shared between workers`);
}

/** Fails unless everything was freed, where the allocator can tell. */
export function requireEmpty(name, allocator) {
  let blocks = 0;
  if (allocator instanceof LocalSharedMemory) {
    allocator.check();
    // grownHeap has one of its own.
    blocks = allocator.stats().blocks - (name === "grown" ? 1 : 0);
  } else if (name === "thing" || name === "objects") {
    blocks = allocator.stats().used.count;
  }
  if (blocks !== 0) throw new Error(`${blocks} blocks were not freed`);
}

/**
 * What it costs to call wasm from JavaScript and nothing else: an exported
 * `malloc` that returns its argument, and a `free` that returns nothing.
 */
export function emptyFunctions() {
  const name = (text) => [text.length, ...Buffer.from(text)];
  const section = (id, ...content) => [id, content.length, ...content];
  const I32 = 0x7f;
  const bytes = new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 2, 0x60, 1, I32, 1, I32, 0x60, 1, I32, 0), // types
    ...section(3, 2, 0, 1), // a function of each
    ...section(7, 2, ...name("malloc"), 0, 0, ...name("free"), 0, 1),
    ...section(10, 2, 4, 0, 0x20, 0, 0x0b, 2, 0, 0x0b), // local.get 0; nothing
  ]);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
}

/**
 * An allocator whose blocks are written to their last byte and looked at before
 * they are freed. The first four bytes are the size, as the loads write it.
 */
export class Checked {
  constructor(allocator, buffer) {
    this.allocator = allocator;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
  }

  malloc(size) {
    const ptr = this.allocator.malloc(size);
    if (!(ptr > 0) || ptr % 8 !== 0 || ptr + size > this.bytes.length) {
      throw new Error(`malloc(${size}) gave ${ptr}`);
    }
    const mark = markOf(ptr, size);
    this.words[ptr >>> 2] = size;
    this.words[(ptr >>> 2) + 1] = mark;
    this.bytes.fill(mark, ptr + 8, ptr + size);
    return ptr;
  }

  free(ptr) {
    const size = this.words[ptr >>> 2];
    const mark = markOf(ptr, size);
    const changed = (byte) => byte !== (mark & 255);
    if (
      this.words[(ptr >>> 2) + 1] !== mark ||
      this.bytes.subarray(ptr + 8, ptr + size).some(changed)
    ) {
      throw new Error(`the bytes of the block at ${ptr} were changed`);
    }
    // Whoever gets it next must write it anew.
    this.words.fill(0, ptr >>> 2, (ptr >>> 2) + 2);
    this.allocator.free(ptr);
  }
}

function markOf(ptr, size) {
  const mixed = Math.imul(ptr ^ (size << 20), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
