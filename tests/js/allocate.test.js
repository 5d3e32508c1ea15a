// Allocating, freeing, listing, and what bad input gets.

import assert from "node:assert/strict";
import { fails, LocalSharedMemory, settled, test, sharing } from "./support.js";

const page = 65536;

/** The bytes of a heap, to show that a refused call changed nothing. */
const bytes = (memory) => Buffer.from(memory.image());

/** Expects an error, and the heap as it was. */
function refuses(memory, body, Type, code, pattern) {
  const before = bytes(memory);
  fails(body, Type, code, pattern);
  // The thread's own workspace may say why; blocks and tables may not change.
  const after = bytes(memory);
  const from = memory.stats().metadata;
  assert.ok(
    before.subarray(from).equals(after.subarray(from)),
    "the heap is unchanged",
  );
  memory.check();
}

test("malloc: sizes, alignments, content", () => {
  const memory = new LocalSharedMemory(40, 200);
  const list = [];
  for (let align = 1; align <= 65536; align *= 2) {
    for (const size of [0, 1, 8, 100, 5000, 70000]) {
      const ptr = memory.malloc(size, align);
      assert.equal(ptr % Math.max(align, 16), 0);
      assert.equal(memory.sizeof(ptr), size);
      assert.ok(memory.lengthof(ptr) >= size + 8);
      memory.memset(ptr, 170, size);
      list.push(ptr);
    }
  }
  assert.equal(new Set(list).size, list.length);
  settled(memory);
  for (const ptr of list) memory.free(ptr);
  assert.equal(settled(memory).length, 0);
});

test("alignments up to the memory's size, with a heapBase too", () => {
  for (const heapBase of [0, 4096, 12288]) {
    const memory = new LocalSharedMemory({
      initial: 100,
      maximum: 200,
      heapBase,
    });
    for (const align of [2 ** 17, 2 ** 20, 2 ** 22]) {
      const ptr = memory.malloc(10, align);
      assert.equal(ptr % align, 0);
      memory.free(ptr);
    }
    assert.equal(memory.tryMalloc(10, 2 ** 31), 0);
    assert.equal(memory.tryMalloc(10, 2 ** 32), 0);
    settled(memory);
  }
});

test("malloc(0) is a block of its own", () => {
  const memory = new LocalSharedMemory(2);
  const [a, b] = [memory.malloc(0), memory.malloc(0)];
  assert.notEqual(a, b);
  assert.equal(memory.sizeof(a), 0);
  assert.equal(memory.arrayBuffer(a).byteLength, 0);
  assert.equal(memory.arrayView(Float64Array, a).length, 0);
  memory.free(a);
  memory.free(b);
});

test("sizes and alignments that are none", () => {
  const memory = new LocalSharedMemory(4);
  const ptr = memory.malloc(50);
  const calls = [
    (size, align) => memory.malloc(size, align),
    (size, align) => memory.tryMalloc(size, align),
    (size, align) => memory.calloc(size, 1, align),
    (size, align) => memory.calloc(1, size, align),
    (size, align) => memory.realloc(ptr, size, align),
    (size, align) => memory.realloc(0, size, align),
  ];
  for (const call of calls) {
    for (const size of [
      -1,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -(2 ** 40),
    ]) {
      refuses(
        memory,
        () => call(size),
        RangeError,
        "INVALID",
        /non-negative integer, not/,
      );
    }
    for (const size of ["5", null, {}, [], 5n, true, Symbol("x")]) {
      refuses(memory, () => call(size), TypeError, "INVALID", /a number, not/);
    }
    for (const align of [
      0,
      -16,
      3,
      24,
      0.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ]) {
      refuses(
        memory,
        () => call(8, align),
        RangeError,
        "INVALID",
        /a power of two, not/,
      );
    }
    for (const align of ["16", null, 16n]) {
      refuses(
        memory,
        () => call(8, align),
        TypeError,
        "INVALID",
        /alignBytes, a number, not/,
      );
    }
  }
  assert.equal(memory.allocs().length, 1);
});

test("out of memory: what was asked, what is left; the heap goes on", () => {
  const memory = new LocalSharedMemory(4, 8);
  const calls = [
    [() => memory.malloc(9 * page), 9 * page],
    [() => memory.malloc(2 ** 32 - 1), 2 ** 32 - 1],
    [() => memory.malloc(5e9), 5e9],
    [() => memory.calloc(3, 4 * page), 12 * page],
    [() => memory.calloc(2 ** 20, 2 ** 20), 2 ** 40],
    [() => memory.calloc(2 ** 16, 2 ** 16), 2 ** 32],
    [() => memory.realloc(0, 9 * page), 9 * page],
    [() => memory.Float64Array(page * 2), 16 * page],
    [() => memory.malloc(10, 2 ** 40), 10],
  ];
  for (const [call, asked] of calls) {
    fails(
      call,
      RangeError,
      "NOMEM",
      /asked for \d+ bytes.* \d+ of \d+ bytes are free.* largest free block is \d+/,
    );
    try {
      call();
    } catch (error) {
      assert.equal(error.asked, asked);
      assert.equal(error.largestFree, memory.stats().largestFree);
    }
  }
  assert.equal(memory.tryMalloc(9 * page), 0);
  assert.equal(memory.tryMalloc(5e9), 0);
  const ptr = memory.malloc(100);
  memory.memset(ptr, 7, 100);
  fails(() => memory.realloc(ptr, 9 * page), RangeError, "NOMEM");
  fails(() => memory.realloc(ptr, 2 ** 40), RangeError, "NOMEM");
  assert.equal(memory.sizeof(ptr), 100);
  assert.ok(new Uint8Array(memory.arrayBuffer(ptr)).every((x) => x === 7));
  settled(memory);
});

test("what is freed is usable again at once, also for large blocks", () => {
  const memory = new LocalSharedMemory(16);
  for (let round = 0; round < 5; round++) {
    for (const size of [24, 700, 5000, 40000]) {
      const list = [];
      for (let ptr; (ptr = memory.tryMalloc(size)) !== 0;) list.push(ptr);
      assert.ok(
        list.length * (size + 8) > 0.8 * 16 * page * 0.95,
        `${list.length} of ${size}`,
      );
      for (const ptr of list) memory.free(ptr);
      memory.free(memory.malloc(Math.floor(0.95 * 16 * page)));
    }
  }
  assert.equal(settled(memory).length, 0);
});

test("calloc: zero, also where others wrote before", () => {
  const memory = new LocalSharedMemory(4);
  for (const size of [1, 30, 1000, 9000]) {
    const ptr = memory.malloc(size * 3);
    memory.memset(ptr, 255, size * 3);
    memory.free(ptr);
    const zero = memory.calloc(3, size, 64);
    assert.equal(zero % 64, 0);
    assert.equal(memory.sizeof(zero), size * 3);
    assert.ok(new Uint8Array(memory.arrayBuffer(zero)).every((x) => x === 0));
    memory.free(zero);
  }
  assert.equal(memory.sizeof(memory.calloc(0, 2 ** 40)), 0);
});

test("realloc keeps the content", () => {
  const memory = new LocalSharedMemory(10, 60);
  const other = memory.malloc(77);
  let ptr = memory.realloc(0, 10);
  memory.setString(ptr, "0123456789");
  for (const [size, align] of [
    [20],
    [3000],
    [100000],
    [90000],
    [300000],
    [100, 4096],
    [50],
    [10],
    [0],
    [8, 64],
  ]) {
    const had = memory.sizeof(ptr);
    const before = new Uint8Array(memory.arrayBuffer(ptr));
    ptr = memory.realloc(ptr, size, align);
    assert.equal(memory.sizeof(ptr), size);
    assert.equal(ptr % (align ?? 16), 0);
    const kept = Math.min(had, size);
    assert.deepEqual(
      new Uint8Array(memory.arrayBuffer(ptr)).subarray(0, kept),
      before.subarray(0, kept),
    );
    memory.memset(ptr + kept, size & 255, size - kept);
    memory.check();
  }
  memory.free(ptr);
  assert.deepEqual(
    settled(memory).map(({ byteOffset }) => byteOffset),
    [other],
  );
});

/** Pointers that are no live block, by the reason that free should give. */
function wrongPointers(memory) {
  const small = memory.malloc(40);
  const large = memory.malloc(30000);
  const [freed, gone] = [memory.malloc(40), memory.malloc(30000)];
  memory.free(freed);
  memory.free(gone);
  return [
    [small + 16, "INTERIOR"],
    [large + 16, "INTERIOR"],
    [large + 8192, "INTERIOR"],
    [small + 1, "MISALIGNED"],
    [freed, "FREED"],
    [gone, "FREED"],
    [64, "OUTSIDE"],
    [16, "OUTSIDE"],
    [memory.buffer.byteLength, "OUTSIDE"],
    [memory.buffer.byteLength + 16, "OUTSIDE"],
    [2 ** 32 - 16, "OUTSIDE"],
    [2 ** 32 + small, "OUTSIDE"],
    [-small, "OUTSIDE"],
    [small + 0.5, "OUTSIDE"],
    [Number.NaN, "OUTSIDE"],
    [Number.POSITIVE_INFINITY, "OUTSIDE"],
  ];
}

test("free, realloc, sizeof and views of what is no live block", () => {
  for (const shared of [true, false]) {
    const memory = new LocalSharedMemory(4, 4, shared);
    for (const [ptr, code] of wrongPointers(memory)) {
      const message = /is not a live block \(.+\)/;
      refuses(memory, () => memory.free(ptr), RangeError, code, message);
      refuses(memory, () => memory.realloc(ptr, 10), RangeError, code, message);
      for (const use of [
        "sizeof",
        "lengthof",
        "arrayBuffer",
        "sharedArrayBuffer",
        "dataView",
        "getString",
      ]) {
        refuses(memory, () => memory[use](ptr), RangeError, code, message);
      }
      refuses(
        memory,
        () => memory.arrayView(Uint8Array, ptr),
        RangeError,
        code,
        message,
      );
      refuses(
        memory,
        () => memory.setString(ptr, "x"),
        RangeError,
        code,
        message,
      );
    }
    for (const ptr of ["100", undefined, null, 5n, {}, Symbol("x")]) {
      for (const use of [
        "free",
        "sizeof",
        "lengthof",
        "arrayBuffer",
        "dataView",
        "getString",
      ]) {
        refuses(
          memory,
          () => memory[use](ptr),
          TypeError,
          "INVALID",
          /a number, not/,
        );
      }
      refuses(memory, () => memory.realloc(ptr, 10), TypeError, "INVALID");
    }
    memory.free(0);
    memory.free(-0);
    settled(memory);
  }
});

test("a pointer that was never given", () => {
  const memory = new LocalSharedMemory(4);
  const ptr = memory.malloc(40);
  const never = ptr + 48 * 30;
  refuses(
    memory,
    () => memory.free(never),
    RangeError,
    "UNALLOCATED",
    /never allocated/,
  );
  try {
    memory.free(never);
  } catch (error) {
    assert.equal(error.reason, "never allocated");
    assert.equal(
      error.message,
      `LocalSharedMemory.free: ${never} is not a live block (never allocated)`,
    );
  }
});

test("a header that was written over", () => {
  const memory = new LocalSharedMemory(4);
  for (const size of [40, 30000]) {
    const ptr = memory.malloc(size);
    for (let byte = -8; byte < 0; byte++) {
      const was = memory.getUint8(ptr + byte);
      memory.setUint8(ptr + byte, was ^ 0x55);
      for (const use of [
        () => memory.free(ptr),
        () => memory.realloc(ptr, 9),
        () => memory.sizeof(ptr),
      ]) {
        fails(use, RangeError, "DAMAGED", /header damaged/);
      }
      fails(() => memory.check(), RangeError, "DAMAGED");
      memory.setUint8(ptr + byte, was);
      memory.check();
    }
    memory.free(ptr);
  }
});

test("an overrun is found by free, realloc and check", () => {
  const memory = new LocalSharedMemory(4);
  for (const size of [0, 1, 33, 39, 30001]) {
    const ptr = memory.malloc(size);
    const was = memory.getUint8(ptr + size);
    memory.setUint8(ptr + size, was ^ 1);
    refusesOverrun(memory, ptr);
    memory.setUint8(ptr + size, was);
    memory.free(ptr);
  }
  // Full to the last byte, the next thing behind is another block's header.
  const first = memory.malloc(40);
  const next = memory.malloc(40);
  const [low, high] = [Math.min(first, next), Math.max(first, next)];
  assert.equal(high - low, 48);
  memory.setUint8(low + 40, memory.getUint8(low + 40) ^ 1);
  fails(() => memory.free(high), RangeError, "DAMAGED");
  assert.throws(
    () => memory.check(),
    (error) => error.byteOffset === high || error.byteOffset === high - 8,
  );
});

function refusesOverrun(memory, ptr) {
  fails(
    () => memory.free(ptr),
    RangeError,
    "OVERRUN",
    new RegExp(`${ptr} .*overrun`),
  );
  fails(() => memory.realloc(ptr, 100), RangeError, "OVERRUN");
  assert.throws(
    () => memory.check(),
    (error) =>
      error.code === "ERR_LSHM_OVERRUN" &&
      error.byteOffset === ptr &&
      error.invariant === 10,
  );
}

const arrays = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  ...(globalThis.Float16Array ? ["Float16Array"] : []),
];

test("typed arrays: zeroed, or with values", () => {
  const memory = new LocalSharedMemory(4);
  const dirty = memory.malloc(3000);
  memory.memset(dirty, 255, 3000);
  memory.free(dirty);
  for (const name of arrays) {
    const big = name.startsWith("Big");
    const Type = globalThis[name];
    const zeros = memory[name](100);
    assert.equal(zeros.constructor, Type);
    assert.equal(zeros.buffer, memory.buffer);
    assert.equal(zeros.length, 100);
    assert.ok(zeros.every((x) => x === (big ? 0n : 0)));
    assert.equal(memory.sizeof(zeros.byteOffset), 100 * Type.BYTES_PER_ELEMENT);
    const values = big ? [1n, 2n, 3n] : [1, 2, 3];
    for (const source of [
      values,
      new Set(values),
      new Type(values),
      { length: 3, 0: values[0], 1: values[1], 2: values[2] },
    ]) {
      const made = memory[name](source);
      assert.deepEqual([...made], values);
      memory.free(made.byteOffset);
    }
    assert.equal(memory[name]().length, 0);
    memory.free(zeros.byteOffset);
    const count = memory.allocs().length;
    assert.throws(() => memory[name](-1), RangeError);
    assert.throws(() => memory[name](1.5), RangeError);
    assert.throws(() => memory[name]("5"), TypeError);
    assert.throws(() => memory[name](big ? [1] : [1n]), TypeError);
    assert.equal(memory.allocs().length, count);
  }
  assert.equal("Float16Array" in memory, "Float16Array" in globalThis);
});

test("allocs: every live block once, and its bytes when asked", () => {
  const memory = new LocalSharedMemory(8, 40);
  const wanted = new Map();
  for (let i = 0; i < 500; i++) wanted.set(memory.malloc(i * 7), i * 7);
  let i = 0;
  for (const ptr of wanted.keys()) {
    if (i++ % 3 === 0) {
      memory.free(ptr);
      wanted.delete(ptr);
    }
  }
  const list = memory.allocs();
  assert.deepEqual(
    new Map(list.map((x) => [x.byteOffset, x.byteLength])),
    wanted,
  );
  assert.equal(list.length, wanted.size);
  assert.deepEqual([...memory.blocks()], list);
  assert.ok(
    list.every(
      (x) =>
        x.thread === memory.thread &&
        x.bufferSize === memory.lengthof(x.byteOffset),
    ),
  );
  const block = list[5];
  assert.deepEqual(Object.keys(block), [
    "byteOffset",
    "byteLength",
    "bufferSize",
    "thread",
  ]);
  assert.ok(!JSON.stringify(block).includes('buffer"'));
  memory.memset(block.byteOffset, 9, block.byteLength);
  assert.equal(block.buffer.constructor, memory.buffer.constructor);
  assert.deepEqual(
    new Uint8Array(block.buffer),
    new Uint8Array(block.byteLength).fill(9),
  );
  const own = new LocalSharedMemory(1, 1, false);
  own.malloc(10);
  assert.ok(own.allocs()[0].buffer instanceof ArrayBuffer);
});

test("stats: a leak report", sharing, () => {
  const memory = new LocalSharedMemory(8, 9);
  const other = LocalSharedMemory.from(structuredClone(memory));
  for (let i = 0; i < 10; i++) memory.malloc(100);
  for (let i = 0; i < 4; i++) other.malloc(9000);
  const stats = memory.stats();
  assert.equal(stats.committed, 8 * page);
  assert.equal(stats.maximum, 9 * page);
  assert.equal(stats.blocks, 14);
  assert.equal(stats.threads, 2);
  assert.equal(stats.used + stats.free + stats.metadata, stats.committed);
  const used = ({ bufferSize }) => bufferSize;
  assert.equal(
    stats.byThread.map(used).reduce((a, b) => a + b),
    stats.used,
  );
  assert.deepEqual(
    stats.byThread.map(({ thread, blocks, byteLength }) => [
      thread,
      blocks,
      byteLength,
    ]),
    [
      [memory.thread, 10, 1000],
      [other.thread, 4, 36000],
    ],
  );
  other.detach();
  assert.equal(memory.stats().threads, 1);
  assert.deepEqual(memory.stats().byThread, stats.byThread);
});

test("the thread of a block is known when it has left", sharing, () => {
  const memory = new LocalSharedMemory(8);
  const other = LocalSharedMemory.from(structuredClone(memory));
  const ptr = other.malloc(5);
  const { thread } = other;
  assert.equal(memory.allocs()[0].thread, thread);
  other.detach();
  assert.equal(memory.allocs()[0].thread, thread);
  memory.free(ptr);
});

test("trim gives what is held in reserve to others", sharing, () => {
  const memory = new LocalSharedMemory(64);
  const other = LocalSharedMemory.from(structuredClone(memory));
  const list = [];
  for (let ptr; (ptr = memory.tryMalloc(100)) !== 0;) list.push(ptr);
  for (const ptr of list) memory.free(ptr);
  memory.trim();
  other.free(other.malloc(Math.floor(0.95 * 64 * page)));
  settled(other);
});

test("check counts what lives", () => {
  const memory = new LocalSharedMemory(8);
  const list = Array.from({ length: 50 }, (_, i) => memory.malloc(i * 50));
  memory.malloc(60000);
  const counts = memory.check();
  assert.equal(counts.blocks, 51);
  assert.equal(counts.spans, 1);
  assert.ok(counts.slabs > 0 && counts.freeChunks > 0);
  for (const ptr of list) memory.free(ptr);
  assert.equal(memory.check().blocks, 1);
});

test("a write through a null pointer shows in check", () => {
  const memory = new LocalSharedMemory(2);
  new Uint8Array(memory.buffer)[8] = 1;
  assert.throws(
    () => memory.check(),
    (error) => error.invariant === 1,
  );
});
