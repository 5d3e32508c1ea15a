// What only a page can show. The query names one of the functions below, and what
// it is called with; the result goes to `outcome`: { value }, or { error } of what it threw.

import LocalSharedMemory from "./index.js";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function expect(condition, text) {
  if (!condition) throw new Error(`expected ${text}`);
}

/** What a body throws, or null. */
function thrown(body) {
  try {
    body();
    return null;
  } catch (error) {
    return error;
  }
}

/** The shape of an error, to be compared outside. */
const shape = (error) =>
  error && { name: error.name, code: error.code, message: error.message };

/** Starts threads.js with one of its functions. */
function startWorker(work, data) {
  const worker = new Worker("threads.js", { type: "module" });
  worker.postMessage({ work, data });
  return worker;
}

/** The next message of a worker or port. */
const next = (from) =>
  new Promise((resolve, reject) => {
    from.addEventListener("message", ({ data }) => resolve(data), {
      once: true,
    });
    from.addEventListener("error", (event) => reject(new Error(event.message)));
    from.start?.();
  });

const held = async () => {
  const locks = await navigator.locks.query();
  return locks.held.filter(({ name }) => name.startsWith("LocalSharedMemory"));
};

const pages = {
  /** Not taken for dead while it computes; reaped once it is. */
  async neverYields() {
    const memory = new LocalSharedMemory(100);
    const handle = memory.handle();
    const worker = startWorker("spin", { handle, ms: 2500 });
    const blocks = await next(worker); // and now it computes
    let left = null;
    memory.watch(worker, handle.thread).then((remains) => {
      left = remains;
    });
    const until = Date.now() + 1500;
    while (Date.now() < until) {
      await pause(100);
      expect(left === null, "no death while it runs");
      expect(memory.threads().includes(handle.thread), "it to be attached");
      memory.free(memory.malloc(100));
    }
    const { same } = await next(worker); // it has yielded since
    expect(same, "its blocks as it left them");
    await pause(300);
    expect(left === null, "no death while it idles");
    worker.terminate();
    const end = Date.now() + 60000;
    while (left === null && Date.now() < end) await pause(50);
    expect(left !== null, "the end to be proven once it was terminated");
    expect(left.blocks === blocks, `${blocks} blocks, not ${left.blocks}`);
    expect(!memory.threads().includes(handle.thread), "it to be gone");
    expect(memory.check().blocks === blocks, "the heap to be whole");
  },

  /** One terminated before it ever yielded proves nothing, and stays. */
  async terminatedUnproven() {
    const memory = new LocalSharedMemory(100);
    const handle = memory.handle();
    const worker = startWorker("spin", { handle, ms: 60000 });
    await next(worker);
    let left = null;
    memory.watch(worker, handle.thread).then((remains) => {
      left = remains;
    });
    worker.terminate();
    await pause(3000); // longer than a browser lets it run on
    expect(left === null, "no proof");
    expect(memory.threads().includes(handle.thread), "it to be attached");
    memory.reap(handle.thread, { free: true, force: true });
    memory.check();
    expect(memory.stats().blocks === 0, "its blocks to be free");
  },

  /** A worklet and the page over one heap: each frees what the other made. */
  async worklet() {
    const memory = new LocalSharedMemory(100);
    const count = 1000;
    const boxes = memory.calloc(count, 4); // first what the page made
    const first = memory.index(Uint32Array, boxes);
    const mine = Array.from({ length: count }, (_, i) =>
      memory.string(`page ${i}`),
    );
    for (const [i, ptr] of mine.entries())
      memory.store(Uint32Array, first + i, ptr);
    const context = new OfflineAudioContext(1, 128 * 2 * count, 44100);
    await context.audioWorklet.addModule("threads.js");
    const handle = memory.handle();
    const node = new AudioWorkletNode(context, "allocator", {
      processorOptions: { handle, boxes, count },
    });
    node.connect(context.destination);
    const rendered = context.startRendering();
    const taken = new Set();
    const end = Date.now() + 60000;
    while (taken.size < count && Date.now() < end) {
      for (let i = 0; i < count; i++) {
        const ptr = memory.load(Uint32Array, first + i);
        if (ptr === mine[i] || taken.has(i)) continue;
        const text = memory.getString(ptr);
        expect(text === `Grüße ${i}, 世界`, `text ${i}, not ${text}`);
        memory.free(ptr);
        taken.add(i);
      }
      await pause(0);
    }
    await rendered;
    expect(taken.size === count, `${count} texts, not ${taken.size}`);
    expect(memory.check().blocks === 1, "the mailboxes alone to be left");
    expect(memory.threads().includes(handle.thread), "the worklet's thread");
  },

  /** What wait throws in a page, and that nothing else happened. */
  async blocking() {
    const memory = new LocalSharedMemory(2);
    const i = memory.index(Int32Array, memory.calloc(1, 4));
    const error = thrown(() => memory.wait(Int32Array, i, 0, 10));
    expect(error instanceof TypeError, `a TypeError, not ${error}`);
    memory.check();
    memory.free(memory.malloc(1000));
  },

  /** One thread works without isolation; sharing fails. */
  async alone() {
    const memory = new LocalSharedMemory(10);
    const ptr = memory.string("alone");
    expect(memory.getString(ptr) === "alone", "the text");
    const worker = startWorker("alone");
    expect((await next(worker)) === "alone", "one thread to work in a worker");
    return {
      handle: shape(thrown(() => memory.handle())),
      post: shape(thrown(() => worker.postMessage(memory))),
      threads: memory.threads().length,
    };
  },

  /** What a policy leaves of it, here and in a worker. */
  async policy() {
    const here = shape(thrown(() => new LocalSharedMemory(4)));
    const worker = startWorker("policy");
    return { here, worker: await next(worker) };
  },

  /** Heaps of 4 GiB at most, threads that idle and one that never yields. */
  async crowd(count) {
    const end = Date.now() + 60000;
    while ((await held()).length > 0 && Date.now() < end) await pause(50);
    expect((await held()).length === 0, "no lock of the page before");
    globalThis.heaps = Array.from(
      { length: Number(count) },
      () => new LocalSharedMemory(2, 65536),
    );
    for (const [i, memory] of globalThis.heaps.slice(0, 3).entries()) {
      const work = i === 0 ? "spin" : "idle";
      const data = { handle: memory.handle(), ms: 60000 };
      await next(startWorker(work, data));
    }
    expect((await held()).length >= Number(count), "locks of this page");
  },
};

const [page, argument] = location.search.slice(1).split(",");

try {
  const value = await pages[page](argument);
  globalThis.outcome = { value: value ?? null };
} catch (error) {
  globalThis.outcome = { error: String(error?.stack ?? error) };
}
