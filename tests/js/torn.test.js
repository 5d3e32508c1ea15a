// Calls into the core that an exception cuts short: a stack overflow at every
// depth, a trap. The thread's slot is given up and another one taken, nothing
// is lost and nothing damaged.

import assert from "node:assert/strict";
import {
  brief,
  fails,
  LocalSharedMemory,
  long,
  random,
  seed,
  seeded,
  settled,
  soak,
  test,
} from "./support.js";

const overflow = { needs: "stack overflow" };
const rounds = soak ? 2000 : long ? 100 : brief ? 3 : 10;

/** Calls `body` with `depth` frames above it. */
function sink(depth, body) {
  return depth > 0 ? sink(depth - 1, body) + 1 : body();
}

/** How many frames of `sink` the stack has room for. */
function room() {
  let [fits, fails] = [0, 200000];
  while (fails - fits > 1) {
    const middle = (fits + fails) >> 1;
    try {
      sink(middle, () => 0);
      fits = middle;
    } catch {
      fails = middle;
    }
  }
  return fits;
}

// No regular expressions here: compiling one takes stack too, and fails with an
// error of its own. Firefox says "too much recursion".
const isOverflow = ({ message }) =>
  message.includes("call stack") || message.includes("too much recursion");

/** How free may refuse what an earlier call, cut short, had freed. */
const goneCodes = ["FREED", "INTERIOR", "UNALLOCATED"].map(
  (name) => `ERR_LSHM_${name}`,
);

/** Calls `body` at every depth until the stack ends; counts what was cut. */
function atEveryDepth(body) {
  let cut = 0;
  const descend = () => {
    try {
      body();
    } catch (error) {
      if (!isOverflow(error)) throw error;
      cut++;
    }
    descend();
  };
  try {
    descend();
  } catch (error) {
    if (!isOverflow(error)) throw error;
  }
  return cut;
}

/**
 * Calls `body` near the stack's end, further from it by a few bytes each time:
 * arguments that nobody reads make the difference. Returns how many were cut.
 */
function finely(body) {
  let cut = 0;
  const frames = room();
  const padded = (...unread) => (unread.length < 100 ? body() : 0);
  for (let spare = 0; spare < 20; spare++) {
    for (let words = 16; words >= 0; words -= 4) {
      try {
        sink(frames - spare, () => padded(...Array(words)));
      } catch (error) {
        if (!isOverflow(error)) throw error;
        cut++;
      }
    }
  }
  return cut;
}

for (const shared of [true, false]) {
  test(`stack overflow at every depth, shared: ${shared}`, overflow, (t) => {
    const rng = seeded(t, Number(shared));
    const memory = new LocalSharedMemory(20, 400, shared);
    const live = new Map();
    let made = 0; // not yet in `live`: to note it there takes stack as well
    let madeSize = 0;
    const note = () => {
      if (made !== 0) live.set(made, madeSize);
      made = 0;
    };
    const work = () => {
      note();
      const size = rng.below(3) ? rng.below(500) : rng.below(30000);
      // Without the upper bound they become more and more, as chance has it.
      if (live.size < 200 || (live.size < 400 && rng.below(2))) {
        madeSize = size;
        made = memory.malloc(size);
        note();
      } else {
        const [ptr] = live.keys();
        const known = live.get(ptr) >= 0;
        live.set(ptr, -1); // being freed: cut short, it may live or not
        try {
          memory.free(ptr);
        } catch (error) {
          // Freed then, and what was freed may be another block's by now.
          if (known || !goneCodes.includes(error.code)) throw error;
        }
        live.delete(ptr);
      }
    };
    let cut = 0;
    for (let round = 0; round < rounds; round++) {
      cut += finely(work);
      cut += atEveryDepth(work) > 0 ? 1 : 0;
    }
    note();
    t.diagnostic(`${cut} calls cut short`);
    assert.ok(cut > 0);
    assert.deepEqual(memory.threads(), [memory.thread]);
    for (const { byteOffset, byteLength } of settled(memory)) {
      const size = live.get(byteOffset);
      assert.notEqual(
        size,
        undefined,
        `nobody knows the block at ${byteOffset}`,
      );
      if (size >= 0) assert.equal(byteLength, size);
      live.delete(byteOffset);
      memory.free(byteOffset);
    }
    for (const size of live.values())
      assert.equal(size, -1, "a live block was lost");
    assert.deepEqual(settled(memory), []);
    memory.free(memory.malloc(Math.floor(0.45 * memory.buffer.byteLength)));
  });
}

test("every member survives", overflow, () => {
  const memory = new LocalSharedMemory(20);
  const ptr = memory.malloc(100);
  const uses = [
    () => memory.realloc(ptr, 100),
    () => memory.calloc(3, 30),
    () => memory.sizeof(ptr),
    () => memory.allocs(),
    () => memory.stats(),
    () => memory.check(),
    () => memory.trim(),
    () => memory.string("text"),
    () => memory.getString(ptr),
    () => memory.setName("x", ptr),
    () => memory.getName("x"),
    () => memory.setRoot(1, ptr),
    () => memory.threads(),
    () => memory.reserveThread(),
    () => memory.Float32Array(10),
    () => memory.getInt32(ptr),
    () => memory.add(Int32Array, ptr / 4, 1),
    () => memory.image(),
  ];
  for (const use of uses) {
    finely(use);
    use();
    memory.check();
  }
  assert.equal(memory.sizeof(ptr), 100);
});

test("a trap inside a module that uses the imports", () => {
  const memory = new LocalSharedMemory(4);
  const { malloc, free } = memory.imports.env;
  const ptr = malloc(100);
  const before = memory.thread;
  assert.throws(() => free(ptr + 16), WebAssembly.RuntimeError);
  assert.equal(memory.thread, before, "a refused free is no damage");
  assert.equal(memory.sizeof(ptr), 100);
  free(ptr);
  memory.check();
});

test("a module's call that is cut short", overflow, (t) => {
  const rng = random(seed);
  const memory = new LocalSharedMemory(20, 100);
  const env = memory.imports.env;
  const { thread } = memory;
  const list = [];
  let cut = 0;
  for (let round = 0; round < (brief ? 3 : 10); round++) {
    cut += finely(() => {
      const ptr = env.malloc(rng.below(9000));
      if (ptr !== 0) list.push(ptr);
      else memory.threads(); // the class mends it
    });
  }
  t.diagnostic(`${cut} calls cut short`);
  memory.check();
  for (const ptr of list) memory.sizeof(ptr);
  assert.ok(memory.thread >= thread);
  assert.ok(env.malloc(10) > 0, "works again");
  settled(memory);
});

test("detached stays detached", overflow, () => {
  const memory = new LocalSharedMemory(4);
  memory.detach();
  finely(() => {
    try {
      memory.malloc(5);
    } catch (error) {
      if (error.code !== "ERR_LSHM_DETACHED") throw error;
    }
  });
  fails(() => memory.malloc(1), RangeError, "DETACHED");
});
