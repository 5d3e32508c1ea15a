// Making, sharing and leaving heaps.

import assert from "node:assert/strict";
import {
  fails,
  LocalSharedMemory,
  largest,
  message,
  settled,
  start,
  test,
  sharing,
  threads,
} from "./support.js";

const page = 65536;

test("the default: 1000 shared pages, of which one malloc can have 99 %", () => {
  const memory = new LocalSharedMemory();
  assert.equal(memory.buffer.byteLength, 1000 * page);
  assert.equal(memory.buffer.constructor.name, "SharedArrayBuffer");
  const ptr = memory.malloc(Math.ceil(0.99 * 1000 * page));
  memory.free(ptr);
  assert.equal(memory.buffer.byteLength, 1000 * page);
  settled(memory);
});

test("arguments and descriptors", () => {
  const few = new LocalSharedMemory(2, 5);
  assert.equal(few.buffer.byteLength, 2 * page);
  assert.equal(few.stats().maximum, 5 * page);
  const own = new LocalSharedMemory(2, 2, false);
  assert.ok(own.buffer instanceof ArrayBuffer);
  const described = new LocalSharedMemory({
    initial: 3,
    maximum: 4,
    heapBase: 8192,
  });
  assert.equal(described.buffer.byteLength, 3 * page);
  assert.ok(described.malloc(10) > 8192);
  assert.equal(described.stats().maximum, 4 * page - 8192);
  const unshared = new LocalSharedMemory({ initial: 1, shared: false });
  assert.ok(unshared.buffer instanceof ArrayBuffer);
  assert.equal(new LocalSharedMemory({}).buffer.byteLength, 1000 * page);
  assert.equal(
    new LocalSharedMemory({ maximum: 7 }).buffer.byteLength,
    7 * page,
  );
});

test("one page that may grow offers 48 KiB before it does", () => {
  const memory = new LocalSharedMemory(1, 65536);
  memory.malloc(48 * 1024);
  assert.equal(memory.buffer.byteLength, page);
});

test("initial 0 grows to what the heap needs, or says so", () => {
  const memory = new LocalSharedMemory(0, 10);
  assert.ok(memory.malloc(100) > 0);
  fails(
    () => new LocalSharedMemory(0),
    RangeError,
    "TOO_SMALL",
    /at least 1 pages, not 0/,
  );
});

test("initial 0: unshared, and above a heapBase", () => {
  const own = new LocalSharedMemory(0, 10, false);
  assert.equal(own.buffer.byteLength, page);
  assert.ok(own.malloc(100) > 0);
  const heapBase = 3 * page;
  const high = new LocalSharedMemory({ initial: 0, maximum: 10, heapBase });
  assert.equal(high.buffer.byteLength, 4 * page);
  assert.ok(high.malloc(100) > heapBase);
});

test("what WebAssembly.Memory refuses", () => {
  assert.throws(() => new LocalSharedMemory(10, 5), RangeError);
  assert.throws(() => new LocalSharedMemory(1, 65537), /maximum/);
  assert.throws(() => new LocalSharedMemory(-1), TypeError);
  assert.throws(() => new LocalSharedMemory("x"), TypeError);
  assert.throws(() => new LocalSharedMemory(1n), TypeError);
});

test("descriptors that cannot be had", () => {
  const make = (options) => () =>
    new LocalSharedMemory({ initial: 4, ...options });
  fails(
    make({ heapBase: 100 }),
    RangeError,
    "INVALID",
    /multiple of 64.*not 100/,
  );
  fails(make({ heapBase: -64 }), RangeError, "INVALID");
  fails(make({ heapBase: "64" }), TypeError, "INVALID");
  fails(make({ heapBase: 64 * page }), RangeError, "TOO_SMALL");
  fails(make({ address: "i64" }), TypeError, "INVALID", /"i32", not "i64"/);
  fails(make({ secret: 5 }), TypeError, "INVALID", /bigint, not 5/);
});

test("it is a Memory, and a clone is adopted in place", sharing, () => {
  const memory = new LocalSharedMemory(4);
  assert.ok(memory instanceof WebAssembly.Memory);
  assert.ok(memory instanceof LocalSharedMemory);
  const ptr = memory.malloc(8);
  memory.setFloat64(ptr, Math.PI);
  const clone = structuredClone(memory);
  assert.ok(clone instanceof WebAssembly.Memory);
  assert.ok(!(clone instanceof LocalSharedMemory));
  const adopted = LocalSharedMemory.from(clone);
  assert.equal(adopted, clone);
  assert.ok(adopted instanceof LocalSharedMemory);
  assert.ok(adopted instanceof WebAssembly.Memory);
  assert.equal(LocalSharedMemory.from(adopted), adopted);
  assert.notEqual(adopted.thread, memory.thread);
  assert.equal(adopted.getFloat64(ptr), Math.PI);
  assert.deepEqual(memory.threads(), [memory.thread, adopted.thread]);
  adopted.free(ptr);
  assert.equal(memory.allocs().length, 0);
  assert.equal(LocalSharedMemory.from(memory), memory);
});

test("a subclass stays one", sharing, () => {
  class Mine extends LocalSharedMemory {}
  const memory = new Mine(4);
  assert.ok(Mine.from(structuredClone(memory)) instanceof Mine);
  assert.ok(Mine.open(memory.image()) instanceof Mine);
});

test("any module can import it", sharing, () => {
  // (module (import "env" "memory" (memory 1 16 shared))
  //   (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))
  const bytes = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 2, 16, 1, 3, 101,
    110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 3, 1, 16, 3, 2, 1, 0, 7, 8, 1,
    4, 108, 111, 97, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2, 0, 11,
  ];
  const module = new WebAssembly.Module(new Uint8Array(bytes));
  const memory = new LocalSharedMemory(4);
  const ptr = memory.malloc(4);
  memory.setInt32(ptr, -7);
  const clone = LocalSharedMemory.from(structuredClone(memory));
  for (const env of [{ memory }, { memory: clone }]) {
    assert.equal(
      new WebAssembly.Instance(module, { env }).exports.load(ptr),
      -7,
    );
  }
});

test("from refuses what holds no heap, each in its way", () => {
  fails(
    () => LocalSharedMemory.from({}),
    TypeError,
    "INVALID",
    /a WebAssembly.Memory or a handle/,
  );
  fails(() => LocalSharedMemory.from(undefined), TypeError, "INVALID");
  fails(() => LocalSharedMemory.from(new ArrayBuffer(8)), TypeError, "INVALID");
  const shared = { initial: 2, maximum: 2, shared: true };
  const empty = new WebAssembly.Memory(shared);
  fails(() => LocalSharedMemory.from(empty), RangeError, "NO_HEAP");
  const none = new WebAssembly.Memory({ initial: 0, maximum: 0, shared: true });
  fails(() => LocalSharedMemory.from(none), RangeError, "NO_HEAP");
  fails(
    () => LocalSharedMemory.from(new WebAssembly.Memory({ initial: 1 })),
    TypeError,
    "INVALID",
  );

  const image = new Uint8Array(new LocalSharedMemory(2).image());
  const copy = (change) => {
    const memory = new WebAssembly.Memory(shared);
    const bytes = new Uint8Array(memory.buffer);
    bytes.set(image);
    change(bytes);
    const before = bytes.slice();
    return () => {
      try {
        return LocalSharedMemory.from(memory);
      } finally {
        assert.deepEqual(bytes.slice(), before, "nothing written");
      }
    };
  };
  fails(
    copy((bytes) => {
      bytes[64] ^= 1;
    }),
    RangeError,
    "NO_HEAP",
  );
  fails(
    copy((bytes) => {
      bytes[72] ^= 1;
    }),
    RangeError,
    "VERSION",
  );
  fails(
    copy((bytes) => {
      bytes[76] ^= 1;
    }),
    RangeError,
    "SIGNATURE",
  );
  fails(
    copy((bytes) => {
      bytes[80] = 77;
    }),
    RangeError,
    "CORRUPT",
  );
  const half = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  new Uint8Array(half.buffer).set(image.subarray(0, page));
  fails(() => LocalSharedMemory.from(half), RangeError, "TRUNCATED");
});

test("a refusal says what was expected and what came", sharing, () => {
  const memory = new LocalSharedMemory(2);
  const image = new Uint8Array(memory.image());
  image[72] = 77;
  const wanted = new DataView(memory.image()).getUint32(72, true);
  const version = new RegExp(`version .expected ${wanted}, found 77`);
  fails(() => LocalSharedMemory.open(image), RangeError, "VERSION", version);
  const clone = structuredClone(memory);
  fails(
    () => LocalSharedMemory.from(clone, { heapBase: 4096 }),
    RangeError,
    "NO_HEAP",
    /expected one at 4096/,
  );
  fails(
    () => LocalSharedMemory.from(clone, { thread: 77777 }),
    RangeError,
    "THREAD_GONE",
    /thread 77777/,
  );
});

test("options that are none", sharing, async () => {
  const memory = new LocalSharedMemory(2);
  const image = memory.image();
  const thread = memory.reserveThread();
  const empty = new WebAssembly.Memory({
    initial: 2,
    maximum: 2,
    shared: true,
  });
  for (const options of [null, 4096, "free", true]) {
    const uses = {
      from: () => LocalSharedMemory.from(structuredClone(memory), options),
      init: () => LocalSharedMemory.init(empty, options),
      open: () => LocalSharedMemory.open(image, options),
      reap: () => memory.reap(thread, options),
    };
    for (const [name, use] of Object.entries(uses)) {
      const text = new RegExp(`${name}: expected options, an object, not`);
      fails(use, TypeError, "INVALID", text);
    }
    await assert.rejects(memory.watch({ once() {} }, thread, options), {
      code: "ERR_LSHM_INVALID",
    });
  }
  assert.ok(new Uint8Array(empty.buffer).every((byte) => byte === 0));
  assert.deepEqual(memory.threads(), [memory.thread]);
});

test("frozen arguments", sharing, () => {
  const options = Object.freeze({ initial: 2, maximum: 3 });
  const memory = new LocalSharedMemory(options);
  const handle = Object.freeze(structuredClone(memory.handle()));
  assert.equal(LocalSharedMemory.from(handle), handle.memory);
  const list = memory.Uint8Array(Object.freeze([1, 2]));
  assert.deepEqual([...list], [1, 2]);
  // A memory must take a property to become a LocalSharedMemory.
  const clone = Object.freeze(structuredClone(memory));
  const threads = memory.threads();
  fails(() => LocalSharedMemory.from(clone), TypeError, "INVALID", /frozen/);
  assert.deepEqual(memory.threads(), threads);
  const empty = Object.freeze(
    new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true }),
  );
  fails(() => LocalSharedMemory.init(empty), TypeError, "INVALID", /frozen/);
  assert.ok(new Uint8Array(empty.buffer).every((byte) => byte === 0));
  // One that is a LocalSharedMemory already may be frozen.
  Object.freeze(memory);
  memory.free(memory.malloc(90000));
  memory.detach();
  assert.equal(LocalSharedMemory.from(memory), memory);
  memory.free(list.byteOffset);
  assert.deepEqual(settled(memory), []);
});

test("a copy of the package with another layout is refused", sharing, () => {
  const memory = structuredClone(new LocalSharedMemory(2));
  memory[Symbol.for("LocalSharedMemory.0")] = {};
  fails(() => LocalSharedMemory.from(memory), RangeError, "OTHER_COPY");
});

test("init makes a heap in an existing memory", () => {
  const memory = new WebAssembly.Memory({
    initial: 4,
    maximum: 6,
    shared: true,
  });
  new Uint8Array(memory.buffer).fill(7, 0, 1000);
  fails(
    () => LocalSharedMemory.init(memory),
    RangeError,
    "INVALID",
    /found data at 0/,
  );
  assert.equal(
    LocalSharedMemory.init(memory, { heapBase: 1024, maximum: 6 }),
    memory,
  );
  const ptr = memory.malloc(100);
  assert.ok(ptr > 4096);
  assert.deepEqual(
    [...new Uint8Array(memory.buffer, 0, 1000)],
    Array(1000).fill(7),
  );
  assert.equal(memory.stats().maximum, 6 * page - 4096);
  fails(
    () => LocalSharedMemory.init(memory, { heapBase: 1024 }),
    RangeError,
    "HEAP_EXISTS",
  );
  fails(() => LocalSharedMemory.init(5), TypeError, "INVALID");
  fails(
    () => LocalSharedMemory.init(memory, { heapBase: 3 }),
    RangeError,
    "INVALID",
  );
  const plain = new WebAssembly.Memory({ initial: 1, maximum: 2 });
  assert.ok(LocalSharedMemory.init(plain).malloc(10) > 0);
});

test("heapBase: nothing below is touched, and from needs it", sharing, () => {
  const heapBase = 70016;
  const memory = new LocalSharedMemory({ initial: 4, maximum: 8, heapBase });
  const below = new Uint8Array(memory.buffer, 0, heapBase);
  below.fill(0xa5);
  const list = [];
  for (let size = 1; size < 4000; size += 37) list.push(memory.malloc(size));
  assert.ok(list.every((ptr) => ptr > heapBase && ptr % 16 === 0));
  for (const align of [4096, 8192, 65536]) {
    assert.equal(memory.malloc(10, align) % align, 0);
  }
  for (const ptr of list) memory.free(ptr);
  fails(() => memory.free(heapBase), RangeError, "OUTSIDE");
  fails(() => memory.free(4096), RangeError, "OUTSIDE");
  assert.ok(below.every((byte) => byte === 0xa5));
  fails(
    () => LocalSharedMemory.from(structuredClone(memory)),
    RangeError,
    "NO_HEAP",
  );
  const other = LocalSharedMemory.from(structuredClone(memory), { heapBase });
  const ptr = other.malloc(9);
  memory.setRoot(3, ptr);
  assert.equal(other.getRoot(3), ptr);
  other.setName("here", ptr);
  assert.equal(memory.getName("here"), ptr);
  assert.ok(memory.allocs().some((block) => block.byteOffset === ptr));
  fails(
    () => LocalSharedMemory.from(other, { heapBase: 0 }),
    RangeError,
    "INVALID",
  );
  settled(memory);
});

test("handle: one thing to post", threads, async () => {
  const memory = new LocalSharedMemory({ initial: 4, heapBase: 128 });
  const handle = memory.handle();
  assert.equal(handle.memory, memory);
  assert.equal(handle.heapBase, 128);
  assert.ok(!memory.threads().includes(handle.thread));
  const worker = start((LocalSharedMemory, handle, port) => {
    const memory = LocalSharedMemory.from(handle);
    port.postMessage([memory.thread, memory.string("hello"), memory.threads()]);
  }, handle);
  const [thread, ptr, threads] = await message(worker);
  assert.equal(thread, handle.thread);
  assert.ok(threads.includes(thread));
  assert.equal(memory.getString(ptr), "hello");
  await worker.ended;
  assert.deepEqual(memory.threads(), [memory.thread]);
  fails(() => memory.reap(handle.thread), RangeError, "THREAD_GONE");
});

test("detach, and coming back", () => {
  const memory = new LocalSharedMemory(4);
  const ptr = memory.malloc(16);
  const view = memory.arrayView(Uint8Array, ptr);
  const { thread } = memory;
  memory.detach();
  memory.detach();
  for (const use of [
    () => memory.malloc(1),
    () => memory.tryMalloc(1),
    () => memory.calloc(1, 1),
    () => memory.realloc(ptr, 1),
    () => memory.free(ptr),
    () => memory.allocs(),
    () => memory.stats(),
    () => memory.check(),
    () => memory.sizeof(ptr),
    () => memory.getRoot(0),
    () => memory.threads(),
    () => memory.thread,
    () => memory.imports,
    () => memory.image(),
    () => memory.Uint8Array(4),
  ]) {
    fails(use, RangeError, "DETACHED");
  }
  for (const name of ["allocs", "blocks", "stats", "handle", "trim", "string"])
    fails(() => memory[name]("x"), RangeError, "DETACHED", RegExp(`${name}:`));
  view[0] = 5;
  assert.equal(memory.getUint8(ptr), 5);
  assert.equal(LocalSharedMemory.from(memory), memory);
  assert.notEqual(memory.thread, thread);
  memory.free(ptr);
  memory[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();
  fails(() => memory.malloc(1), RangeError, "DETACHED");
});

test("unshared: growth detaches views, and the accessors follow", () => {
  const memory = new LocalSharedMemory(1, 20, false);
  const ptr = memory.malloc(8);
  memory.setInt32(ptr, 77);
  memory.store(Int32Array, memory.index(Int32Array, ptr + 4), 88);
  const old = memory.arrayView(Uint8Array, ptr);
  memory.malloc(page);
  assert.equal(old.length, 0);
  assert.equal(memory.getInt32(ptr), 77);
  assert.equal(memory.load(Int32Array, memory.index(Int32Array, ptr + 4)), 88);
  memory.grow(0);
  assert.equal(memory.getInt32(ptr), 77);
  assert.equal(memory.load(Int32Array, memory.index(Int32Array, ptr + 4)), 88);
  settled(memory);
});

test("unshared: no thread can have a clone", sharing, () => {
  const memory = new LocalSharedMemory(2, 2, false);
  assert.throws(() => structuredClone(memory), { name: "DataCloneError" });
});

test("unshared: making and leaving, as the shared form", () => {
  const heapBase = 2 * page;
  const memory = new LocalSharedMemory({
    initial: 3,
    maximum: 40,
    shared: false,
    heapBase,
  });
  assert.ok(memory instanceof WebAssembly.Memory);
  new Uint8Array(memory.buffer, 0, heapBase).fill(0xa5);
  const { env } = memory.imports;
  assert.equal(env.memory, memory);
  const ptr = env.malloc(20 * page); // grows
  assert.ok(ptr > heapBase);
  memory.setUint8(ptr + 20 * page - 1, 7);
  memory.setRoot(0, ptr);

  const handle = memory.handle();
  assert.deepEqual([handle.memory, handle.heapBase], [memory, heapBase]);
  assert.equal(LocalSharedMemory.from(handle), memory);
  assert.equal(memory.reap(handle.thread, { force: true }).blocks, 0);

  const { thread } = memory;
  memory.detach();
  fails(() => memory.malloc(1), RangeError, "DETACHED");
  assert.equal(env.malloc(1), 0);
  assert.equal(LocalSharedMemory.from(memory, { heapBase }), memory);
  assert.notEqual(memory.thread, thread);

  const options = { shared: false, heapBase: 4096 };
  const opened = LocalSharedMemory.open(memory.image(), options);
  assert.ok(opened.buffer instanceof ArrayBuffer);
  assert.equal(opened.getUint8(opened.getRoot(0) + 20 * page - 1), 7);
  memory.free(ptr);
  assert.deepEqual(settled(memory), []);
  const below = new Uint8Array(memory.buffer, 0, heapBase);
  assert.ok(below.every((byte) => byte === 0xa5));

  const empty = new WebAssembly.Memory({ initial: 2, maximum: 4 });
  assert.equal(LocalSharedMemory.init(empty, { heapBase: 4096 }), empty);
  fails(() => LocalSharedMemory.init(empty), RangeError, "INVALID");
  empty[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();
  fails(() => empty.malloc(1), RangeError, "DETACHED");
});

test("growth refused by the host is out of memory, and nothing is torn", () => {
  for (const shared of [true, false]) {
    // The heap may grow to 100 pages, the memory only to 6.
    const memory = LocalSharedMemory.init(
      new WebAssembly.Memory({ initial: 2, maximum: 6, shared }),
      { maximum: 100 },
    );
    for (const size of [40, 5000, 100000]) {
      const list = [];
      for (let ptr; (ptr = memory.tryMalloc(size)) !== 0;) list.push(ptr);
      assert.equal(settled(memory).length, list.length);
      fails(() => memory.malloc(9 * page), RangeError, "NOMEM", /asked for/);
      assert.equal(memory.tryMalloc(size), 0);
      const last = list.pop();
      memory.free(last);
      assert.equal(memory.malloc(size), last, "what is freed serves again");
      memory.free(last);
      for (const ptr of list) memory.free(ptr);
      assert.deepEqual(settled(memory), []);
    }
    assert.equal(memory.buffer.byteLength, 6 * page);
    assert.throws(() => memory.grow(1), RangeError);
    const { largestFree } = memory.stats();
    assert.ok(largestFree >= 0.45 * 6 * page, `${largestFree}`);
    memory.free(memory.malloc(largestFree));
  }
});

test("grow: as WebAssembly.Memory, and the heap uses the pages", () => {
  const memory = new LocalSharedMemory(2, 10);
  assert.equal(memory.grow(3), 2);
  assert.equal(memory.stats().committed, 5 * page);
  assert.throws(() => memory.grow(6), RangeError);
  assert.equal(memory.buffer.byteLength, 5 * page);
  memory.malloc(2.5 * page);
  assert.equal(memory.buffer.byteLength, 5 * page);
});

test("after everything was freed", () => {
  const still = new LocalSharedMemory();
  const grown = new LocalSharedMemory(1, 1000);
  for (const memory of [still, grown]) {
    const list = [];
    for (let ptr; (ptr = memory.tryMalloc(1000 + (list.length % 3) * 7000));)
      list.push(ptr);
    assert.ok(list.length > 500);
    for (const ptr of list) memory.free(ptr);
    const { largestFree, committed } = memory.stats();
    const whole = largest(memory);
    assert.ok(whole >= largestFree, `${whole} of ${largestFree}`);
    assert.ok(
      whole >= (memory === still ? 0.99 : 0.45) * committed,
      `${whole} of ${committed}`,
    );
    memory.free(memory.malloc(largestFree));
    settled(memory);
  }
});

test("one malloc can have 45 % of a heap at every step of its growth", () => {
  const memory = new LocalSharedMemory(1, 1000);
  for (let pages = 2; pages <= 600; pages++) {
    memory.grow(1);
    const ptr = memory.malloc(Math.ceil(0.45 * pages * page));
    assert.equal(memory.buffer.byteLength, pages * page);
    memory.free(ptr);
  }
  settled(memory);
});
