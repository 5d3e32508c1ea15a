// Images: a heap's bytes, and heaps made from them.

import assert from "node:assert/strict";
import {
  fails,
  LocalSharedMemory,
  message,
  seeded,
  settled,
  start,
  test,
  sharing,
  threads,
  turn,
} from "./support.js";

const page = 65536;

/** What a heap shows of itself. */
const listing = (memory) =>
  memory
    .allocs()
    .map((x) => [
      x.byteOffset,
      x.byteLength,
      Buffer.from(new Uint8Array(x.buffer)),
    ]);

test("image and open", () => {
  for (const shared of [true, false]) {
    const memory = new LocalSharedMemory(4, 50, shared);
    const list = Array.from({ length: 300 }, (_, i) => {
      const ptr = memory.malloc(i * 11);
      memory.memset(ptr, i, i * 11);
      return ptr;
    });
    for (let i = 0; i < 300; i += 2) memory.free(list[i]);
    memory.setRoot(3, list[5]);
    memory.setName("config", list[7]);
    const image = memory.image();
    assert.ok(image instanceof ArrayBuffer);
    assert.equal(image.byteLength, memory.stats().committed);
    const again = LocalSharedMemory.open(image, { shared });
    assert.equal(again.buffer.constructor, memory.buffer.constructor);
    assert.deepEqual(listing(again), listing(memory));
    assert.equal(again.getRoot(3), list[5]);
    assert.equal(again.getName("config"), list[7]);
    assert.deepEqual(again.threads(), [again.thread]);
    assert.equal(again.stats().maximum, 50 * page);
    settled(again);
    for (let i = 1; i < 300; i += 2) again.free(list[i]);
    again.free(again.malloc(20 * page));
    assert.equal(settled(again).length, 0);
    settled(memory);
    assert.equal(memory.allocs().length, 150, "the first heap is as it was");
  }
});

test("open: heapBase and maximum", () => {
  const memory = new LocalSharedMemory({
    initial: 4,
    maximum: 20,
    heapBase: 5000 * 64,
  });
  const ptr = memory.string("moved");
  memory.setRoot(0, ptr);
  const image = memory.image();
  const low = LocalSharedMemory.open(image);
  const high = LocalSharedMemory.open(new Uint8Array(image), {
    heapBase: 1024 * 1024,
  });
  assert.equal(low.getString(low.getRoot(0)), "moved");
  assert.equal(high.getString(high.getRoot(0)), "moved");
  assert.equal(high.getRoot(0) - low.getRoot(0), 1024 * 1024);
  const small = LocalSharedMemory.open(image, { maximum: 5 });
  assert.throws(() => small.malloc(8 * page), { code: "ERR_LSHM_NOMEM" });
  settled(small);
  assert.throws(
    () => LocalSharedMemory.open(image, { maximum: 1 }),
    RangeError,
  );
  fails(
    () => LocalSharedMemory.open(image, { heapBase: 5 }),
    RangeError,
    "INVALID",
  );
});

test("an image in which every slot is taken opens", sharing, () => {
  for (const [pages, count, heapBase] of [
    [1, 8, 0],
    [60, 255, 0],
    [60, 255, 3 * page],
  ]) {
    const memory = new LocalSharedMemory(pages);
    const list = [];
    const crowd = () => {
      for (let other = memory; ;) {
        const ptr = other.tryMalloc(8); // a single page has no slab for each
        if (ptr !== 0) list.push(ptr);
        if (ptr !== 0) other.setFloat64(ptr, other.thread);
        other = LocalSharedMemory.from(structuredClone(memory));
      }
    };
    fails(crowd, RangeError, "THREADS_FULL");
    assert.equal(memory.threads().length, count);
    const opened = LocalSharedMemory.open(memory.image(), { heapBase });
    assert.deepEqual(opened.threads(), [opened.thread]);
    assert.equal(settled(opened).length, list.length);
    for (const ptr of list) {
      const value = memory.getFloat64(ptr);
      assert.equal(opened.getFloat64(ptr + heapBase), value);
      opened.free(ptr + heapBase);
    }
    assert.deepEqual(settled(opened), []);
    opened.free(opened.malloc(opened.stats().largestFree));
  }
});

test("a view into a larger buffer is an image too", () => {
  const memory = new LocalSharedMemory(2);
  const image = new Uint8Array(memory.image());
  const Shared = memory.buffer.constructor; // not every page can name it
  const larger = new Uint8Array(new Shared(image.length + 1000));
  larger.set(image, 501);
  LocalSharedMemory.open(larger.subarray(501, 501 + image.length)).check();
});

test("open refuses what is no image, each in its way", (t) => {
  const rng = seeded(t);
  const image = new Uint8Array(new LocalSharedMemory(2, 10).image());
  const open = (change) => {
    const bytes = image.slice();
    return () => LocalSharedMemory.open(change(bytes) ?? bytes);
  };
  fails(
    open(() => new ArrayBuffer(0)),
    RangeError,
    "NO_HEAP",
  );
  fails(
    open(() => new ArrayBuffer(100)),
    RangeError,
    "NO_HEAP",
  );
  fails(
    open(() => new ArrayBuffer(page)),
    RangeError,
    "NO_HEAP",
  );
  fails(
    open((bytes) => bytes.subarray(0, 500)),
    RangeError,
    "NO_HEAP",
  );
  fails(
    open((bytes) => bytes.subarray(0, page)),
    RangeError,
    "TRUNCATED",
  );
  fails(
    open((bytes) => bytes.subarray(0, bytes.length - 1)),
    RangeError,
    "TRUNCATED",
  );
  fails(
    open((bytes) => {
      bytes[64] ^= 255;
    }),
    RangeError,
    "NO_HEAP",
  );
  fails(
    open((bytes) => {
      bytes[72] += 1;
    }),
    RangeError,
    "VERSION",
  );
  fails(
    open((bytes) => {
      bytes[76] += 1;
    }),
    RangeError,
    "SIGNATURE",
  );
  fails(
    open((bytes) => {
      bytes[80] = 3;
    }),
    RangeError,
    "CORRUPT",
  );
  fails(
    open((bytes) => {
      bytes.fill(255, 84, 88);
    }),
    RangeError,
    "CORRUPT",
  );
  for (const nothing of [undefined, null, 5, "heap", {}, []]) {
    fails(
      () => LocalSharedMemory.open(nothing),
      TypeError,
      "INVALID",
      /an ArrayBuffer or a view/,
    );
  }
  for (let i = 0; i < 50; i++) {
    const noise = Uint8Array.from({ length: 5000 }, () => rng.below(256));
    fails(() => LocalSharedMemory.open(noise), RangeError, "NO_HEAP");
  }
});

test("damaged images: refused, or found by check, and never more", async (t) => {
  const rng = seeded(t, 1);
  const memory = new LocalSharedMemory({ initial: 2, maximum: 10, secret: 1n });
  for (let i = 0; i < 200; i++) memory.malloc(rng.below(600));
  const image = new Uint8Array(memory.image());
  for (let round = 0; round < 300; round++) {
    await turn(); // heaps are not collected within one: browsers run short
    const bytes = image.slice();
    for (let n = rng.below(5) + 1; n > 0; n--) {
      const at = rng.below(2)
        ? rng.below(memory.stats().metadata)
        : rng.below(bytes.length);
      bytes[at] = rng.below(256);
    }
    try {
      const opened = LocalSharedMemory.open(bytes);
      for (const { byteOffset } of opened.allocs()) {
        if (rng.below(2)) opened.free(byteOffset);
      }
      for (let n = 0; n < 50; n++) opened.malloc(rng.below(3000));
      opened.check();
    } catch (error) {
      assert.match(error.code ?? "", /^ERR_LSHM_/, error.stack);
    }
  }
});

test("an image taken while others work opens", threads, async () => {
  const memory = new LocalSharedMemory(64);
  const stop = memory.index(Int32Array, memory.calloc(1, 4));
  const workers = [1, 2].map((n) =>
    start(
      (LocalSharedMemory, [data, stop, n], port) => {
        const memory = LocalSharedMemory.from(data);
        const list = [];
        port.postMessage("up");
        for (
          let i = n;
          memory.load(Int32Array, stop) === 0;
          i = (i * 48271) % 2147483647
        ) {
          if (list.length < 500) list.push(memory.malloc(i % 3000));
          else memory.free(list.splice(i % 500, 1)[0]);
        }
      },
      [memory, stop, n],
    ),
  );
  await Promise.all(workers.map(message));
  for (let i = 0; i < 20; i++) {
    const opened = LocalSharedMemory.open(memory.image());
    assert.deepEqual(opened.threads(), [opened.thread]);
    opened.allocs();
    // The copy took time: what it contradicts itself in, check() tells.
    let told = false;
    try {
      opened.check();
    } catch (error) {
      told = error.code === "ERR_LSHM_DAMAGED";
    }
    try {
      const list = Array.from({ length: 200 }, (_, k) => opened.malloc(k * 9));
      for (const ptr of list) opened.free(ptr);
    } catch (error) {
      assert.ok(told, error.stack);
      assert.match(error.code ?? "", /^ERR_LSHM_/, error.stack);
    }
  }
  memory.store(Int32Array, stop, 1);
  await Promise.all(workers.map((worker) => worker.ended));
});
