// allocators.js - what the JavaScript loads allocate from. Each has malloc,
// which throws or returns a pointer, and free.

import { MemPool } from "@thi.ng/malloc";
import LocalSharedMemory from "../index.js";

const PAGES = 1000; // of 64 KiB, for everyone
const PAGE = 65536;

/**
 * The allocator, and the bytes that its pointers count in. A memory that was
 * posted by another worker may be given.
 * @returns {{ allocator: any, buffer: ArrayBufferLike }}
 */
export function open(name, memory = undefined) {
  switch (name) {
    case "lshm":
    // The same memory: a DataView takes the heap's place at the accesses alone.
    case "dataview": {
      const heap =
        memory === undefined
          ? new LocalSharedMemory(PAGES)
          : LocalSharedMemory.from(memory);
      return { allocator: heap, buffer: heap.buffer };
    }
    case "thing": {
      const pool = new MemPool({ size: PAGES * PAGE });
      return { allocator: pool, buffer: pool.buf };
    }
    case "empty":
      return { allocator: emptyFunctions(), buffer: new ArrayBuffer(PAGE) };
  }
  throw new Error(`expected lshm, thing, empty or dataview, not ${name}`);
}

/** Fails unless everything was freed, where the allocator can tell. */
export function requireEmpty(name, allocator) {
  let blocks = 0;
  if (name === "lshm") {
    allocator.check();
    blocks = allocator.stats().blocks;
  } else if (name === "thing") {
    blocks = allocator.stats().used.count;
  }
  if (blocks !== 0) throw new Error(`${blocks} blocks were not freed`);
}

/**
 * What it costs to call wasm from JavaScript and nothing else: an exported
 * `malloc` that returns its argument, and a `free` that returns nothing.
 */
function emptyFunctions() {
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
    this.buffer = buffer;
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
