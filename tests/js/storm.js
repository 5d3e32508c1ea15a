// Workers that allocate, stamp, hand over and free at random.

import assert from "node:assert/strict";
import { message, seed, start } from "./support.js";

/**
 * A worker of the storm: allocates blocks, writes size and thread into each and
 * stamps the rest, to the last word, with its pointer, hands most of them over
 * through mailboxes, of which each worker has a row, checks all of a block
 * before it frees it, and tells what it did.
 */
async function storm(LocalSharedMemory, data, port) {
  const { handle, steps, seed, boxes, rowLength, count, me } = data;
  const memory = LocalSharedMemory.from(handle);
  await port.provable(memory);
  let state = seed;
  const below = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const box = memory.index(Uint32Array, boxes) + 1;
  const own = [];
  const done = { mallocs: 0, frees: 0, remote: 0, full: 0 };
  const stampOf = (ptr) => (ptr ^ 0x5a5a5a5a) >>> 0;
  let words = new Uint32Array(memory.buffer);
  const make = () => {
    const size = below(50) ? 16 + below(300) : 16 + below(20000);
    const ptr = memory.tryMalloc(size);
    if (ptr === 0) {
      done.full++;
      return 0;
    }
    done.mallocs++;
    const [first, end] = [ptr >>> 2, (ptr + size) >>> 2];
    if (end > words.length) words = new Uint32Array(memory.buffer);
    words.fill(stampOf(ptr), first, end);
    words[first + 1] = size;
    words[first + 2] = memory.thread;
    return ptr;
  };
  const drop = (ptr) => {
    const stamp = stampOf(ptr);
    const first = ptr >>> 2;
    const size = memory.getUint32(ptr + 4);
    const end = (ptr + size) >>> 2;
    if (end > words.length) words = new Uint32Array(memory.buffer);
    let same = memory.sizeof(ptr) === size && words[first] === stamp;
    for (let i = first + 3; i < end; i++) same = same && words[i] === stamp;
    if (!same) throw new Error(`the block at ${ptr} was changed by another`);
    done.remote += Number(words[first + 2] !== memory.thread);
    words.fill(0, first, end);
    memory.free(ptr);
    done.frees++;
  };
  port.postMessage(memory.thread);
  memory.wait(Int32Array, box - 1, 0, 60000); // until all have started
  while (done.mallocs + done.frees < steps) {
    const kind = below(10);
    if (kind < 4) {
      // To another's row, if possible where nothing lies; else what lay there
      // comes back and is freed here.
      const row = (me + 1 + below(count - 1)) % count;
      let old = make();
      for (let tries = 0; old !== 0 && tries < 8; tries++) {
        const at = box + row * rowLength + below(rowLength);
        if (tries === 7) old = memory.exchange(Uint32Array, at, old);
        else if (memory.compareExchange(Uint32Array, at, 0, old) === 0) old = 0;
      }
      if (old !== 0) drop(old);
    } else if (kind < 8) {
      // From the own row: what another made.
      for (let tries = 0, old = 0; old === 0 && tries < 8; tries++) {
        const at = box + me * rowLength + below(rowLength);
        old = memory.exchange(Uint32Array, at, 0);
        if (old !== 0) drop(old);
      }
    } else if (own.length < below(400)) {
      const ptr = make();
      if (ptr !== 0) own.push(ptr);
    } else if (own.length > 0) {
      const i = below(own.length);
      drop(own[i]);
      own[i] = own[own.length - 1];
      own.pop();
    }
  }
  for (const ptr of own) drop(ptr);
  port.postMessage(done);
}

/** Starts one worker of a storm: its number is `me`, of `up.count`. */
export function enlist(memory, up, me, salt) {
  const { boxes, rowLength, count, steps } = up;
  const handle = memory.handle();
  const data = { handle, steps, boxes, rowLength, count, me };
  const worker = start(storm, { ...data, seed: seed + salt * 100 + me });
  worker.thread = handle.thread;
  return worker;
}

/** Starts a storm of some workers; all of them run when it resolves. */
export async function raise(memory, count, steps, salt = 0) {
  const rowLength = 2000;
  const boxCount = count * rowLength;
  const boxes = memory.calloc(boxCount + 1, 4); // the first one starts them
  const up = { boxes, boxCount, rowLength, count, steps, workers: [] };
  for (let me = 0; me < count; me++)
    up.workers.push(enlist(memory, up, me, salt));
  await Promise.all(up.workers.map(message));
  memory.store(Int32Array, memory.index(Int32Array, boxes), 1);
  memory.notify(Int32Array, memory.index(Int32Array, boxes));
  return up;
}

/**
 * Frees what still lies in the mailboxes, after a look at it. What `isGone`
 * accepts may have been freed already.
 */
export function empty(memory, { boxes, boxCount }, isGone = () => false) {
  for (const ptr of memory.arrayView(Uint32Array, boxes + 4, boxCount)) {
    if (ptr === 0 || isGone(ptr)) continue;
    assert.equal(memory.getUint32(ptr), (ptr ^ 0x5a5a5a5a) >>> 0);
    memory.free(ptr);
  }
  memory.free(boxes);
}
