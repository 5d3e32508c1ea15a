// Reading and writing: accessors, views, atomics, strings.

import assert from "node:assert/strict";
import {
  fails,
  kinds,
  LocalSharedMemory,
  message,
  realm,
  start,
  test,
  threads,
  realms,
} from "./support.js";

const page = 65536;
const blocking = { needs: ["sharing", "blocking"] };
const nothing = [
  "100",
  "x",
  undefined,
  null,
  {},
  true,
  100n,
  Symbol("x"),
  [100],
];

test("accessors: every kind, little-endian, unaligned", () => {
  for (const shared of [true, false]) {
    const memory = new LocalSharedMemory(2, 4, shared);
    const ptr = memory.malloc(32);
    for (const [kind, size, values] of kinds) {
      for (const value of values) {
        for (const at of [
          ptr,
          ptr + 1,
          ptr + 7,
          64,
          memory.buffer.byteLength - size,
        ]) {
          const old = memory.arrayBuffer(at, size);
          assert.equal(memory[`set${kind}`](at, value), undefined);
          assert.equal(memory[`get${kind}`](at), value);
          assert.equal(
            new DataView(memory.buffer)[`get${kind}`](at, true),
            value,
          );
          new Uint8Array(memory.buffer, at, size).set(new Uint8Array(old));
        }
      }
    }
  }
});

test("accessors refuse what lies outside, and what is no number", () => {
  const memory = new LocalSharedMemory(2);
  const end = 2 * page;
  for (const [kind, size, [value]] of kinds) {
    for (const use of [
      (at) => memory[`get${kind}`](at),
      (at) => memory[`set${kind}`](at, value),
    ]) {
      for (const at of [
        0,
        63,
        -1,
        end,
        end - size + 1,
        2 ** 32,
        2 ** 32 + 100,
        2 ** 53,
        100.5,
        Number.NaN,
        Number.POSITIVE_INFINITY,
      ]) {
        fails(
          () => use(at),
          RangeError,
          "OUTSIDE",
          new RegExp(`et${kind}: offset .* is outside the memory`),
        );
      }
      for (const at of nothing)
        fails(() => use(at), TypeError, "INVALID", /a number, not/);
    }
    assert.throws(
      () => memory[`set${kind}`](100, typeof value === "bigint" ? 1 : 1n),
      TypeError,
    );
  }
});

test("accessors and atomics follow others' growth", threads, async () => {
  const memory = new LocalSharedMemory(2, 200);
  assert.equal(memory.getInt8(100), memory.load(Int8Array, 100));
  const worker = start((LocalSharedMemory, data, port) => {
    const memory = LocalSharedMemory.from(data);
    const ptr = memory.malloc(30 * 65536);
    memory.setFloat64(ptr + 29 * 65536, 2.5);
    memory.store(Uint32Array, (ptr + 28 * 65536) / 4, 99);
    port.postMessage(ptr);
  }, memory);
  const ptr = await message(worker);
  assert.equal(memory.getFloat64(ptr + 29 * page), 2.5);
  assert.equal(memory.load(Uint32Array, (ptr + 28 * page) / 4), 99);
  assert.equal(memory.sizeof(ptr), 30 * page);
  memory.free(ptr);
  await worker.ended;
});

test("views and copies", () => {
  for (const shared of [true, false]) {
    const memory = new LocalSharedMemory(2, 2, shared);
    const ptr = memory.malloc(21);
    const bytes = memory.arrayView(Uint8Array, ptr);
    assert.deepEqual(
      [bytes.byteOffset, bytes.length, bytes.buffer],
      [ptr, 21, memory.buffer],
    );
    bytes.forEach((_, i) => {
      bytes[i] = i + 1;
    });
    assert.deepEqual(
      [...memory.arrayView(Uint16Array, ptr + 2, 2)],
      [0x0403, 0x0605],
    );
    assert.equal(memory.arrayView(Float64Array, ptr).length, 2);
    assert.equal(memory.arrayView(Float64Array, ptr, 1).length, 1);
    assert.equal(memory.dataView(ptr).byteLength, 21);
    assert.equal(memory.dataView(ptr + 3, 5).getUint8(0), 4);
    const copy = memory.arrayBuffer(ptr);
    assert.ok(copy instanceof ArrayBuffer);
    assert.equal(copy.byteLength, 21);
    const sharedCopy = memory.sharedArrayBuffer(ptr, 10);
    const tag = Object.prototype.toString.call(sharedCopy);
    assert.equal(tag, "[object SharedArrayBuffer]");
    assert.deepEqual(
      [...new Uint8Array(sharedCopy)],
      [...bytes.subarray(0, 10)],
    );
    bytes[0] = 200;
    assert.equal(new Uint8Array(copy)[0], 1);
    assert.equal(memory.dataView(2 * page - 8, 8).byteLength, 8);
    assert.equal(memory.arrayView(Uint8Array, 2 * page, 0).length, 0);
    const array = memory.Int16Array([4, 5]);
    assert.deepEqual(memory.arrayView(Int16Array, array.byteOffset), array);
  }
});

test("views refuse ranges that don't lie in the memory", () => {
  const memory = new LocalSharedMemory(2);
  for (const use of [
    "arrayBuffer",
    "sharedArrayBuffer",
    "dataView",
    "getString",
  ]) {
    for (const [ptr, length] of [
      [0, 8],
      [63, 1],
      [2 * page, 1],
      [2 * page - 4, 5],
      [100, 2 * page],
      [-8, 8],
      [100.5, 2],
      [2 ** 32 + 100, 4],
    ]) {
      fails(() => memory[use](ptr, length), RangeError, "OUTSIDE");
    }
    for (const length of [-1, 1.5, Number.NaN])
      fails(() => memory[use](100, length), RangeError, "INVALID");
    for (const length of ["5", null, 5n])
      fails(() => memory[use](100, length), TypeError, "INVALID");
    for (const ptr of nothing)
      fails(() => memory[use](ptr, 4), TypeError, "INVALID");
  }
  fails(
    () => memory.arrayView(Int32Array, 102, 1),
    RangeError,
    "MISALIGNED",
    /arrayView: expected a multiple of 4, not 102/,
  );
  fails(
    () => memory.arrayView(Int32Array, 2 * page - 4, 2),
    RangeError,
    "OUTSIDE",
  );
  fails(() => memory.arrayView(Int32Array, 100, -1), RangeError, "INVALID");
  fails(() => memory.arrayView(Int32Array, 100, 1.5), RangeError, "INVALID");
  for (const Type of [undefined, "Int32Array", Array, Object, DataView, {}]) {
    fails(
      () => memory.arrayView(Type, 100, 1),
      TypeError,
      "INVALID",
      /typed array's constructor/,
    );
    fails(() => memory.load(Type, 100), TypeError, "INVALID");
    fails(() => memory.index(Type, 100), TypeError, "INVALID");
  }
});

test("index", () => {
  const memory = new LocalSharedMemory(2);
  assert.equal(memory.index(Float64Array, 800), 100);
  assert.equal(memory.index(Uint8Array, 801), 801);
  fails(() => memory.index(Float64Array, 804), RangeError, "MISALIGNED");
  fails(() => memory.index(Int32Array, 32), RangeError, "OUTSIDE");
  fails(() => memory.index(Int32Array, 2 * page + 4), RangeError, "OUTSIDE");
  fails(() => memory.index(Int32Array, "800"), TypeError, "INVALID");
});

const integers = [
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
];

test("atomics, on every kind of integer", () => {
  for (const shared of [true, false]) {
    const memory = new LocalSharedMemory(2, 2, shared);
    const ptr = memory.malloc(8);
    for (const Type of integers) {
      const n = Type.name.startsWith("Big") ? BigInt : Number;
      const i = memory.index(Type, ptr);
      const step = (member, args, result, then) => {
        assert.equal(
          memory[member](Type, i, ...args.map(n)),
          n(result),
          member,
        );
        assert.equal(memory.load(Type, i), n(then), member);
      };
      step("store", [12], 12, 12);
      step("add", [3], 12, 15);
      step("sub", [5], 15, 10);
      step("and", [6], 10, 2);
      step("or", [5], 2, 7);
      step("xor", [1], 7, 6);
      step("exchange", [9], 6, 9);
      step("compareExchange", [8, 1], 9, 9);
      step("compareExchange", [9, 1], 9, 1);
      assert.equal(memory.arrayView(Type, ptr, 1)[0], n(1));
    }
  }
  const memory = new LocalSharedMemory(2);
  for (const size of [1, 2, 3, 4, 8])
    assert.equal(memory.isLockFree(size), Atomics.isLockFree(size));
});

test("atomics refuse wrong indexes and values", () => {
  const memory = new LocalSharedMemory(2);
  const calls = [
    "add",
    "sub",
    "and",
    "or",
    "xor",
    "exchange",
    "store",
    "load",
    "compareExchange",
    "notify",
  ];
  for (const member of calls) {
    for (const Type of [Int32Array, ...(member === "notify" ? [] : integers)]) {
      const n = Type.name.startsWith("Big") ? 1n : 1;
      const size = Type.BYTES_PER_ELEMENT;
      for (const index of [
        0,
        64 / size - 1,
        -1,
        (2 * page) / size,
        2 ** 32,
        2 ** 32 + 100,
        100.5,
        Number.NaN,
      ]) {
        fails(
          () => memory[member](Type, index, n, n),
          RangeError,
          "OUTSIDE",
          /index .* is outside the memory/,
        );
      }
      for (const index of nothing)
        fails(() => memory[member](Type, index, n, n), TypeError, "INVALID");
    }
    for (const Type of [Float32Array, Float64Array, Uint8ClampedArray]) {
      fails(
        () => memory[member](Type, 100, 1, 1),
        TypeError,
        "INVALID",
        new RegExp(
          `${member}: expected an array of integers, not.*${Type.name}`,
        ),
      );
    }
  }
  assert.throws(() => memory.add(BigInt64Array, 100, 1), TypeError);
  assert.throws(() => memory.add(Int32Array, 100, 1n), TypeError);
});

/** Awaits with something that keeps the process: waitAsync does not. */
async function kept(promise) {
  const timer = globalThis.setInterval?.(() => {}, 1000);
  const value = await promise;
  globalThis.clearInterval?.(timer);
  return value;
}

test("wait", { needs: "blocking" }, () => {
  const memory = new LocalSharedMemory(2);
  const ptr = memory.calloc(1, 16);
  const i = memory.index(Int32Array, ptr);
  const j = memory.index(BigInt64Array, ptr + 8);
  assert.equal(memory.wait(Int32Array, i, 1), "not-equal");
  assert.equal(memory.wait(Int32Array, i, 0, 1), "timed-out");
  assert.equal(memory.wait(BigInt64Array, j, 0n, 1), "timed-out");
  for (const index of [0, -1, 1.5, 2 ** 31])
    fails(() => memory.wait(Int32Array, index, 0, 0), RangeError, "OUTSIDE");
  const own = new LocalSharedMemory(2, 2, false);
  assert.throws(() => own.wait(Int32Array, 100, 0, 1), TypeError);
});

test("notify wakes a worker that waits", threads, async () => {
  const memory = new LocalSharedMemory(2);
  const i = memory.index(Int32Array, memory.calloc(1, 4));
  assert.equal(memory.notify(Int32Array, i), 0);
  const worker = start(
    (LocalSharedMemory, [data, i], port) => {
      const memory = LocalSharedMemory.from(data);
      port.postMessage("waiting");
      port.postMessage(memory.wait(Int32Array, i, 0, 20000));
    },
    [memory, i],
  );
  await message(worker);
  const answer = message(worker);
  for (
    let tries = 0;
    memory.notify(Int32Array, i, 1) === 0 && tries < 10000;
    tries++
  ) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(await answer, "ok");
  await worker.ended;
});

test("waitAsync", async () => {
  const memory = new LocalSharedMemory(2);
  const i = memory.index(Int32Array, memory.calloc(1, 4));
  if (Atomics.waitAsync === undefined) {
    const pattern = /no Atomics\.waitAsync/;
    const wait = () => memory.waitAsync(Int32Array, i, 0);
    fails(wait, TypeError, "INVALID", pattern);
    return;
  }
  const soon = memory.waitAsync(Int32Array, i, 0, 10000);
  assert.equal(soon.async, true);
  assert.equal(memory.notify(Int32Array, i), 1);
  assert.equal(await kept(soon.value), "ok");
  assert.deepEqual(memory.waitAsync(Int32Array, i, 5), {
    async: false,
    value: "not-equal",
  });
  for (const index of [0, -1, 1.5, 2 ** 31]) {
    const wait = () => memory.waitAsync(Int32Array, index, 0, 0);
    fails(wait, RangeError, "OUTSIDE");
  }
});

test("wait gives what is held in reserve to others", blocking, () => {
  const memory = new LocalSharedMemory(8);
  const other = LocalSharedMemory.from(structuredClone(memory));
  const word = memory.index(Int32Array, memory.calloc(1, 4));
  const list = [];
  for (let ptr; (ptr = memory.tryMalloc(200)) !== 0;) list.push(ptr);
  for (const ptr of list) memory.free(ptr);
  memory.wait(Int32Array, word, 0, 1);
  other.free(other.malloc(Math.floor(0.9 * 8 * page)));
});

test("memcpy, memmove, memset", () => {
  const memory = new LocalSharedMemory(2);
  const ptr = memory.malloc(100);
  const view = memory.arrayView(Uint8Array, ptr);
  assert.equal(memory.memset(ptr, 0x1ff, 100), ptr);
  assert.ok(view.every((x) => x === 255));
  view.forEach((_, i) => {
    view[i] = i;
  });
  assert.equal(memory.memmove(ptr + 10, ptr, 50), ptr + 10);
  assert.deepEqual(
    [...view.subarray(10, 60)],
    Array.from({ length: 50 }, (_, i) => i),
  );
  assert.equal(memory.memcpy(ptr + 90, ptr + 60, 10), ptr + 90);
  assert.deepEqual(
    [...view.subarray(90)],
    [60, 61, 62, 63, 64, 65, 66, 67, 68, 69],
  );
  memory.memset(2 * page, 1, 0);
  for (const bad of [0, 63, 2 * page - 3, -5, 1.5, Number.NaN]) {
    fails(() => memory.memset(bad, 0, 4), RangeError, "OUTSIDE");
    for (const member of ["memcpy", "memmove"]) {
      fails(() => memory[member](bad, 100, 4), RangeError, "OUTSIDE");
      fails(() => memory[member](100, bad, 4), RangeError, "OUTSIDE");
    }
  }
  for (const n of [-1, 0.5, Number.NaN]) {
    fails(() => memory.memset(100, 0, n), RangeError, "INVALID");
    fails(() => memory.memcpy(100, 200, n), RangeError, "INVALID");
  }
  fails(() => memory.memset(100, "0", 4), TypeError, "INVALID");
  fails(() => memory.memset("100", 0, 4), TypeError, "INVALID");
  fails(() => memory.memcpy(100, 200, "4"), TypeError, "INVALID");
});

test("strings", () => {
  const memory = new LocalSharedMemory(2);
  for (const text of [
    "",
    "plain",
    "Grüße, 世界 🌍",
    "\ufeffmark",
    "a\0b",
    "x".repeat(5000),
  ]) {
    const ptr = memory.string(text);
    assert.equal(memory.getString(ptr), text);
    assert.equal(memory.sizeof(ptr), Buffer.byteLength(text));
    memory.free(ptr);
  }
  const ptr = memory.malloc(12);
  memory.memset(ptr, 46, 12);
  assert.equal(memory.setString(ptr, "äöü"), 6);
  assert.equal(memory.getString(ptr, 6), "äöü");
  assert.equal(memory.getString(ptr), "äöü......");
  assert.equal(memory.setString(ptr + 6, "xyz", 3), 3);
  fails(
    () => memory.setString(ptr, "a".repeat(13)),
    RangeError,
    "INVALID",
    /takes 13 bytes, there is room for 12/,
  );
  fails(() => memory.setString(ptr + 6, "wxyz", 3), RangeError, "INVALID");
  fails(() => memory.setString(ptr, 5), TypeError, "INVALID");
  fails(() => memory.string(undefined), TypeError, "INVALID");
  fails(() => memory.setString(2 * page - 2, "abc", 3), RangeError, "OUTSIDE");
  assert.equal(memory.getString(ptr), "äöüxyz...");
  memory.setUint8(ptr, 255);
  assert.equal(memory.getString(ptr, 1), "\ufffd");
});

test("typed arrays of another realm", realms, () => {
  const memory = new LocalSharedMemory(2);
  const Foreign = realm("Int32Array");
  const ptr = memory.malloc(8);
  memory.store(Foreign, memory.index(Foreign, ptr), 7);
  assert.equal(memory.getInt32(ptr), 7);
  assert.ok(memory.arrayView(Foreign, ptr) instanceof Foreign);
  const foreign = realm(
    "new WebAssembly.Memory({ initial: 2, maximum: 4, shared: true })",
  );
  const adopted = LocalSharedMemory.init(foreign, { maximum: 4 });
  assert.equal(adopted, foreign);
  adopted.free(adopted.malloc(page));
  adopted.check();
});

test("the upper half of 4 GiB", { needs: "4 GiB" }, () => {
  const memory = new LocalSharedMemory(65536);
  const [low, high] = [
    memory.malloc(2 ** 31),
    memory.malloc(2 ** 31 - 2 ** 27),
  ];
  const top = Math.max(low, high);
  assert.ok(top > 2 ** 31);
  memory.setUint32(top + 1000, 5);
  assert.equal(memory.getUint32(top + 1000), 5);
  memory.store(Uint32Array, memory.index(Uint32Array, top + 1000), 6);
  assert.equal(memory.getUint32(top + 1000), 6);
  assert.equal(memory.sizeof(low), 2 ** 31);
  assert.deepEqual(
    memory.allocs().map(({ byteOffset }) => byteOffset),
    [low, high].sort((a, b) => a - b),
  );
  const small = [];
  for (let ptr; (ptr = memory.tryMalloc(500000)) !== 0;) small.push(ptr);
  assert.ok(small.length > 100);
  memory.setRoot(0, small[0]);
  assert.equal(memory.getRoot(0), small[0]);
  const end = memory.buffer.byteLength;
  memory.setUint8(end - 1, 1);
  fails(() => memory.setUint8(end, 1), RangeError, "OUTSIDE");
  for (const ptr of small) memory.free(ptr);
  memory.free(high);
  const moved = memory.realloc(low, 100);
  memory.free(moved);
  assert.equal(memory.check().blocks, 0);
});
