// The shadow model: seeded random streams of every operation. A model in plain
// JavaScript knows which block lives where with what content; no two may
// overlap, and no byte of one may be changed by another.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  LocalSharedMemory,
  long,
  random,
  seed,
  seeded,
  settled,
} from "./support.js";

const page = 65536;

class Shadow {
  constructor(memory, rng) {
    this.memory = memory;
    this.rng = rng;
    this.live = []; // { ptr, size, stamp }
    this.granules = new Map(); // 16 bytes of the memory: the block over it
  }

  size() {
    const { rng } = this;
    const kind = rng.below(100);
    if (kind < 60) return rng.below(200);
    if (kind < 85) return rng.below(4000);
    if (kind < 98) return rng.below(40000);
    return rng.below(400000);
  }

  /** Marks a block's header and payload, and refuses an overlap. */
  claim(ptr, size) {
    const end = this.memory.buffer.byteLength;
    assert.ok(ptr >= 64 && ptr + size <= end, `${ptr}+${size} of ${end}`);
    const block = { ptr, size, stamp: this.rng.below(251) + 1 };
    for (let g = Math.floor((ptr - 8) / 16); g * 16 < ptr + size; g++) {
      // The header shares its 16 bytes with the end of the block before.
      if (g * 16 < ptr) continue;
      const other = this.granules.get(g);
      assert.equal(
        other,
        undefined,
        `${ptr}+${size} lies over ${other?.ptr}+${other?.size}`,
      );
      this.granules.set(g, block);
    }
    this.live.push(block);
    return block;
  }

  drop(block) {
    for (let g = block.ptr / 16; g * 16 < block.ptr + block.size; g++) {
      assert.equal(this.granules.get(g), block);
      this.granules.delete(g);
    }
    const i = this.live.indexOf(block);
    this.live[i] = this.live[this.live.length - 1];
    this.live.pop();
  }

  bytes({ ptr, size }) {
    return new Uint8Array(this.memory.buffer, ptr, size);
  }

  stamp(block) {
    this.bytes(block).fill(block.stamp);
  }

  verify(block, size = block.size) {
    const bytes = this.bytes(block);
    for (let i = 0; i < size; i++) {
      if (bytes[i] !== block.stamp) {
        assert.fail(
          `byte ${i} of ${block.ptr}+${block.size} is ${bytes[i]}, not ${block.stamp}`,
        );
      }
    }
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

test("random operations through two attachments of one heap", (t) => {
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
