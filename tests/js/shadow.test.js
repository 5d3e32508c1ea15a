// The shadow model: seeded random streams of every operation. A model in plain
// JavaScript knows which block lives where with what content; no two may
// overlap, and no byte of one may be changed by another.

import assert from "node:assert/strict";
import {
  LocalSharedMemory,
  long,
  random,
  seed,
  seeded,
  settled,
  test,
  sharing,
} from "./support.js";

const page = 65536;

/** Sixteen bytes to stamp blocks with, and long runs of each to compare with. */
const stamps = Array.from({ length: 16 }, (_, i) =>
  Buffer.alloc(2 ** 19, 161 + i),
);

class Shadow {
  constructor(memory, rng) {
    this.memory = memory;
    this.rng = rng;
    this.live = []; // { id, ptr, size, stamp }
    this.blocks = 0; // that ever lived
    this.granules = new Int32Array(2 ** 16); // 16 bytes each: the block's id
  }

  size() {
    const { rng } = this;
    const kind = rng.below(100);
    if (kind < 60) return rng.below(200);
    if (kind < 85) return rng.below(4000);
    if (kind < 98) return rng.below(40000);
    return rng.below(400000);
  }

  /** The granules that a block's payload touches. */
  granulesOf({ ptr, size }) {
    const end = Math.ceil((ptr + size) / 16);
    if (end > this.granules.length) {
      const larger = new Int32Array(end * 2);
      larger.set(this.granules);
      this.granules = larger;
    }
    // A block of size 0 has its place too.
    return this.granules.subarray(ptr / 16, Math.max(end, ptr / 16 + 1));
  }

  /** Marks a block's payload, and refuses an overlap. */
  claim(ptr, size) {
    const end = this.memory.buffer.byteLength;
    assert.ok(ptr >= 64 && ptr + size <= end, `${ptr}+${size} of ${end}`);
    const stamp = this.rng.pick(stamps);
    const block = { id: ++this.blocks, ptr, size, stamp };
    const granules = this.granulesOf(block);
    const taken = granules.find((id) => id !== 0);
    if (taken !== undefined) {
      const other = this.live.find(({ id }) => id === taken);
      assert.fail(`${ptr}+${size} lies over ${other?.ptr}+${other?.size}`);
    }
    granules.fill(block.id);
    this.live.push(block);
    return block;
  }

  drop(block) {
    const granules = this.granulesOf(block);
    assert.ok(granules.every((id) => id === block.id));
    granules.fill(0);
    const i = this.live.indexOf(block);
    this.live[i] = this.live[this.live.length - 1];
    this.live.pop();
  }

  bytes({ ptr, size }) {
    return new Uint8Array(this.memory.buffer, ptr, size);
  }

  stamp(block) {
    this.bytes(block).fill(block.stamp[0]);
  }

  verify(block, size = block.size) {
    const bytes = this.bytes({ ptr: block.ptr, size });
    if (Buffer.compare(bytes, block.stamp.subarray(0, size)) === 0) return;
    const i = bytes.findIndex((byte) => byte !== block.stamp[0]);
    assert.fail(`byte ${i} of ${block.ptr}+${block.size} is ${bytes[i]}`);
  }

  allocate() {
    const { memory, rng } = this;
    const align = rng.below(8) === 0 ? 2 ** rng.below(14) : 16;
    const size = this.size();
    const zeroed = rng.below(6) === 0;
    let ptr = 0;
    try {
      ptr = zeroed ? memory.calloc(size, 1, align) : memory.malloc(size, align);
    } catch (error) {
      if (error.code !== "ERR_LSHM_NOMEM") throw error;
      return false;
    }
    assert.equal(ptr % Math.max(align, 16), 0);
    const block = this.claim(ptr, size);
    if (zeroed) assert.ok(this.bytes(block).every((byte) => byte === 0));
    this.stamp(block);
    return true;
  }

  resize() {
    const block = this.rng.pick(this.live);
    const size = this.size();
    let ptr = 0;
    try {
      ptr = this.memory.realloc(block.ptr, size);
    } catch (error) {
      if (error.code !== "ERR_LSHM_NOMEM") throw error;
      return this.verify(block);
    }
    const { stamp } = block;
    this.verify({ ptr, size, stamp }, Math.min(size, block.size));
    this.drop(block);
    this.stamp(this.claim(ptr, size));
  }

  release(block = this.rng.pick(this.live)) {
    this.verify(block);
    this.memory.free(block.ptr);
    this.drop(block);
  }

  /** Full comparison with what the heap says. */
  compare() {
    const list = settled(this.memory).map((x) => [x.byteOffset, x.byteLength]);
    const wanted = this.live.map(({ ptr, size }) => [ptr, size]);
    assert.deepEqual(
      list,
      wanted.sort(([a], [b]) => a - b),
    );
    const { largestFree, committed } = this.memory.stats();
    if (largestFree === 0) return;
    this.memory.free(this.memory.malloc(largestFree));
    assert.equal(this.memory.stats().committed, committed);
  }

  run(steps, blocks) {
    for (let i = 0; i < steps; i++) {
      const { live, rng } = this;
      if (live.length === 0) this.allocate();
      else if (rng.below(10) === 0) this.resize();
      else if (live.length < rng.below(2 * blocks))
        this.allocate() || this.release();
      else this.release();
      if (i % Math.ceil(steps / 10) === 0) this.compare();
    }
    this.compare();
    while (this.live.length > 0) this.release();
    this.compare();
  }
}

const steps = long ? 400000 : 20000;
const heaps = {
  "a fixed heap": [{ initial: 200 }, 800],
  "a small one, always full": [{ initial: 8 }, 800],
  "one of a single page": [{ initial: 1 }, 100],
  "one that grows": [{ initial: 1, maximum: 400 }, 2000],
  "an unshared one that grows": [
    { initial: 1, maximum: 400, shared: false },
    800,
  ],
  "one above a heapBase": [{ initial: 20, maximum: 100, heapBase: 70016 }, 500],
};

for (const [i, [name, [options, blocks]]] of Object.entries(heaps).entries()) {
  test(`random operations: ${name}`, (t) => {
    const rng = seeded(t, i);
    new Shadow(new LocalSharedMemory(options), rng).run(steps, blocks);
  });
}

test("random operations through two attachments of one heap", sharing, (t) => {
  const rng = seeded(t, 77);
  const memory = new LocalSharedMemory(4, 200);
  const other = LocalSharedMemory.from(structuredClone(memory));
  const shadow = new Shadow(memory, rng);
  for (let i = 0; i < 40; i++) {
    // What one allocated the other frees, so that all frees are remote.
    shadow.memory = i % 2 ? memory : other;
    for (let n = 0; n < steps / 100; n++) shadow.allocate();
    shadow.memory = i % 2 ? other : memory;
    for (let n = 0; n < steps / 100 - 2 && shadow.live.length > 0; n++)
      shadow.release();
    shadow.compare();
  }
  while (shadow.live.length > 0) shadow.release();
  shadow.compare();
  other.detach();
  memory.trim();
  assert.ok(memory.stats().largestFree > 0.45 * memory.buffer.byteLength);
});

test("the same seed gives the same heap", () => {
  const images = [0, 1].map(() => {
    const memory = new LocalSharedMemory({
      initial: 8,
      maximum: 100,
      secret: 12345678901234567890n,
    });
    const shadow = new Shadow(memory, random(seed));
    for (let i = 0; i < 3000; i++) {
      if (shadow.rng.below(3)) shadow.allocate();
      else if (shadow.live.length) shadow.release();
    }
    return Buffer.from(memory.image());
  });
  assert.ok(images[0].equals(images[1]));
});

test("blocks of all sizes around a page's multiple", () => {
  const memory = new LocalSharedMemory(1, 2000);
  for (const near of [512, 1024, 4096, 16384, page, 2 * page, 16 * page]) {
    for (let size = near - 40; size < near + 40; size++) {
      const ptr = memory.malloc(size);
      assert.equal(memory.sizeof(ptr), size);
      memory.memset(ptr, 255, size);
      const next = memory.malloc(size);
      memory.memset(next, 0, size);
      assert.ok(
        memory.arrayView(Uint8Array, ptr).every((byte) => byte === 255),
      );
      memory.free(ptr);
      memory.free(next);
    }
  }
  assert.ok(memory.buffer.byteLength < 200 * page, "no growth without need");
  memory.check();
});
