// The last chunks of a heap of 4 GiB, whose end is no 32-bit number.

import assert from "node:assert/strict";
import { LocalSharedMemory, test } from "./support.js";

test(
  "blocks that end where 4 GiB do are listed, checked and freed",
  { needs: "4 GiB" },
  () => {
    const memory = new LocalSharedMemory(65536);
    memory.malloc(memory.stats().largestFree - 20000);
    // Fills its chunk without a rest.
    const blocks = [];
    for (let ptr; (ptr = memory.tryMalloc(120)) !== 0;) blocks.push(ptr);
    assert.ok(Math.max(...blocks) + 120 + 8 === 2 ** 32);
    const listed = new Set(memory.allocs().map(({ byteOffset }) => byteOffset));
    assert.equal(listed.size, blocks.length + 1);
    for (const ptr of blocks) assert.ok(listed.has(ptr));
    assert.equal(memory.check().blocks, blocks.length + 1);
    for (const ptr of blocks) memory.free(ptr);
    assert.equal(memory.allocs().length, 1);
    // A span of the last chunk alone.
    memory.trim();
    const spans = [];
    for (let ptr; (ptr = memory.tryMalloc(16, 8192)) !== 0;) spans.push(ptr);
    assert.equal(memory.allocs().length, spans.length + 1);
  },
);
