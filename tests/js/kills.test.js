// Storms of workers that are terminated at random moments, while they start,
// attach, allocate, grow, hand over, free or wait; others take their place.

import assert from "node:assert/strict";
import {
  LocalSharedMemory,
  long,
  seeded,
  settled,
  soak,
  test,
} from "./support.js";
import { empty, enlist, raise } from "./storm.js";

const count = 3; // at work at a time
const killsEach = 25;
const wanted =
  Number(process.env.LSHM_KILLS) || (soak ? 1e4 : long ? 1000 : 300);
const goneCodes = ["ERR_LSHM_FREED", "ERR_LSHM_UNALLOCATED"];

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether the block at ptr was freed with its maker. */
function isGone(memory, ptr) {
  try {
    memory.sizeof(ptr);
    return false;
  } catch (error) {
    if (!goneCodes.includes(error.code)) throw error;
    return true;
  }
}

/** A worker that fails, fails the test. */
function observed(worker, failures) {
  worker.on("error", (error) => failures.push(error));
  return worker;
}

/** Terminates all that are left, and reaps them with what they allocated. */
async function finish(memory, { workers }) {
  await Promise.all(workers.map((worker) => worker.terminate()));
  for (const worker of workers) {
    const isIts = ({ thread }) => thread === worker.thread;
    const blocks = memory.allocs().filter(isIts).length;
    const freed = await memory.watch(worker, worker.thread, { free: true });
    assert.equal(freed.blocks, blocks);
    assert.ok(!memory.allocs().some(isIts));
  }
}

/** All blocks freed, every chunk can be had once memory is short. */
function whole(memory, maximum) {
  assert.equal(memory.tryMalloc(maximum - 8), 0);
  const { used, free, metadata, committed, slabs, spans } = memory.stats();
  assert.deepEqual([used, slabs, spans], [0, 0, 0]);
  assert.equal(free + metadata, committed);
}

/** One heap: returns how many blocks nobody knew of in the end. */
async function raid(rng, maximum, kills, salt) {
  const memory = new LocalSharedMemory({ initial: 4, maximum });
  const failures = [];
  const up = await raise(memory, count, Number.POSITIVE_INFINITY, salt);
  for (const worker of up.workers) observed(worker, failures);
  for (let k = count; k < kills; k++) {
    await sleep(rng.below(40));
    const victim = rng.below(count);
    const worker = up.workers[victim];
    const watched = memory.watch(worker, worker.thread);
    worker.terminate();
    await watched;
    assert.deepEqual(failures, []);
    assert.ok(!memory.threads().includes(worker.thread));
    memory.check();
    up.workers[victim] = observed(
      enlist(memory, up, victim, salt + k),
      failures,
    );
  }
  await finish(memory, up);
  assert.deepEqual(failures, []);
  assert.deepEqual(memory.threads(), [memory.thread]);
  memory.check();
  empty(memory, up, (ptr) => isGone(memory, ptr));
  const left = settled(memory);
  for (const { byteOffset } of left) memory.free(byteOffset);
  assert.deepEqual(settled(memory), []);
  whole(memory, maximum * 65536);
  return left.length;
}

// So many take too long elsewhere.
const needs = { needs: ["threads", "proof", "exit event"] };

test("workers that are terminated stop nobody", needs, async (t) => {
  const rng = seeded(t);
  let left = 0;
  for (let done = 0; done < wanted; done += killsEach)
    left += await raid(rng, done % 2 ? 1000 : 100, killsEach, done * 100);
  t.diagnostic(`${wanted} workers terminated left ${left} blocks`);
});
