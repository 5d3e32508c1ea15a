// heap.js - how long it takes to look at a whole heap from JavaScript, to recover
// what a dead worker held in it, and to begin:
//
//   node heap.js WHAT [seed=1]
//
// WHAT is walk, allocs, check, reap, attach, first-use or size; plan.js says
// what is printed.

import { readFileSync } from "node:fs";
import {
  isMainThread,
  parentPort,
  Worker,
  workerData,
} from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { transformSync } from "esbuild";
import LocalSharedMemory from "../index.js";

const PAGE = 65536;
const GIBIBYTE = 2 ** 30;
const WALKED = 1000000;
const HELD = 10000; // blocks of the worker that dies
const PATIENCE_MS = 60000;
const WORKERS = 7; // whose median is taken

/** Sizes of 8 to 519 bytes. */
function* sizes(seed) {
  let x = Math.imul(seed, 0x9e3779b1) | 1;
  for (;;) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield 8 + (x >>> 23);
  }
}

/** A heap with 1 GiB of blocks, every eighth freed again. */
function filledHeap(size) {
  const memory = new LocalSharedMemory(1000, (2 * GIBIBYTE) / PAGE);
  for (let bytes = 0, i = 0; bytes < GIBIBYTE; i++) {
    const ptr = memory.malloc(size.next().value);
    bytes += memory.lengthof(ptr);
    if (i % 8 === 0) memory.free(ptr);
  }
  return memory;
}

function heapOfMany(size) {
  const memory = new LocalSharedMemory(1000, GIBIBYTE / PAGE);
  for (let i = 0; i < WALKED; i++) memory.malloc(size.next().value);
  return memory;
}

/** Milliseconds. */
function timed(work) {
  const begin = performance.now();
  const result = work();
  return { time: performance.now() - begin, result };
}

function requireAll(count) {
  if (count !== WALKED) throw new Error(`${count} blocks of ${WALKED} found`);
}

/** What a worker of this file posts, once it has been ended. */
function inWorker(task, handle) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { task, ...handle },
    });
    let answer;
    worker.on("message", (message) => {
      answer = message;
      worker.terminate();
    });
    worker.on("error", reject);
    worker.on("exit", () => resolve(answer));
  });
}

/** The median of several fresh workers. */
async function inWorkers(task) {
  const times = [];
  for (let i = 0; i < WORKERS; i++) {
    const memory = new LocalSharedMemory(1000);
    const other = new LocalSharedMemory(1000);
    times.push(await inWorker(task, { memory, other }));
  }
  return times.sort((a, b) => a - b)[WORKERS >> 1];
}

const tasks = {
  attach({ memory, other }) {
    LocalSharedMemory.from(memory);
    return timed(() => LocalSharedMemory.from(other)).time * 1000;
  },
  "first-use"({ memory }) {
    return timed(() => {
      const heap = LocalSharedMemory.from(memory);
      heap.free(heap.malloc(100));
    }).time;
  },
  // Is in the middle of it when it is ended.
  hold({ memory, thread }) {
    const heap = LocalSharedMemory.from(memory, { thread });
    for (let i = 0; i < HELD; i++) heap.malloc(8 + (i % 512));
    parentPort.postMessage(HELD);
    for (let end = Date.now() + PATIENCE_MS; Date.now() < end;) {
      heap.free(heap.malloc(100));
    }
  },
};

const measures = {
  walk(size) {
    const memory = heapOfMany(size);
    const { time, result } = timed(() => {
      let count = 0;
      for (const block of memory.blocks()) count += block.byteLength > 0;
      return count;
    });
    requireAll(result);
    return (time * 1e6) / WALKED;
  },
  allocs(size) {
    const memory = heapOfMany(size);
    const { time, result } = timed(() => memory.allocs().length);
    requireAll(result);
    return (time * 1e6) / WALKED;
  },
  check(size) {
    const memory = filledHeap(size);
    return timed(() => memory.check()).time;
  },
  async reap(size) {
    const memory = filledHeap(size);
    const handle = memory.handle();
    await inWorker("hold", handle);
    return timed(() => memory.reap(handle.thread, { force: true })).time;
  },
  attach: () => inWorkers("attach"),
  "first-use": () => inWorkers("first-use"),
  size() {
    const text = readFileSync(new URL("../index.js", import.meta.url), "utf8");
    const { code } = transformSync(text, { minify: true });
    return gzipSync(code, { level: 9 }).length;
  },
};

if (isMainThread) {
  const [what, seed = "seed=1"] = process.argv.slice(2);
  if (!(what in measures) || !/^seed=\d+$/.test(seed)) {
    throw new Error(`expected ${Object.keys(measures).join(", ")}, and seed=N`);
  }
  const value = await measures[what](sizes(Number(seed.slice(5))));
  console.log(value.toFixed(4));
} else {
  parentPort.postMessage(tasks[workerData.task](workerData));
}
