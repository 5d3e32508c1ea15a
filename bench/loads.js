// loads.js - what is measured of allocating in JavaScript. docs/BENCHMARKS.md
// tells the loads in words; native/loads.h and native/handed.h have their twins.
// accesses.js has what is measured of reading and writing.
//
// Making a load prepares it; batch(n) does n operations, drain() releases what
// is still held. One operation is one malloc and one free.

import { emptyFunctions } from "./allocators.js";
import LocalSharedMemory from "../index.js";
import { accesses } from "./accesses.js";

export const CELLS = 4096; // of `exchange`

/** One step of xorshift32; its number gives a place and a size. */
function next(x) {
  x ^= x << 13;
  x ^= x >>> 17;
  return x ^ (x << 5);
}

/** 8 to 519 bytes, all alike: the top nine bits. */
function smallSize(x) {
  return 8 + (x >>> 23);
}

/** To 8 KiB: each doubling alike, and the sizes within it. */
function mixedSize(x) {
  const high = x >>> 18;
  const whole = 8 << ((high >>> 10) % 10);
  return whole + (Math.imul(high, 0x9e3779b1) & (whole - 1));
}

/** The low eighteen bits, for at most 16,384 places. */
function placeOf(x, count) {
  return ((x & 0x3ffff) * count) >>> 18;
}

/** The same of all bits, for any number of places. */
function widePlaceOf(x, count) {
  return Math.floor(((x >>> 0) / 2 ** 32) * count);
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
      allocator.free(allocator.malloc(smallSize(x)));
    }
    this.x = x;
  }

  drain() {}
}

/** Frees a random one of the live blocks and allocates another in its place. */
function replace(sizeOf, pick = placeOf) {
  return class Replace {
    constructor({ allocator, words, live }, seed) {
      this.allocator = allocator;
      this.words = words;
      this.x = begin(seed);
      this.live = new Uint32Array(live);
      for (let i = 0; i < live; i++) {
        this.x = next(this.x);
        this.live[i] = this.make(sizeOf(this.x));
      }
    }

    make(size) {
      const ptr = this.allocator.malloc(size);
      if (ptr === 0) throw new Error("out of memory");
      this.words[ptr >>> 2] = size;
      return ptr;
    }

    batch(operations) {
      const { allocator, live, words } = this;
      let { x } = this;
      for (let i = 0; i < operations; i++) {
        x = next(x);
        const place = pick(x, live.length);
        allocator.free(live[place]);
        const size = sizeOf(x);
        const ptr = allocator.malloc(size);
        words[ptr >>> 2] = size;
        live[place] = ptr;
      }
      this.x = x;
    }

    drain() {
      for (const ptr of this.live) this.allocator.free(ptr);
    }
  };
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
      const ptr = allocator.malloc(smallSize(x));
      words[ptr >>> 2] = smallSize(x);
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

/** Pair on several heaps in turn, at one call site. */
function pairOnSeveral(make) {
  return class PairOnSeveral {
    constructor({ allocator, heaps }, seed) {
      this.allocators = [allocator];
      while (this.allocators.length < heaps) this.allocators.push(make());
      this.x = begin(seed);
    }

    batch(operations) {
      const { allocators } = this;
      const mask = allocators.length - 1;
      let { x } = this;
      for (let i = 0; i < operations; i++) {
        x = next(x);
        const allocator = allocators[i & mask];
        allocator.free(allocator.malloc(smallSize(x)));
      }
      this.x = x;
    }

    drain() {}
  };
}

const loads = {
  pair: { default: Pair },
  replace: { default: replace(smallSize) },
  mixed: { default: replace(mixedSize) },
  many: { default: replace(smallSize, widePlaceOf) },
  exchange: { default: Exchange },
  heaps: {
    lshm: pairOnSeveral(() => new LocalSharedMemory(100)),
    empty: pairOnSeveral(emptyFunctions),
  },
  ...accesses,
};

/** The class of a load, for an allocator. */
export function loadFor(name, allocator) {
  const found = loads[name]?.[allocator] ?? loads[name]?.default;
  if (found !== undefined) return found;
  throw new Error(
    `expected a load of ${Object.keys(loads).join(", ")}, not ${name} for ${allocator}`,
  );
}
