// Threads: real workers over one heap, their death, roots and names.
// kills.test.js has the storms in which they are killed.

import assert from "node:assert/strict";
import {
  brief,
  fails,
  LocalSharedMemory,
  long,
  message,
  seed,
  settled,
  sharing,
  start,
  test,
  threads,
} from "./support.js";
import { empty, raise } from "./storm.js";

const page = 65536;
const proof = { needs: ["threads", "proof"] };
const exits = { needs: ["threads", "proof", "exit event"] };

/** All workers' ends, or the first one's error. */
const ended = (workers) => Promise.all(workers.map((worker) => worker.ended));

test("four workers allocate, hand over and free", threads, async (t) => {
  t.diagnostic(`LSHM_SEED=${seed}`);
  const total = long ? 20e6 : brief ? 0.2e6 : 0.8e6;
  for (const options of [{ initial: 400 }, { initial: 2, maximum: 3000 }]) {
    const memory = new LocalSharedMemory(options);
    const up = await raise(memory, 4, total / 4);
    const results = await Promise.all(up.workers.map(message));
    await ended(up.workers);
    empty(memory, up);
    const sum = (name) => results.reduce((n, result) => n + result[name], 0);
    assert.ok(sum("mallocs") + sum("frees") >= total);
    t.diagnostic(
      `${sum("mallocs")} mallocs, ${sum("frees")} frees, ${sum("remote")} remote, ${sum("full")} times full`,
    );
    assert.ok(
      sum("remote") > 0.3 * sum("frees"),
      "at least 30 % of the frees are remote",
    );
    assert.deepEqual(settled(memory), []);
    assert.deepEqual(
      memory.threads(),
      [memory.thread],
      "all workers have left",
    );
    memory.free(memory.malloc(Math.floor(0.45 * memory.buffer.byteLength)));
  }
});

test("a worker killed while nobody watches", threads, async () => {
  const memory = new LocalSharedMemory(100);
  const mine = memory.malloc(1000);
  const worker = start((LocalSharedMemory, handle, port) => {
    const memory = LocalSharedMemory.from(handle);
    for (let i = 0; i < 1000; i++) memory.malloc(i);
    port.postMessage(0);
    port.stay();
  }, memory.handle());
  await message(worker);
  const thread = memory.threads().find((t) => t !== memory.thread);
  assert.equal(
    memory.stats().byThread.find((x) => x.thread === thread).blocks,
    1000,
  );
  fails(() => memory.reap(thread), RangeError, "THREAD_UNKNOWN");
  assert.equal(memory.allocs().length, 1001);
  await worker.terminate();
  const freed = memory.reap(thread, { free: true, force: true });
  assert.equal(freed.blocks, 1000);
  assert.ok(freed.bytes > 499500);
  assert.deepEqual(
    settled(memory).map((x) => x.byteOffset),
    [mine],
  );
  fails(() => memory.reap(thread, { force: true }), RangeError, "THREAD_GONE");
  fails(() => memory.reap(thread), RangeError, "THREAD_GONE");
});

test("reap keeps the blocks unless asked", proof, async () => {
  const memory = new LocalSharedMemory(100);
  const worker = start(async (LocalSharedMemory, handle, port) => {
    const memory = LocalSharedMemory.from(handle);
    await port.provable(memory);
    port.postMessage(memory.string("left behind"));
    port.stay();
  }, memory.handle());
  const ptr = await message(worker);
  const thread = memory.threads().find((t) => t !== memory.thread);
  const watched = memory.watch(worker, thread);
  await worker.terminate();
  const left = await watched;
  assert.deepEqual([left.blocks, left.bytes], [1, memory.lengthof(ptr)]);
  assert.equal(memory.getString(ptr), "left behind");
  assert.equal(memory.allocs()[0].thread, thread);
  memory.free(ptr);
  settled(memory);
});

test("watch: free, and a worker that leaves", proof, async () => {
  const memory = new LocalSharedMemory(10);
  const allocate = async (LocalSharedMemory, handle, port) => {
    const memory = LocalSharedMemory.from(handle);
    await port.provable(memory);
    memory.malloc(100);
    memory.malloc(5000);
    port.postMessage(0);
    if (handle.stay) port.stay();
  };
  const stays = memory.handle();
  const first = start(allocate, { ...stays, stay: true });
  await message(first);
  const watched = memory.watch(first, stays.thread, { free: true });
  first.terminate();
  assert.equal((await watched).blocks, 2);
  assert.equal(memory.allocs().length, 0);

  const leaves = memory.handle();
  const second = start(allocate, leaves);
  assert.deepEqual(await memory.watch(second, leaves.thread), {
    thread: leaves.thread,
    blocks: 0,
    bytes: 0,
  });
  assert.equal(
    memory.allocs().length,
    2,
    "blocks outlive the worker that leaves",
  );
  settled(memory);
});

test("watch: a worker that never came, and one long dead", exits, async () => {
  const memory = new LocalSharedMemory(10);
  const never = memory.handle();
  const third = start(() => {}, null);
  assert.equal((await memory.watch(third, never.thread)).blocks, 0);
  fails(
    () =>
      LocalSharedMemory.from(structuredClone(memory), { thread: never.thread }),
    RangeError,
    "THREAD_GONE",
  );
  assert.equal(third.threadId, -1);
  const again = memory.handle();
  assert.equal((await memory.watch(third, again.thread)).thread, again.thread);
  assert.deepEqual(memory.threads(), [memory.thread]);

  await assert.rejects(memory.watch({}, 1), { code: "ERR_LSHM_INVALID" });
  await assert.rejects(memory.watch(null, 1), TypeError);
  await assert.rejects(memory.watch(third, "1"), TypeError);
  settled(memory);
});

test("reap refuses wrong numbers", sharing, () => {
  const memory = new LocalSharedMemory(4);
  fails(
    () => memory.reap(memory.thread, { force: true }),
    RangeError,
    "INVALID",
    /the one that calls/,
  );
  for (const thread of [0, -1, 1.5, 2 ** 32, 12345678, memory.thread + 256]) {
    fails(
      () => memory.reap(thread, { force: true }),
      RangeError,
      "THREAD_GONE",
    );
  }
  for (const thread of ["1", null, undefined, 1n])
    fails(() => memory.reap(thread), TypeError, "INVALID");
  const other = LocalSharedMemory.from(structuredClone(memory));
  fails(() => memory.reap(other.thread), RangeError, "THREAD_UNKNOWN");
  other.malloc(5);
  memory.reap(other.thread, { force: true });
  // It was forced: the one that was reaped alive finds out.
  fails(() => other.malloc(5), RangeError, "DETACHED");
  assert.equal(LocalSharedMemory.from(other), other);
  other.free(other.malloc(5));
  settled(memory);
});

test("reserveThread", sharing, () => {
  const memory = new LocalSharedMemory(4);
  const thread = memory.reserveThread();
  assert.deepEqual(memory.threads(), [memory.thread]);
  const clone = LocalSharedMemory.from(structuredClone(memory), { thread });
  assert.equal(clone.thread, thread);
  fails(
    () => LocalSharedMemory.from(structuredClone(memory), { thread }),
    RangeError,
    "THREAD_GONE",
  );
  fails(
    () => LocalSharedMemory.from(structuredClone(memory), { thread: "1" }),
    TypeError,
    "INVALID",
  );
  fails(
    () => LocalSharedMemory.from(structuredClone(memory), { thread: 0.5 }),
    RangeError,
    "THREAD_GONE",
  );
  // What the reserver leaves reserved goes with it.
  const own = clone.reserveThread();
  memory.reap(thread, { force: true });
  fails(
    () => LocalSharedMemory.from(structuredClone(memory), { thread: own }),
    RangeError,
    "THREAD_GONE",
  );
});

test("255 threads at once, then a clear error", sharing, () => {
  const memory = new LocalSharedMemory(100);
  const list = [memory];
  while (list.length < 255)
    list.push(LocalSharedMemory.from(structuredClone(memory)));
  fails(
    () => LocalSharedMemory.from(structuredClone(memory)),
    RangeError,
    "THREADS_FULL",
  );
  fails(() => memory.reserveThread(), RangeError, "THREADS_FULL");
  assert.equal(memory.threads().length, 255);
  assert.equal(new Set(memory.threads()).size, 255);
  const blocks = list.map((one, i) => one.malloc(i));
  assert.equal(memory.stats().byThread.length, 255);
  list[1].detach();
  assert.ok(LocalSharedMemory.from(structuredClone(memory)).thread > 255);
  for (const ptr of blocks) memory.free(ptr);
  for (const one of list.slice(2)) one.detach();
  settled(memory);
});

test("roots", sharing, () => {
  const memory = new LocalSharedMemory(4);
  const other = LocalSharedMemory.from(structuredClone(memory));
  for (let i = 0; i < 16; i++) {
    assert.equal(memory.getRoot(i), 0);
    memory.setRoot(i, 1000 + i);
    assert.equal(other.getRoot(i), 1000 + i);
  }
  assert.equal(memory.casRoot(2, 5000, 6000), 1002);
  assert.equal(memory.casRoot(2, 1002, 6000), 1002);
  assert.equal(memory.casRoot(2, 6000, 0), 6000);
  assert.equal(other.getRoot(2), 0);
  for (const i of [-1, 16, 1.5, Number.NaN])
    fails(() => memory.getRoot(i), RangeError, "INVALID");
  for (const i of ["1", null, undefined])
    fails(() => memory.setRoot(i, 0), TypeError, "INVALID");
  for (const ptr of [-1, 1.5, 5 * page, 63, Number.NaN]) {
    fails(() => memory.setRoot(0, ptr), RangeError, "OUTSIDE");
    fails(() => memory.casRoot(0, 1000, ptr), RangeError, "OUTSIDE");
    fails(() => memory.casRoot(0, ptr, 1000), RangeError, "OUTSIDE");
  }
  fails(() => memory.setRoot(0, "100"), TypeError, "INVALID");
  assert.equal(memory.getRoot(0), 1000);
});

test("names", sharing, () => {
  const memory = new LocalSharedMemory(4);
  const other = LocalSharedMemory.from(structuredClone(memory));
  assert.equal(memory.getName("config"), 0);
  const ptr = memory.malloc(10);
  memory.setName("config", ptr);
  assert.equal(other.getName("config"), ptr);
  other.setName("config", ptr + 16);
  assert.equal(memory.getName("config"), ptr + 16);
  assert.equal(memory.getName("conf"), 0);
  assert.equal(memory.getName("config2"), 0);
  const longest = "ä".repeat(23) + "x";
  memory.setName(longest, 500);
  assert.equal(other.getName(longest), 500);
  fails(
    () => memory.setName(`${longest}x`, 500),
    RangeError,
    "NAME_TOO_LONG",
    /at most 47 bytes, not 48/,
  );
  fails(() => memory.getName(`${longest}x`), RangeError, "NAME_TOO_LONG");
  for (let i = 2; i < 16; i++) memory.setName(`name ${i}`, 100 + i);
  fails(() => memory.setName("one more", 5000), RangeError, "NAMES_FULL");
  memory.setName("name 5", 0);
  assert.equal(memory.getName("name 5"), 0);
  assert.equal(memory.getName("name 15"), 115);
  fails(() => memory.setName("", 5000), RangeError, "INVALID");
  for (const text of [5, null, undefined, {}]) {
    fails(() => memory.setName(text, 5000), TypeError, "INVALID");
    fails(() => memory.getName(text), TypeError, "INVALID");
  }
  fails(() => memory.setName("config", 2), RangeError, "OUTSIDE");
});
