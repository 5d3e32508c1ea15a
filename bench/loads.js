// loads.js - what is measured in JavaScript. docs/BENCHMARKS.md tells the loads
// in words, and native/loads.h is the twin of the first three.
//
// Making a load prepares it; batch(n) does n operations, drain() releases what
// is still held. One operation is one malloc and one free, or one access.

const LEAST_SIZE = 8; // to 519 bytes: 512 sizes
export const CELLS = 4096; // of `exchange`

/** One step of xorshift32; its number gives a place and a size. */
function next(x) {
  x ^= x << 13;
  x ^= x >>> 17;
  return x ^ (x << 5);
}

/** The top nine bits. */
function sizeOf(x) {
  return LEAST_SIZE + (x >>> 23);
}

/** The low eighteen bits, for at most 16,384 places. */
function placeOf(x, count) {
  return ((x & 0x3ffff) * count) >>> 18;
}

/** A first state of next(), never 0. */
function begin(seed) {
  return Math.imul(seed, 0x9e3779b1) | 1;
}

/** Allocates and frees one block at a time. */
class Pair {
  constructor({ allocator }, seed) {
    this.allocator = allocator;
    this.x = begin(seed);
  }

  batch(operations) {
    const { allocator } = this;
    let { x } = this;
    for (let i = 0; i < operations; i++) {
      x = next(x);
      allocator.free(allocator.malloc(sizeOf(x)));
    }
    this.x = x;
  }

  drain() {}
}

/** Frees a random one of the live blocks and allocates another in its place. */
class Replace {
  constructor({ allocator, words, live }, seed) {
    this.allocator = allocator;
    this.words = words;
    this.x = begin(seed);
    this.live = new Uint32Array(live);
    for (let i = 0; i < live; i++) {
      this.x = next(this.x);
      this.live[i] = allocator.malloc(sizeOf(this.x));
      words[this.live[i] >>> 2] = sizeOf(this.x);
    }
  }

  batch(operations) {
    const { allocator, live, words } = this;
    let { x } = this;
    for (let i = 0; i < operations; i++) {
      x = next(x);
      const place = placeOf(x, live.length);
      allocator.free(live[place]);
      const ptr = allocator.malloc(sizeOf(x));
      words[ptr >>> 2] = sizeOf(x);
      live[place] = ptr;
    }
    this.x = x;
  }

  drain() {
    for (const ptr of this.live) this.allocator.free(ptr);
  }
}

/** Swaps new blocks into cells that all workers share; frees what was there. */
class Exchange {
  constructor({ allocator, words, cells }, seed) {
    this.allocator = allocator;
    this.words = words;
    this.cells = cells;
    this.x = begin(seed);
  }

  batch(operations) {
    const { allocator, cells, words } = this;
    let { x } = this;
    for (let i = 0; i < operations; i++) {
      x = next(x);
      const ptr = allocator.malloc(sizeOf(x));
      words[ptr >>> 2] = sizeOf(x);
      const old = Atomics.exchange(cells, placeOf(x, CELLS), ptr);
      if (old !== 0) allocator.free(old);
    }
    this.x = x;
  }

  // Whoever comes first empties the cells: no worker fills any more.
  drain() {
    for (let i = 0; i < CELLS; i++) {
      const ptr = Atomics.exchange(this.cells, i, 0);
      if (ptr !== 0) this.allocator.free(ptr);
    }
  }
}

const ACCESSED = 1024; // elements of the block that accessors go through

/** Adds 1 to each Float64 of a block in turn, by the heap's accessors. */
class HeapGetSetFloat64 {
  constructor({ allocator }) {
    this.allocator = allocator;
    this.ptr = allocator.malloc(ACCESSED * 8);
    this.elements = new Float64Array(allocator.buffer, this.ptr, ACCESSED);
    this.elements.fill(0);
  }

  batch(operations) {
    const { allocator, ptr } = this;
    for (let i = 0; i < operations; i++) {
      const at = ptr + (i % ACCESSED) * 8;
      allocator.setFloat64(at, allocator.getFloat64(at) + 1);
    }
  }

  /** Whether that many operations left what they should. */
  isRight(operations) {
    return this.elements.reduce((sum, value) => sum + value) === operations;
  }

  drain() {
    this.allocator.free(this.ptr);
  }
}

/** The same by a DataView of the same memory, in a local variable. */
class ViewGetSetFloat64 extends HeapGetSetFloat64 {
  batch(operations) {
    const { allocator, ptr } = this;
    const view = new DataView(allocator.buffer);
    for (let i = 0; i < operations; i++) {
      const at = ptr + (i % ACCESSED) * 8;
      view.setFloat64(at, view.getFloat64(at, true) + 1, true);
    }
  }
}

/** Writes each Uint32 of a block in turn, by the heap's accessor. */
class HeapSetUint32 {
  constructor({ allocator }) {
    this.allocator = allocator;
    this.ptr = allocator.malloc(ACCESSED * 4);
    this.elements = new Uint32Array(allocator.buffer, this.ptr, ACCESSED);
  }

  batch(operations) {
    const { allocator, ptr } = this;
    for (let i = 0; i < operations; i++) {
      allocator.setUint32(ptr + (i % ACCESSED) * 4, i);
    }
  }

  /** Every element was last written by the number of an operation. */
  isRight(operations) {
    return this.elements.every(
      (value, i) => value % ACCESSED === i && value < operations,
    );
  }

  drain() {
    this.allocator.free(this.ptr);
  }
}

/** The same by a DataView of the same memory, in a local variable. */
class ViewSetUint32 extends HeapSetUint32 {
  batch(operations) {
    const { allocator, ptr } = this;
    const view = new DataView(allocator.buffer);
    for (let i = 0; i < operations; i++) {
      view.setUint32(ptr + (i % ACCESSED) * 4, i, true);
    }
  }
}

const loads = {
  pair: { default: Pair },
  replace: { default: Replace },
  exchange: { default: Exchange },
  "getset-float64": { lshm: HeapGetSetFloat64, dataview: ViewGetSetFloat64 },
  "set-uint32": { lshm: HeapSetUint32, dataview: ViewSetUint32 },
};

/** The class of a load, for an allocator. */
export function loadFor(name, allocator) {
  const found = loads[name]?.[allocator] ?? loads[name]?.default;
  if (found !== undefined) return found;
  throw new Error(
    `expected a load of ${Object.keys(loads).join(", ")}, not ${name} for ${allocator}`,
  );
}
