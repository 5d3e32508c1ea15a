// A reader of heaps that knows nothing but docs/LAYOUT.md: a DataView over an
// image's bytes, no wasm and no class. It finds what the class finds, so the
// page says enough to read a heap.

import assert from "node:assert/strict";
import { LocalSharedMemory, seeded, sharing, test } from "./support.js";

const KINDS = "FREE TAIL CLAIM SPAN SLAB XFREE RESIZE META".split(" ");
const [LIVE, CACHED] = [1, 3];
const REST = new Set(["FREE", "SPAN", "SLAB", "META"]); // nobody is working

const stride = (k) => (k < 8 ? k + 1 : ((k % 8) + 9) * 2 ** ((k >> 3) - 1));
const timesT = (x) => (x & 0x80 ? (x << 1) ^ 0x109 : x << 1);

class Reader {
  constructor(image) {
    this.view = new DataView(image);
    this.bytes = new Uint8Array(image);
    assert.ok(
      this.bytes.subarray(0, 64).every((byte) => byte === 0),
      "null",
    );
    assert.equal(this.u64(64), 0x504145484d48534cn, "magic");
    assert.equal(this.u32(72), 1, "version");
    assert.equal(this.u32(76), 0xf22b8e0a, "signature");
    this.chunk = 2 ** this.u32(80);
    [this.chunksMax, this.mapFirst] = [this.u32(84), this.u32(88)];
    [this.slotsFirst, this.secret] = [this.u32(92), this.u64(96)];
    this.canary = Number(this.secret >> 56n) | 0x80;
    this.committed = this.u32(104);
    assert.equal(image.byteLength, this.committed * this.chunk, "committed");
  }

  u16(at) {
    return this.view.getUint16(at, true);
  }
  u32(at) {
    return this.view.getUint32(at, true);
  }
  u64(at) {
    return this.view.getBigUint64(at, true);
  }

  /** The pieces of the map that describe committed chunks. */
  pieces() {
    const list = [];
    for (let first = 0; first < this.committed;) {
      const next = first === 0 ? this.mapFirst : first * 8;
      const end = Math.min(next, this.chunksMax);
      const at =
        first === 0 ? 2048 + 4096 * this.slotsFirst : first * this.chunk;
      const usable = Math.floor((at + (end - first) * 32 + 7) / this.chunk) + 1;
      list.push({ first, end: Math.min(end, this.committed), at, usable });
      first = end;
    }
    return list;
  }

  /** A header at its offset: its fields, its check verified. */
  header(at) {
    let [c0, c1] = [0, 0];
    for (let i = 5; i >= 0; i--) {
      c0 ^= this.bytes[at + i];
      c1 = timesT(c1) ^ this.bytes[at + i];
    }
    const place = ((at + 8) / 16) ^ Number(this.secret & 0xffffffffn);
    const pad = Math.imul(place, 0x9e3779b1) >>> 16;
    assert.equal(this.u16(at + 6), (c0 | (c1 << 8)) ^ pad, `check at ${at}`);
    const high = this.u16(at + 4) >> 13;
    const value = Number(this.u64(at) & 0x1fffffffffffn);
    return { value, state: high & 3, span: high >> 2 };
  }

  /** The block at a payload's offset, if it lives. */
  *block(offset, capacity, spanThread) {
    const span = spanThread !== undefined;
    const { value, state, span: isSpan } = this.header(offset - 8);
    assert.ok(state === LIVE || !span, `span at ${offset}`);
    const thread = span ? spanThread : Math.floor(value / 0x8000);
    if (state === CACHED)
      assert.ok(this.kept.get(thread).has(offset), `noted: ${offset}`);
    if (state !== LIVE) return;
    const size = span ? value : value & 0x7fff;
    assert.equal(isSpan, Number(span), `span bit at ${offset}`);
    assert.ok(size <= capacity, `size at ${offset}`);
    for (let i = 0; i < Math.min(8, capacity - size); i++) {
      const byte = this.bytes[offset + size + i];
      assert.equal(byte, this.canary, `canary of ${offset}`);
    }
    yield [offset, size, capacity + 8, thread];
  }

  /** Every live block: offset, size, footprint, thread. */
  *blocks() {
    this.kept = new Map([...this.slots()].map((s) => [s.thread, s.kept]));
    for (const { first, end, at, usable } of this.pieces()) {
      for (let c = first; c < end;) {
        const entry = at + (c - first) * 32;
        const [low, high] = [this.u32(entry), this.u32(entry + 4)];
        const [kind, arg] = [KINDS[low & 15], high >>> 8];
        assert.ok(REST.has(kind), `${kind} at chunk ${c}`);
        assert.ok(c >= usable || kind === "FREE", `the map's own chunk ${c}`);
        const length = { FREE: 1 }[kind] ?? arg;
        assert.ok(length >= 1 && c + length <= end, `length at chunk ${c}`);
        for (let i = 1; i < length; i++) {
          const tail = this.u32(entry + i * 32);
          assert.equal(tail & 15, KINDS.indexOf("TAIL"));
          assert.equal((tail ^ low) & 0x3f000, 0, `class of ${c}'s tail`);
          assert.equal(this.u32(entry + i * 32 + 4) >>> 8, i, `tail of ${c}`);
        }
        const payload = c * this.chunk;
        if (kind === "SPAN") {
          const thread = this.u32(entry + 24);
          yield* this.block(payload, length * this.chunk - 8, thread);
        } else if (kind === "SLAB") {
          const [step, fresh] = [
            stride((low >> 12) & 63),
            this.u16(entry + 20),
          ];
          assert.equal(fresh % step, 0, `fresh at chunk ${c}`);
          assert.ok(fresh * 16 <= length * this.chunk, `fresh at chunk ${c}`);
          for (let x = 0; x < fresh; x += step) {
            yield* this.block(payload + 16 * x, step * 16 - 8);
          }
        }
        c += length;
      }
    }
  }

  /** Every slot that is not FREE. */
  *slots() {
    for (let i = 0; i < 255; i++) {
      let at = 2048 + 4096 * i;
      if (i >= this.slotsFirst) {
        const j = Math.floor(Math.log2(i / this.slotsFirst));
        const chunk = this.u32(512 + 4 * j);
        if (chunk === 0) return;
        at = chunk * this.chunk + 4096 * (i - this.slotsFirst * 2 ** j);
      }
      const state = this.u64(at);
      if ((state & 7n) === 0n) continue;
      const kept = new Set();
      for (let k = 0; k < 624; k++) kept.add(this.u32(at + 1424 + 4 * k));
      yield { thread: (Number(state >> 40n) << 8) | (i + 1), kept };
    }
  }

  roots() {
    return Array.from({ length: 16 }, (_, i) => Number(this.u64(128 + 8 * i)));
  }

  names() {
    const names = new Map();
    for (let at = 1024; at < 2048; at += 64) {
      if (this.u64(at) !== 2n) continue;
      const text = this.bytes.slice(at + 16, at + 64);
      const name = new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
      if (!names.has(name)) names.set(name, Number(this.u64(at + 8)));
    }
    return names;
  }
}

/** Reallocates where there is room. */
function resize(memory, ptr, size) {
  try {
    return memory.realloc(ptr, size);
  } catch (error) {
    assert.equal(error.code, "ERR_LSHM_NOMEM");
    return ptr;
  }
}

/** Fills a heap at random, from several attachments, to at least `bytes`. */
function fill(memory, random, bytes) {
  const threads = [memory];
  while (threads.length < 7) {
    threads.push(LocalSharedMemory.from(structuredClone(memory)));
  }
  const blocks = [];
  const small = () => memory.buffer.byteLength < bytes;
  for (let step = 0; step < 4000 || (small() && step < 1e5); step++) {
    const thread = random.pick(threads);
    const kind = random.below(40);
    if (kind < 15 && blocks.length > 0) {
      const [ptr] = blocks.splice(random.below(blocks.length), 1);
      thread.free(ptr);
    } else if (kind === 15 && blocks.length > 0) {
      const i = random.below(blocks.length);
      blocks[i] = resize(thread, blocks[i], random.below(9000));
    } else {
      const size = random.below(kind === 16 ? 60000 : kind < 20 ? 6000 : 300);
      const ptr = thread.tryMalloc(size, 2 ** random.below(10));
      if (ptr === 0) continue;
      thread.memset(ptr, random.below(256), size);
      blocks.push(ptr);
    }
  }
  for (let i = 0; i < 16; i += 1 + random.below(3)) {
    memory.setRoot(i, random.pick(blocks));
    memory.setName(`näme ${i}`, random.pick(blocks));
  }
  threads.pop().detach(); // its blocks stay, as nobody's
  for (let i = random.below(100); i > 0; i--) {
    threads[1].free(blocks.pop()); // some of them XFREE in the image
  }
  return threads;
}

const shapes = [
  ["grown from 1 page", [1, 65536], 6 << 20, 4096, 4],
  ["of 1 MiB at most", [1, 16], 0, 1024, 2],
  ["of the default size", [], 0, 4096, 1],
];

for (const [index, [name, args, bytes, chunk, pieces]] of shapes.entries()) {
  test(`a heap ${name}, read by its bytes alone`, sharing, (t) => {
    const random = seeded(t, index);
    const memory = new LocalSharedMemory(...args);
    const threads = fill(memory, random, bytes);
    memory.check();
    const image = memory.image();
    const reader = new Reader(image);
    assert.equal(reader.chunk, chunk);
    assert.ok(reader.pieces().length >= pieces, "pieces of the map");

    const blocks = [...reader.blocks()];
    const listed = memory
      .allocs()
      .map((b) => [b.byteOffset, b.byteLength, b.bufferSize, b.thread]);
    assert.ok(blocks.length > 100, `${blocks.length} blocks`);
    assert.ok(new Set(blocks.map((b) => b[3])).size > 4, "threads");
    assert.deepEqual(blocks, listed);
    assert.deepEqual(
      reader.roots(),
      Array.from({ length: 16 }, (_, i) => memory.getRoot(i)),
    );
    const names = reader.names();
    assert.ok(names.size > 4);
    for (const [text, ptr] of names) assert.equal(memory.getName(text), ptr);
    assert.deepEqual(
      [...reader.slots()].map((slot) => slot.thread),
      memory.threads(),
    );

    // The reader does verify what it reads.
    const small = blocks.find((b) => b[2] - 8 > b[1]);
    for (const at of [small[0] - 1, small[0] - 8, small[0] + small[1]]) {
      reader.bytes[at] ^= 1 << random.below(8);
      assert.throws(() => [...reader.blocks()], assert.AssertionError);
      reader.bytes[at] = memory.getUint8(at);
    }
    assert.equal([...reader.blocks()].length, blocks.length);
    for (const thread of threads.slice(1)) thread.detach();
  });
}
