// Platforms: what is missing or forbidden elsewhere, played by contexts of their
// own, and the shape of the module itself.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { fails, LocalSharedMemory, moduleUrl, seeded } from "./support.js";

const source = readFileSync(fileURLToPath(moduleUrl), "utf8");

/** The module's source as a script whose value is the class. */
const script = `(() => {${source
  .replace("export class", "class")
  .replace(/export default (\w+);/, "return $1;")}})()`;

/** The class as a context of its own makes it, after `setup` ran there. */
function load(setup = "", globals = {}, options = {}) {
  const context = createContext(globals, options);
  runInContext(setup, context);
  return { context, Class: runInContext(script, context) };
}

const noWasm = (error) =>
  error.code === "ERR_LSHM_NO_WASM" &&
  /missing or forbidden/.test(error.message);

test("WebAssembly missing: importing works, the constructor throws", () => {
  const { Class } = load("delete globalThis.WebAssembly");
  assert.throws(() => new Class(), noWasm);
  assert.throws(() => new Class({ initial: 4 }), noWasm);
  assert.throws(() => Class.from({}), noWasm);
  assert.throws(() => Class.init({}), noWasm);
  assert.throws(() => Class.open(new ArrayBuffer(70000)), noWasm);
});

test("WebAssembly forbidden by a policy", () => {
  const { Class } = load("", {}, { codeGeneration: { wasm: false } });
  assert.throws(
    () => new Class(4),
    (error) => noWasm(error) && error.cause !== undefined,
  );
});

test("WebAssembly forbidden later: what works goes on, and no slot is lost", () => {
  const memory = new LocalSharedMemory(4);
  const { Class, context } = load("");
  const heap = Class.from(structuredClone(memory));
  runInContext(
    `const { Module } = WebAssembly;
    WebAssembly.Module = () => { throw new WebAssembly.CompileError("no"); };`,
    context,
  );
  for (let i = 0; i < 5; i++) {
    assert.throws(() => heap.check(), noWasm);
    heap.free(heap.malloc(100));
  }
  assert.equal(memory.threads().length, 2);
  runInContext("WebAssembly.Module = Module", context);
  assert.equal(heap.check().blocks, 0);
  heap.detach();
});

test("an AudioWorklet: no atob, no TextDecoder, no timers, no crypto", () => {
  const { Class, context } = load("");
  const names = [
    "self",
    "atob",
    "TextDecoder",
    "TextEncoder",
    "performance",
    "setTimeout",
    "URL",
    "crypto",
    "process",
    "navigator",
  ];
  for (const name of names)
    assert.equal(runInContext(`typeof ${name}`, context), "undefined", name);
  const memory = new Class(4);
  const ptr = memory.string("Grüße, 世界 🌍");
  assert.equal(memory.getString(ptr), "Grüße, 世界 🌍");
  memory.free(ptr);
  memory.setName("name", 1000);
  assert.equal(memory.check().blocks, 0);
  assert.equal(memory.stats().blocks, 0);
  memory.detach();
});

test("UTF-8 without the platform's: as TextEncoder and TextDecoder", (t) => {
  const rng = seeded(t);
  const { Class } = load("");
  const memory = new Class(4);
  const ptr = memory.malloc(400);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for (let i = 0; i < 20000; i++) {
    const length = rng.below(12);
    const lead = rng.below(3);
    const bytes = Uint8Array.from({ length }, () =>
      rng.pick([
        rng.below(256),
        0x80 + rng.below(64),
        0xe0 + rng.below(32),
        [0xf4, 0xed, 0xef][lead],
      ]),
    );
    memory.arrayView(Uint8Array, ptr, length).set(bytes);
    assert.equal(
      memory.getString(ptr, length),
      decoder.decode(bytes),
      Buffer.from(bytes).toString("hex"),
    );
    const units = Array.from({ length }, () =>
      rng.pick([rng.below(65536), 0xd800 + rng.below(2048), rng.below(128)]),
    );
    const text = String.fromCharCode(...units);
    const written = memory.setString(ptr, text, 400);
    assert.deepEqual(
      [...memory.arrayView(Uint8Array, ptr, written)],
      [...new TextEncoder().encode(text)],
    );
  }
});

test("pages that aren't isolated have no name for SharedArrayBuffer", () => {
  const { Class, context } = load("delete globalThis.SharedArrayBuffer");
  assert.equal(runInContext("typeof SharedArrayBuffer", context), "undefined");
  const memory = new Class(4);
  const ptr = memory.malloc(10);
  memory.setUint8(ptr, 7);
  const copy = memory.sharedArrayBuffer(ptr);
  assert.equal(
    Object.prototype.toString.call(copy),
    "[object SharedArrayBuffer]",
  );
  assert.equal(new Uint8Array(copy)[0], 7);
  const own = new Class(1, 1, false);
  assert.equal(own.sharedArrayBuffer(own.malloc(5)).byteLength, 5);
});

/** An engine that shows a thread no growth by others until it grows itself. */
const late = `
  const proto = WebAssembly.Memory.prototype;
  const { get } = Object.getOwnPropertyDescriptor(proto, "buffer");
  const { grow } = proto;
  const seen = new WeakMap();
  Object.defineProperty(proto, "buffer", {
    get() {
      if (!seen.has(this)) seen.set(this, get.call(this));
      return seen.get(this);
    },
  });
  proto.grow = function (pages) {
    seen.delete(this);
    return grow.call(this, pages);
  };`;

/** Ways to a byte of a block, or of another place in the memory. */
const looks = {
  buffer: (memory, ptr) => new Uint8Array(memory.buffer)[ptr],
  arrayView: (memory, ptr) => memory.arrayView(Uint8Array, ptr, 1)[0],
  dataView: (memory, ptr) => memory.dataView(ptr, 1).getUint8(0),
  arrayBuffer: (memory, ptr) => new Uint8Array(memory.arrayBuffer(ptr, 1))[0],
  getUint8: (memory, ptr) => memory.getUint8(ptr),
  load: (memory, ptr) => memory.load(Uint8Array, memory.index(Uint8Array, ptr)),
  getString: (memory, ptr) => memory.getString(ptr, 1).charCodeAt(0),
  setUint8: (memory, ptr) => memory.setUint8(ptr, 66) ?? 65,
  memset: (memory, ptr) => memory.memset(ptr, 66, 1) && 65,
};

for (const [name, look] of Object.entries(looks)) {
  test(`growth by another thread, told of late: ${name}`, () => {
    const memory = new LocalSharedMemory({ initial: 2, maximum: 100 });
    const { Class } = load(late);
    const other = Class.from(structuredClone(memory));
    look(other, 64);
    const size = memory.buffer.byteLength;
    const ptr = memory.malloc(size);
    memory.setUint8(ptr + size - 1, 65);
    assert.equal(look(other, ptr + size - 1), 65);
    if (name === "buffer") return;
    // And of what the heap has not been told either.
    const pages = WebAssembly.Memory.prototype.grow.call(memory, 1);
    memory.setUint8(pages * 65536, 65);
    assert.equal(look(other, pages * 65536), 65);
    assert.throws(() => look(other, (pages + 1) * 65536 + 1), {
      code: "ERR_LSHM_OUTSIDE",
    });
  });
}

test("two copies of one layout share a memory", () => {
  const { Class } = load("");
  const memory = new LocalSharedMemory(4);
  const ptr = memory.malloc(10);
  const { thread } = memory;
  const other = Class.from(memory);
  assert.equal(other, memory);
  assert.equal(other.thread, thread);
  assert.equal(other.sizeof(ptr), 10);
  assert.equal(LocalSharedMemory.from(other), memory);
  assert.ok(memory instanceof LocalSharedMemory);
  memory.free(ptr);
  memory.check();
});

/** A browser's Web Locks, for several agents in one process. */
function fakeLocks() {
  const queues = new Map();
  const next = (name) => {
    const queue = queues.get(name);
    if (queue.length === 0) return;
    const { callback, settle, agent } = queue[0];
    const done = () => {
      const i = queue.findIndex((entry) => entry.settle === settle);
      if (i < 0) return;
      queue.splice(i, 1);
      if (i === 0) next(name);
    };
    queue[0].held = true;
    if (agent.dead) return done();
    Promise.resolve(callback({ name })).then((value) => {
      done();
      settle(value);
    });
  };
  const manager = (agent) => ({
    request(name, callback) {
      return new Promise((settle) => {
        if (!queues.has(name)) queues.set(name, []);
        const queue = queues.get(name);
        queue.push({ callback, settle, agent });
        if (queue.length === 1) queueMicrotask(() => next(name));
      });
    },
  });
  const kill = (agent) => {
    agent.dead = true;
    for (const [name, queue] of queues) {
      const held = queue[0]?.held && queue[0].agent === agent;
      for (let i = queue.length - 1; i >= 0; i--)
        if (queue[i].agent === agent) queue.splice(i, 1);
      if (held) next(name);
    }
  };
  return { manager, kill };
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test("browsers: a Web Lock proves a worker's death, once it was held", async () => {
  const locks = fakeLocks();
  const agents = [{}, {}];
  const [page, worker] = agents.map(
    (agent) =>
      load("", { navigator: { locks: locks.manager(agent) }, setTimeout })
        .Class,
  );
  const memory = new page(4);
  const { thread } = memory.handle();
  const web = { addEventListener() {} };
  let result;
  const watched = memory.watch(web, thread).then((left) => {
    result = left;
  });
  await pause(50);
  assert.equal(
    result,
    undefined,
    "a number that is only reserved proves nothing",
  );
  const clone = worker.from(structuredClone(memory), { thread });
  const ptr = clone.malloc(100);
  await pause(500);
  assert.equal(result, undefined, "the worker lives");
  locks.kill(agents[1]);
  await watched;
  assert.deepEqual(
    { ...result },
    { thread, blocks: 1, bytes: memory.lengthof(ptr) },
  );
  assert.deepEqual([...memory.threads()], [memory.thread]);

  const leaves = worker.from(structuredClone(memory));
  agents[1].dead = false;
  const gone = memory.watch(web, leaves.thread);
  await pause(10);
  leaves.detach();
  assert.equal((await gone).blocks, 0);
  memory.detach();
});

test("Deno: no proof, so watch is rejected and reap needs force", async () => {
  const { Class } = load("globalThis.Deno = {}");
  const memory = new Class(4);
  const { thread } = memory.handle();
  const worker = { addEventListener() {}, once() {} };
  await assert.rejects(memory.watch(worker, thread), {
    code: "ERR_LSHM_THREAD_UNKNOWN",
  });
  assert.throws(() => memory.reap(thread), { code: "ERR_LSHM_THREAD_UNKNOWN" });
  assert.equal(memory.reap(thread, { force: true }).blocks, 0);
});

test("Bun: the close of a web Worker", async () => {
  const { Class } = load("globalThis.Bun = {}");
  const memory = new Class(4);
  const { thread } = memory.handle();
  let close;
  const worker = {
    addEventListener: (name, listener) => {
      if (name === "close") close = listener;
    },
  };
  const watched = memory.watch(worker, thread);
  await pause(1);
  close();
  assert.equal((await watched).thread, thread);
});

test("importing and using it prints nothing and keeps nothing alive", () => {
  const program = `
    const { LocalSharedMemory } = await import(${JSON.stringify(moduleUrl)});
    const memory = new LocalSharedMemory();
    for (let i = 0; i < 50; i++) new LocalSharedMemory(2).malloc(5);
    try { memory.malloc(1e9) } catch {}
    try { memory.free(12345) } catch {}
    memory.trim();`;
  const result = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", program],
    { encoding: "utf8", timeout: 60000 },
  );
  assert.deepEqual([result.status, result.stdout, result.stderr], [0, "", ""]);
});

test("heaps that nobody holds are collected", () => {
  const program = `
    const { LocalSharedMemory } = await import(${JSON.stringify(moduleUrl)});
    let collected = 0;
    const registry = new FinalizationRegistry(() => { collected++; });
    for (let i = 0; i < 40; i++) registry.register(new LocalSharedMemory(2), 0);
    for (let i = 0; i < 50 && collected < 30; i++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (collected < 30) throw new Error("only " + collected);`;
  const result = spawnSync(
    process.execPath,
    ["--expose-gc", "--input-type=module", "--eval", program],
    { encoding: "utf8", timeout: 60000 },
  );
  assert.equal(result.status, 0, result.stderr);
});

test("the class has a name, a version, and both exports", async () => {
  const module = await import(moduleUrl);
  assert.equal(module.default, module.LocalSharedMemory);
  assert.equal(module.default.name, "LocalSharedMemory");
  assert.match(module.default.version, /^\d+\.\d+\.\d+/);
  assert.deepEqual(Object.keys(module), ["LocalSharedMemory", "default"]);
});

test("state is keyed by the layout's version, as the heap says it", () => {
  const memory = new LocalSharedMemory(2);
  const version = new DataView(memory.image()).getUint32(72, true);
  assert.ok(
    Object.getOwnPropertySymbols(memory).includes(
      Symbol.for(`LocalSharedMemory.${version}`),
    ),
  );
  assert.deepEqual(Object.keys(memory), []);
});

test("imports: C's functions", () => {
  const memory = new LocalSharedMemory({ initial: 4, heapBase: 8192 });
  const { env } = memory.imports;
  assert.equal(env.memory, memory);
  const {
    malloc,
    free,
    calloc,
    realloc,
    aligned_alloc,
    posix_memalign,
    malloc_usable_size,
  } = env;
  for (const f of [
    malloc,
    free,
    calloc,
    realloc,
    aligned_alloc,
    posix_memalign,
    malloc_usable_size,
  ]) {
    assert.equal(typeof f, "function");
  }
  const a = malloc(100);
  assert.equal(memory.sizeof(a), 100);
  assert.equal(malloc_usable_size(a), 100);
  assert.equal(malloc_usable_size(0), 0);
  memory.memset(a, 5, 100);
  const b = realloc(a, 5000);
  assert.deepEqual(
    new Uint8Array(memory.arrayBuffer(b, 100)),
    new Uint8Array(100).fill(5),
  );
  memory.memset(b, 255, 5000);
  free(b);
  const c = calloc(10, 500);
  assert.ok(new Uint8Array(memory.arrayBuffer(c)).every((x) => x === 0));
  const d = aligned_alloc(4096, 10);
  assert.equal(d % 4096, 0);
  assert.equal(aligned_alloc(3, 10), 0);
  const out = memory.malloc(4);
  assert.equal(posix_memalign(out, 256, 10), 0);
  const e = memory.getUint32(out);
  assert.equal(e % 256, 0);
  assert.notEqual(posix_memalign(out, 3, 10), 0);
  assert.equal(malloc(2 ** 31) >>> 0, 0);
  assert.equal(calloc(2 ** 20, 2 ** 20), 0);
  assert.equal(realloc(c, 2 ** 31), 0);
  assert.notEqual(posix_memalign(out, 256, 2 ** 31), 0);
  free(0);
  for (const ptr of [realloc(0, 10), malloc(0), c, d, e, out]) free(ptr);
  for (const wrong of [c, 100, 8192, 8192 + 16, 2 ** 32 - 16]) {
    assert.throws(() => free(wrong), WebAssembly.RuntimeError);
    assert.throws(() => realloc(wrong, 10), WebAssembly.RuntimeError);
  }
  assert.equal(memory.check().blocks, 0);
  fails(() => memory.free(c), RangeError, "FREED");
  memory.detach();
  assert.equal(malloc(10), 0, "not attached any more");
});
