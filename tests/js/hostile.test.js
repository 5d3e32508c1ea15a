// A hostile peer: another thread that writes anything anywhere into the shared
// memory, and images that somebody made up. What this thread calls may throw,
// but what it throws can be caught, and no call goes on for ever.

import assert from "node:assert/strict";
import { env } from "node:process";
import { test } from "node:test";
import {
  LocalSharedMemory,
  long,
  message,
  random,
  seed,
  start,
} from "./support.js";

const here = (name) => new URL(name, import.meta.url).href;
const urls = { support: here("support.js"), victim: here("victim.js") };
const seconds = Number(env.LSHM_SECONDS ?? (long ? 40 : 3));
const patience = Number(env.LSHM_PATIENCE ?? 30); // seconds that one step may take, on a busy machine

/** Counts of a worker, which others see while it works. */
const counters = () => new Int32Array(new SharedArrayBuffer(16));
const COUNT = { steps: 0, caught: 1, strokes: 2, stop: 3 };

/**
 * Waits for a worker to end. One whose steps stop for long hangs: JavaScript
 * cannot interrupt a call, so it is terminated and the test fails.
 */
async function ends(worker, counts, what) {
  let [seen, since] = [-1, Date.now()];
  const timer = setInterval(() => {
    const now = Atomics.load(counts, COUNT.steps);
    if (now !== seen) [seen, since] = [now, Date.now()];
    if (Date.now() - since > patience * 1000) worker.terminate();
  }, 200);
  const code = await worker.ended.finally(() => clearInterval(timer));
  const place = `step ${Atomics.load(counts, COUNT.steps)}, LSHM_SEED=${seed}`;
  assert.equal(code, 0, `${what} did not end (${place})`);
}

/** In a worker: opens images of a heap in which some words were written over. */
async function openImages(Class, data) {
  const { random } = await import(data.urls.support);
  const { scribble, step } = await import(data.urls.victim);
  const { counts, image, shared } = data;
  const until = Date.now() + data.seconds * 1000;
  for (let i = 0; Date.now() < until; i++) {
    const rng = random(data.seed + i);
    const bytes = new Uint8Array(image);
    const words = new BigUint64Array(bytes.slice().buffer);
    for (let n = rng.below(12) + 1; n > 0; n--) scribble(words, 0, rng);
    if (rng.below(8) === 0) {
      new Uint8Array(words.buffer).fill(
        rng.next(),
        rng.below(words.length * 8),
      );
    }
    let memory = null;
    try {
      if (rng.below(2) === 0) {
        memory = Class.open(words.buffer, { shared });
      } else {
        const pages = words.length / 8192;
        const plain = new WebAssembly.Memory({
          initial: pages,
          maximum: pages + 9,
          shared,
        });
        new BigUint64Array(plain.buffer).set(words);
        memory = Class.from(plain);
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      counts[1]++;
    }
    for (let n = 0; memory !== null && n < 40; n++) {
      counts[1] += Number(step(Class, memory, rng));
    }
    Atomics.add(counts, 0, 1);
  }
}

for (const shared of [true, false]) {
  test(`images that somebody wrote over${shared ? "" : ", unshared"}`, async (t) => {
    t.diagnostic(`LSHM_SEED=${seed}`);
    const memory = new LocalSharedMemory(2, 4, shared);
    const other = shared
      ? LocalSharedMemory.from(structuredClone(memory))
      : memory;
    const rng = random(seed);
    const list = Array.from({ length: 200 }, () =>
      memory.malloc(rng.below(900)),
    );
    list.forEach((ptr, i) => i % 3 && other.free(ptr));
    memory.setName("name 1", list[0]);
    memory.setRoot(0, list[3]);
    const counts = counters();
    const data = {
      urls,
      counts,
      seed,
      shared,
      image: memory.image(),
      seconds: seconds / 2,
    };
    const worker = start(openImages, data);
    await ends(worker, counts, "what was done with an image");
    t.diagnostic(
      `${counts[COUNT.steps]} images, ${counts[COUNT.caught]} errors`,
    );
    assert.ok(counts[COUNT.steps] > 10 && counts[COUNT.caught] > 10);
  });
}

/**
 * In a worker: lets one 32-bit word after the other lie, while attached, and goes on:
 * by turns each of the thread's own state with each lie, all of them once at least, and
 * any of the tables.
 */
async function sweep(Class, data) {
  const { random } = await import(data.urls.support);
  const { step, claim } = await import(data.urls.victim);
  const { counts, image, view } = data;
  const rng = random(data.seed);
  const lies = [
    0, 1, 7, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
  ];
  const pages = image.byteLength / 65536;
  const memory = new WebAssembly.Memory({
    initial: pages,
    maximum: pages + 4,
    shared: true,
  });
  const until = Date.now() + data.seconds * 1000;
  const own = view.words * lies.length;
  for (let i = 0; i < 2 * own || Date.now() < until; i++) {
    for (const symbol of Object.getOwnPropertySymbols(memory)) {
      delete memory[symbol]; // a memory that nobody has adopted
    }
    const words = new Uint32Array(memory.buffer);
    words.fill(0).set(new Uint32Array(image));
    const heap = Class.from(memory);
    const place = Math.floor(i / 2) % own;
    const at =
      i % 2
        ? 16 + rng.below(6144)
        : view.at / 4 + Math.floor(place / lies.length);
    words[at] = lies[place % lies.length];
    counts[1] += Number(step(Class, heap, rng, claim));
    for (let n = 0; n < 3; n++) counts[1] += Number(step(Class, heap, rng));
    Atomics.add(counts, 0, 1);
  }
}

test("each word of the heap's tables lies", async (t) => {
  t.diagnostic(`LSHM_SEED=${seed}`);
  const memory = new LocalSharedMemory(2, 6);
  for (let i = 0; i < 200; i++) memory.malloc(i * 3);
  memory.malloc(30000);
  memory.detach(); // the next thread has its state in the first slot
  const counts = counters();
  const view = { at: 2048 + 16, words: 352 }; // its workspace
  const data = {
    urls,
    counts,
    seed,
    view,
    image: memory.buffer.slice(0),
    seconds: seconds / 2,
  };
  const worker = start(sweep, data);
  await ends(worker, counts, "a heap of which a word lies");
  t.diagnostic(`${counts[COUNT.steps]} lies, ${counts[COUNT.caught]} errors`);
  assert.ok(counts[COUNT.steps] >= view.words && counts[COUNT.caught] > 10);
});

/** In a worker: writes over a memory until told to stop. */
async function scribbleOn(Class, data) {
  const { random } = await import(data.urls.support);
  const { scribble } = await import(data.urls.victim);
  const { counts } = data;
  const rng = random(data.seed);
  const words = new BigUint64Array(data.memory.buffer);
  const undo = [];
  while (Atomics.load(counts, 3) === 0) {
    undo.push(scribble(words, 0, rng));
    if (undo.length > 8) undo.shift()();
    if (data.lasting) undo.length = 0;
    for (let spin = rng.below(data.pause); spin > 0; spin--)
      Atomics.load(counts, 3);
    Atomics.add(counts, 2, 1);
  }
}

/** In a worker: uses a memory that is written over. */
async function suffer(Class, data, port) {
  const { random } = await import(data.urls.support);
  const { step } = await import(data.urls.victim);
  const { counts } = data;
  const memory = Class.from(data.memory);
  port.postMessage("attached");
  const rng = random(data.seed + 1);
  const until = Date.now() + data.seconds * 1000;
  for (let i = 0; Date.now() < until; i++) {
    if (step(Class, memory, rng)) Atomics.add(counts, 1, 1);
    Atomics.add(counts, 0, 1);
  }
}

test("a thread that writes over the heap while others work", async (t) => {
  t.diagnostic(`LSHM_SEED=${seed}`);
  const counts = counters();
  const rounds = Math.max(4, seconds * 2);
  for (let i = 0; i < rounds; i++) {
    const rng = random(seed + i);
    const memory = new LocalSharedMemory(2, 8);
    const pause = 1 << rng.below(14);
    const lasting = i % 4 === 3;
    const data = { urls, counts, memory, pause, lasting, seed: seed + i };
    counts[COUNT.stop] = 0;
    const victim = start(suffer, { ...data, seconds: seconds / rounds });
    await message(victim);
    const scribbler = start(scribbleOn, data);
    try {
      await ends(victim, counts, "the victim");
    } finally {
      Atomics.store(counts, COUNT.stop, 1);
      await scribbler.ended;
    }
  }
  t.diagnostic(
    `${counts[COUNT.steps]} calls, ${counts[COUNT.caught]} errors, ${counts[COUNT.strokes]} words written`,
  );
  assert.ok(counts[COUNT.steps] > 100 && counts[COUNT.caught] > 10);
});
