// accesses.js - what is measured of reading and writing through the heap, each
// beside what a caller would write by hand: a DataView or a typed array of the
// same memory in a local variable. As loads (loads.js); one operation is one
// access, or five in `access-mixed`.
//
// `isRight` says after a check whether that many operations left what they
// should have. Each class is used in one process only for one kind of heap.

const ACCESSED = 1024; // elements of 8 bytes

/** The block, and a sum that keeps engines from leaving reads out. */
class Access {
  constructor({ allocator }) {
    this.allocator = allocator;
    this.ptr = allocator.malloc(ACCESSED * 8);
    this.elements = new Float64Array(allocator.buffer, this.ptr, ACCESSED);
    this.elements.fill(0);
    this.sum = 0;
  }

  drain() {
    this.allocator.free(this.ptr);
  }
}

/** Five accesses of four types at each element in turn. */
class HeapMixed extends Access {
  batch(operations) {
    const { allocator: heap, ptr } = this;
    let sum = 0;
    for (let i = 0; i < operations; i++) {
      const at = ptr + (i % ACCESSED) * 8;
      heap.setFloat64(at, heap.getFloat64(at) + 1);
      heap.setUint8(at, i);
      sum += heap.getInt16(at + 6) + heap.getUint32(at + 4);
    }
    this.sum += sum;
  }

  // Adding 1 drops the small byte that was written below it again or keeps it.
  isRight(operations) {
    const rounds = Math.floor(operations / ACCESSED);
    return this.elements.every((value) => Math.floor(value + 0.5) >= rounds);
  }
}

class ViewMixed extends HeapMixed {
  batch(operations) {
    const { allocator, ptr } = this;
    const view = new DataView(allocator.buffer);
    let sum = 0;
    for (let i = 0; i < operations; i++) {
      const at = ptr + (i % ACCESSED) * 8;
      view.setFloat64(at, view.getFloat64(at, true) + 1, true);
      view.setUint8(at, i);
      sum += view.getInt16(at + 6, true) + view.getUint32(at + 4, true);
    }
    this.sum += sum;
  }
}

/** One getter. */
class HeapGet extends Access {
  constructor(options) {
    super(options);
    const integers = new Int32Array(
      options.allocator.buffer,
      this.ptr,
      ACCESSED,
    );
    for (let i = 0; i < ACCESSED; i++) integers[i] = i;
  }

  batch(operations) {
    const { allocator: heap, ptr } = this;
    let sum = 0;
    for (let i = 0; i < operations; i++) {
      sum += heap.getInt32(ptr + (i % ACCESSED) * 4);
    }
    this.sum += sum;
  }

  isRight(operations) {
    let sum = 0;
    for (let i = 0; i < operations; i++) sum += i % ACCESSED;
    return this.sum === sum;
  }
}

class ViewGet extends HeapGet {
  batch(operations) {
    const { allocator, ptr } = this;
    const view = new DataView(allocator.buffer);
    let sum = 0;
    for (let i = 0; i < operations; i++) {
      sum += view.getInt32(ptr + (i % ACCESSED) * 4, true);
    }
    this.sum += sum;
  }
}

/** One atomic read-modify-write. */
class HeapAdd extends Access {
  batch(operations) {
    const { allocator: heap, ptr } = this;
    const index = ptr / 4;
    for (let i = 0; i < operations; i++) heap.add(Int32Array, index, 1);
  }

  isRight(operations) {
    const { buffer } = this.allocator;
    return new Int32Array(buffer, this.ptr, 1)[0] === operations;
  }
}

class AtomicsAdd extends HeapAdd {
  batch(operations) {
    const { allocator, ptr } = this;
    const view = new Int32Array(allocator.buffer);
    const index = ptr / 4;
    for (let i = 0; i < operations; i++) Atomics.add(view, index, 1);
  }
}

/** One atomic read. */
class HeapLoad extends HeapGet {
  batch(operations) {
    const { allocator: heap, ptr } = this;
    const index = ptr / 4;
    let sum = 0;
    for (let i = 0; i < operations; i++) {
      sum += heap.load(Int32Array, index + (i % ACCESSED));
    }
    this.sum += sum;
  }
}

class AtomicsLoad extends HeapGet {
  batch(operations) {
    const { allocator, ptr } = this;
    const view = new Int32Array(allocator.buffer);
    const index = ptr / 4;
    let sum = 0;
    for (let i = 0; i < operations; i++) {
      sum += Atomics.load(view, index + (i % ACCESSED));
    }
    this.sum += sum;
  }
}

/** One view made; `made` is one of it, given its own bytes and what it needs. */
function makesViews(make, held) {
  return class Views extends Access {
    batch(operations) {
      const { allocator, ptr } = this;
      const from = held ? allocator.buffer : allocator;
      let sum = 0;
      for (let i = 0; i < operations; i++) {
        sum += make(from, ptr + (i % ACCESSED) * 4).byteLength;
      }
      this.sum += sum;
    }

    isRight(operations) {
      return this.sum === operations * 64;
    }
  };
}

/** By the kinds of heap that allocators.js makes. */
function onHeaps(load) {
  return { lshm: load, adopted: load, grown: load };
}

export const accesses = {
  "access-mixed": { ...onHeaps(HeapMixed), dataview: ViewMixed },
  "access-get": { ...onHeaps(HeapGet), dataview: ViewGet },
  "atomic-add": { ...onHeaps(HeapAdd), dataview: AtomicsAdd },
  "atomic-load": { ...onHeaps(HeapLoad), dataview: AtomicsLoad },
  "array-view": {
    ...onHeaps(
      makesViews((heap, ptr) => heap.arrayView(Uint8Array, ptr, 64), false),
    ),
    dataview: makesViews(
      (buffer, ptr) => new Uint8Array(buffer, ptr, 64),
      true,
    ),
  },
  "data-view": {
    ...onHeaps(makesViews((heap, ptr) => heap.dataView(ptr, 64), false)),
    dataview: makesViews((buffer, ptr) => new DataView(buffer, ptr, 64), true),
  },
};
