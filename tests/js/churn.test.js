// Workers that come and go, one after the other. By itself, as it takes minutes at
// full length, beside the others.

import assert from "node:assert/strict";
import { LocalSharedMemory, long, settled, start, test } from "./support.js";

const leaving = { needs: ["threads", "leaving"] };

test("short-lived workers leave no slot behind", leaving, async () => {
  const memory = new LocalSharedMemory(20);
  const count = long ? 10000 : 200;
  for (let i = 0; i < count; i++) {
    const worker = start((LocalSharedMemory, data) => {
      const memory = LocalSharedMemory.from(data);
      const ptr = memory.malloc(1000);
      memory.memset(ptr, 1, 1000);
      memory.free(ptr);
      if (memory.thread % 3 === 0) process.exit(0);
    }, memory);
    assert.equal(await worker.ended, 0);
  }
  assert.deepEqual(memory.threads(), [memory.thread]);
  assert.deepEqual(settled(memory), []);
});

test("a worker that fails leaves too", leaving, async () => {
  const memory = new LocalSharedMemory(20);
  const worker = start((LocalSharedMemory, data) => {
    LocalSharedMemory.from(data).malloc(10);
    throw new Error("on purpose");
  }, memory);
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  await assert.rejects(worker.ended, /on purpose/);
  await exited;
  assert.deepEqual(memory.threads(), [memory.thread]);
});
