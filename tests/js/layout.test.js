// One layout, byte for byte: the same stream of operations gives the same
// offsets, headers and bytes in wasm and in C, and each goes on with a heap
// that the other made. The C side is tests/c/stream.c, which carries out the
// operations that are made up here; a class below does the same in JavaScript.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  fails,
  LocalSharedMemory,
  long,
  message,
  random,
  seeded,
  start,
} from "./support.js";

const page = 65536;
const roots = 16;

const root = fileURLToPath(new URL("../..", import.meta.url));
const build = process.env.LSHM_BUILD ?? join(root, "build/release");
const program = join(build, "tests/stream");
assert.ok(
  existsSync(program),
  `expected ${program}: build it with -DLSHM_TESTS=ON, or set LSHM_BUILD`,
);

const folder = mkdtempSync(join(tmpdir(), "lshm-layout-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

/** A path that nobody has used; with bytes, a file. */
function file(bytes) {
  const path = join(folder, `heap-${files++}`);
  if (bytes !== undefined) writeFileSync(path, new Uint8Array(bytes));
  return path;
}

/** What C answers to operations, line by line. */
function inC(operations) {
  const input = operations.map((operation) => `${operation.join(" ")}\n`);
  const output = execFileSync(program, {
    input: input.join(""),
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 2 ** 28,
  });
  return output.split("\n").slice(0, -1);
}

// Bytes that count up, again and again; and zeros.
const counting = Uint8Array.from({ length: page + 256 }, (_, i) => i);
const zeros = new Uint8Array(page);

/** Carries out operations on a memory, and answers as stream.c does. */
class Stream {
  constructor(memory, heapBase = 0) {
    this.memory = memory;
    this.base = heapBase;
    this.pointers = new Map();
  }

  /** The answers, line by line. */
  run(operations) {
    return operations.flatMap(([command, ...rest]) => {
      try {
        return this[command](...rest);
      } catch (error) {
        const name = /^ERR_LSHM_(.*)$/.exec(error.code)?.[1];
        if (name === undefined) throw error;
        return name;
      }
    });
  }

  ptr(id) {
    return this.pointers.get(id) ?? 0;
  }

  size(ptr) {
    return ptr === 0 ? 0 : this.memory.sizeof(ptr);
  }

  header(ptr) {
    const bits = this.memory.getBigUint64(ptr - 8);
    return bits.toString(16).padStart(16, "0");
  }

  /** The block's bytes from one to the other, in pieces, with where each is. */
  *pieces(ptr, from, to) {
    for (let at = from; at < to; at += page) {
      const length = Math.min(page, to - at);
      yield [Buffer.from(this.memory.buffer, ptr + at, length), at];
    }
  }

  fill(ptr, from, to, first) {
    for (const [bytes, at] of this.pieces(ptr, from, to)) {
      const skip = (first + at) & 255;
      bytes.set(counting.subarray(skip, skip + bytes.length));
    }
  }

  filled(ptr, from, to, first) {
    for (const [bytes, at] of this.pieces(ptr, from, to)) {
      const skip = (first + at) & 255;
      if (!bytes.equals(counting.subarray(skip, skip + bytes.length))) {
        return false;
      }
    }
    return true;
  }

  zero(ptr, size) {
    for (const [bytes] of this.pieces(ptr, 0, size)) {
      if (!bytes.equals(zeros.subarray(0, bytes.length))) return false;
    }
    return true;
  }

  allocated(id, ptr, stands) {
    this.pointers.set(id, ptr);
    const words = [ptr - this.base, this.header(ptr)];
    return [...words, stands ? "stands" : "lost"].join(" ");
  }

  allocate(id, size, ptr, stands = true) {
    const line = this.allocated(id, ptr, stands);
    this.fill(ptr, 0, size, id);
    return line;
  }

  malloc(id, size) {
    return this.allocate(id, size, this.memory.malloc(size));
  }

  aligned(id, align, size) {
    return this.allocate(id, size, this.memory.malloc(size, align));
  }

  calloc(id, count, size) {
    const ptr = this.memory.calloc(count, size);
    const bytes = count * size;
    return this.allocate(id, bytes, ptr, this.zero(ptr, bytes));
  }

  realloc(id, size) {
    const old = this.ptr(id);
    const had = this.size(old);
    const first = had > 0 ? this.memory.getUint8(old) : id & 255;
    const ptr = this.memory.realloc(old, size);
    const kept = Math.min(had, size);
    const line = this.allocated(id, ptr, this.filled(ptr, 0, kept, first));
    this.fill(ptr, kept, size, first);
    return line;
  }

  free(id) {
    const ptr = this.ptr(id);
    const size = this.size(ptr);
    const first = size > 0 ? this.memory.getUint8(ptr) : 0;
    const stands = this.filled(ptr, 0, size, first);
    this.pointers.set(id, 0);
    this.memory.free(ptr);
    return stands ? "ok" : "ok lost";
  }

  number(id) {
    const list = this.memory.allocs();
    list.forEach(({ byteOffset }, i) => this.pointers.set(id + i, byteOffset));
    return String(list.length);
  }

  root(i, id) {
    this.memory.setRoot(i, this.ptr(id));
    return "ok";
  }

  name(text, id) {
    this.memory.setName(text, this.ptr(id));
    return "ok";
  }

  roots() {
    const offset = (ptr) => (ptr === 0 ? 0 : ptr - this.base);
    return Array.from({ length: roots }, (_, i) =>
      offset(this.memory.getRoot(i)),
    ).join(" ");
  }

  named(text) {
    const ptr = this.memory.getName(text);
    return String(ptr === 0 ? 0 : ptr - this.base);
  }

  grow(bytes) {
    try {
      this.memory.grow(bytes / page);
      return "ok";
    } catch (error) {
      if (error instanceof RangeError) return "NOMEM"; // the platform's own
      throw error;
    }
  }

  trim() {
    this.memory.trim();
    return "ok";
  }

  hash(ptr, size) {
    const bytes = new Uint8Array(this.memory.buffer, ptr, size);
    let hash = 2166136261;
    for (let i = 0; i < size; i++) hash = Math.imul(hash ^ bytes[i], 16777619);
    return (hash >>> 0).toString(16).padStart(8, "0");
  }

  blocks() {
    const lines = this.memory
      .allocs()
      .map(({ byteOffset, byteLength, bufferSize }) =>
        [
          byteOffset - this.base,
          byteLength,
          bufferSize,
          this.header(byteOffset),
          this.hash(byteOffset, byteLength),
        ].join(" "),
      );
    return [...lines, `${lines.length} blocks`];
  }

  stats() {
    const { committed, maximum, used, free, metadata, largestFree, blocks } =
      this.memory.stats();
    const values = [committed, maximum, used, free, metadata, largestFree];
    return [...values, blocks].join(" ");
  }

  check() {
    try {
      return `ok ${this.memory.check().blocks}`;
    } catch (error) {
      if (!/_(DAMAGED|OVERRUN)$/.test(error.code)) throw error;
      return `damaged at ${error.byteOffset - this.base}`;
    }
  }
}

/**
 * Expects answers to be the same, or says at which one they part; and to tell
 * of nothing lost or damaged.
 */
function same(actual, expected, what, allowed = /^$/) {
  const broken = (line) => /lost|damaged/.test(line) && !allowed.test(line);
  assert.equal(expected.find(broken), undefined, what);
  const at = actual.findIndex((line, i) => line !== expected[i]);
  if (at < 0 && actual.length === expected.length) return;
  const from = Math.max(at < 0 ? expected.length : at, 3) - 3;
  assert.deepEqual(
    actual.slice(from, from + 6),
    expected.slice(from, from + 6),
    `${what}: answers part at line ${at} of ${actual.length}`,
  );
  assert.equal(actual.length, expected.length, what);
}

// What a heap shows of itself.
const inspection = [["check"], ["stats"], ["blocks"], ["roots"]];
const texts = ["config", "größe", "a/b", "x".repeat(47), "消息"];
const names = texts.map((text) => ["named", text]);

/** A size that some program might ask for: edges, small ones, large ones. */
function anySize(rng, large) {
  const kind = rng.below(100);
  if (kind < 50) return rng.below(520);
  if (kind < 75) return Math.max(2 ** rng.below(14) + rng.below(35) - 17, 0);
  if (kind < 95) return rng.below(20_000);
  return rng.below(large);
}

/**
 * A stream of operations: blocks come and go in waves, and the heap is looked at
 * from time to time. `first` is the number of its first block; those below, to
 * `numbered`, are known to be there.
 */
function operations(rng, options) {
  const { steps, live, large, first = 0, numbered = 0 } = options;
  // More than any heap can have; but trying may cost all that one can grow to.
  const huge = options.maximum === 65536 ? large : 2 ** 32 - 1;
  const list = [];
  const ids = Array.from({ length: numbered }, (_, i) => i);
  let target = live;
  let next = Math.max(first, numbered);
  for (let i = 0; i < steps; i++) {
    if (i % 300 === 0) target = rng.below(live + 1);
    if (i % 250 === 0) list.push(["check"], ["stats"]);
    if (i % 1000 === 999) list.push(...inspection);
    const kind = rng.below(100);
    const at = rng.below(Math.max(ids.length, 1));
    if (ids.length > 0 && kind < 15) {
      list.push(["realloc", ids[at], anySize(rng, large)]);
    } else if (ids.length > 0 && kind < (ids.length > target ? 75 : 45)) {
      list.push(["free", ids[at]]);
      ids[at] = ids[ids.length - 1];
      ids.pop();
    } else if (kind > 96) {
      list.push(
        rng.pick([
          ["root", rng.below(roots), ids[at] ?? 0],
          ["name", rng.pick(texts), ids[at] ?? 0],
          ["trim"],
          ["grow", page * rng.below(3)],
          ["malloc", next++, huge - rng.below(100)],
          ["calloc", next++, 2 + rng.below(2), Math.floor(huge / 2)],
        ]),
      );
    } else {
      const size = anySize(rng, large);
      list.push(
        rng.pick([
          ["malloc", next, size],
          ["malloc", next, size],
          ["aligned", next, 2 ** rng.below(17), size],
          ["calloc", next, 1 + rng.below(3), size],
        ]),
      );
      ids.push(next++);
    }
  }
  list.push(...inspection, ...names);
  return list;
}

/** Where fields stand, from C's answer: `private` is a host's or a thread's. */
function layoutIn(lines) {
  const layout = { private: [] };
  for (const line of lines) {
    const [name, at, length] = line.split(" ");
    if (name === "private") layout.private.push([Number(at), Number(length)]);
    if (/^(magic|version|signature)$/.test(name)) layout[name] = Number(at);
  }
  assert.ok(layout.private.length > 0 && layout.magic >= 64);
  return layout;
}

/** Expects two images to differ in nothing but what is private. */
function sameBytes(actual, expected, lines, what) {
  const images = [actual, expected].map((image) => {
    const bytes = Buffer.from(image);
    for (const [at, length] of layoutIn(lines).private) {
      bytes.fill(0, at, at + length);
    }
    return bytes;
  });
  assert.equal(images[0].length, images[1].length, `${what}: length`);
  if (images[0].equals(images[1])) return;
  const at = images[0].findIndex((byte, i) => byte !== images[1][i]);
  const [a, b] = images.map((image) => image.toString("hex", at, at + 16));
  assert.fail(`${what}: bytes part at ${at}: ${a} and ${b}`);
}

/** Kinds of heaps: pages, and what suits them. */
const heaps = {
  "a page that grows": {
    ...{ initial: 1, maximum: 65536 },
    ...{ steps: 3000, live: 500, large: 400_000 },
  },
  "a page that grows to 1 MiB": {
    ...{ initial: 1, maximum: 16 },
    ...{ steps: 3000, live: 150, large: 120_000 },
  },
  "1 MiB": {
    ...{ initial: 16, maximum: 16 },
    ...{ steps: 3000, live: 200, large: 200_000 },
  },
  "the default 64 MB": {
    ...{ initial: 1000, maximum: 1000 },
    ...{ steps: 2000, live: 1200, large: 4_000_000 },
  },
};

for (const [name, heap] of Object.entries(heaps)) {
  test(`the same history gives the same bytes: ${name}`, (t) => {
    const rng = seeded(t, heap.maximum);
    const { initial, maximum } = heap;
    const secret = (BigInt(rng.next()) << 32n) | BigInt(rng.next()) | 1n;
    const steps = heap.steps * (long ? 20 : 1);
    const list = operations(rng, { ...heap, steps });
    const path = file();
    const make = [initial * page, maximum * page, secret];
    const end = [["image", path], ["layout"]];
    const lines = inC([["memory", ...make], ...list, ...end]);
    const image = readFileSync(path);

    for (const shared of [true, false]) {
      const options = { initial, maximum, shared, secret };
      const memory = new LocalSharedMemory(options);
      const answers = ["ok", ...new Stream(memory).run(list)];
      const what = shared ? "wasm" : "wasm, unshared";
      same(answers, lines.slice(0, answers.length), what);
      sameBytes(memory.image(), image, lines, what);
    }
    const others = inC([["anonymous", ...make], ...list, ...end]);
    same(others, lines, "C, without a name");
    sameBytes(readFileSync(path), image, lines, "C, without a name");
  });
}

test("every size gives the same block", () => {
  const sizes = Array.from({ length: 5000 }, (_, size) => size);
  for (let edge = 5120; edge <= 6 * page; edge += edge >> 4) {
    sizes.push(...[-17, -16, -9, -8, -7, -1, 0, 1].map((by) => edge + by));
  }
  const list = sizes.map((size, id) => ["malloc", id, size]);
  // In place where that is possible: to the next size, and back.
  list.push(...sizes.map((size, id) => ["realloc", id, size + 1]));
  list.push(...sizes.map((size, id) => ["realloc", id, Math.max(size - 1, 0)]));
  for (let id = 0; id < sizes.length; id += 3) list.push(["free", id]);
  list.push(["trim"], ...inspection);
  const make = [1000 * page, 1000 * page, 3];
  const lines = inC([["memory", ...make], ...list]);
  const memory = new LocalSharedMemory({ initial: 1000, secret: 3n });
  same(["ok", ...new Stream(memory).run(list)], lines, "wasm");
});

/** C and JavaScript open one image and go on in the same way. */
function goOn(rng, image, options) {
  const list = [
    ...inspection,
    ["number", 0],
    ...operations(rng, { ...options, steps: 800 }),
  ];
  const [path, result] = [file(image), file()];
  const lines = inC([["open", path], ...list, ["image", result], ["layout"]]);
  const memory = LocalSharedMemory.open(image);
  const answers = ["ok", ...new Stream(memory).run(list)];
  same(answers, lines.slice(0, answers.length), "going on");
  sameBytes(memory.image(), readFileSync(result), lines, "going on");
  rmSync(path);
  rmSync(result);
}

const contents = [["blocks"], ["roots"], ...names];

for (const [name, heap] of Object.entries(heaps)) {
  test(`C goes on with JavaScript's image: ${name}`, (t) => {
    const rng = seeded(t, heap.maximum + 1);
    const { initial, maximum } = heap;
    // Pointers count from the memory's start, and all that is stored from the
    // heap's base.
    for (const heapBase of [0, 3 * page + 4096]) {
      const memory = new LocalSharedMemory({
        initial: initial + Math.ceil(heapBase / page),
        maximum: Math.min(maximum + Math.ceil(heapBase / page), 65536),
        heapBase,
      });
      const stream = new Stream(memory, heapBase);
      stream.run(operations(rng, { ...heap, steps: 1000 }));
      const expected = stream.run(contents);
      const image = memory.image();
      const open = [["open", file(image)], ["check"], ...contents];
      const lines = inC([...open, ["close"]]);
      const blocks = expected.findIndex((line) => line.endsWith(" blocks"));
      same(lines, ["ok", `ok ${blocks}`, ...expected, "ok"], "C");
      if (heapBase === 0) goOn(rng, image, { ...heap, numbered: blocks });
    }
  });

  test(`JavaScript goes on with C's file: ${name}`, (t) => {
    const rng = seeded(t, heap.maximum + 2);
    // In the end C closes the heap, or is gone without a word.
    for (const end of ["close", "leave"]) {
      const path = file();
      const pages = [heap.initial * page, heap.maximum * page];
      const lines = inC([
        ["create", path, ...pages, 0],
        ...operations(rng, { ...heap, steps: 1000 }),
        ...contents,
        [end],
      ]);
      if (end === "close") assert.equal(lines.pop(), "ok");
      const image = readFileSync(path);
      const memory = LocalSharedMemory.open(image);
      const answers = new Stream(memory).run(contents);
      same(answers, lines.slice(-answers.length), "JavaScript");
      memory.check();
      assert.deepEqual(memory.threads(), [memory.thread]);
      const blocks = memory.stats().blocks;
      goOn(rng, image, { ...heap, numbered: blocks });
      rmSync(path);
    }
  });
}

test("a C heap that is no whole number of pages", (t) => {
  const rng = seeded(t, 5);
  for (const [initial, maximum] of [
    [5 * 4096, 50 * 4096],
    [17 * 4096, 1000 * 4096],
    [page, 2 * page + 4096],
  ]) {
    const path = file();
    const size = { steps: 300, live: 100, large: maximum / 8 };
    const list = [...operations(rng, size), ...contents];
    const lines = inC([["create", path, initial, maximum, 0], ...list]);
    const memory = LocalSharedMemory.open(readFileSync(path));
    const stream = new Stream(memory);
    const answers = stream.run(contents);
    same(answers, lines.slice(-answers.length), "JavaScript");
    stream.run(operations(rng, { ...size, first: 10_000 }));
    memory.check();
    assert.ok(memory.stats().committed <= maximum, "the heap's own maximum");
    const expected = stream.run(contents);
    const again = inC([["open", file(memory.image())], ["check"], ...contents]);
    same(again.slice(2), expected, "C again");
    assert.match(again[1], /^ok /);
  }
});

/** Two workers that allocate, write and free as fast as they can. */
async function storm(memory) {
  const stop = memory.index(Int32Array, memory.calloc(1, 4));
  const work = (LocalSharedMemory, [data, stop, seed], port) => {
    const memory = LocalSharedMemory.from(data);
    const list = [];
    let random = seed;
    for (let n = 0; memory.load(Int32Array, stop) === 0; n++) {
      random = (random * 48271) % 2147483647;
      // In waves, so that slabs and spans come and go too.
      if (list.length < (n & 4096 ? 300 : 3)) {
        const size = random % (n % 50 === 0 ? 200_000 : 3000);
        const ptr = memory.malloc(size);
        memory.memset(ptr, random, size);
        list.push(ptr);
      } else memory.free(list.splice(random % list.length, 1)[0]);
      if (n === 1000) port.postMessage("under way");
    }
  };
  const workers = [1, 2].map((seed) => start(work, [memory, stop, seed]));
  await Promise.all(workers.map(message));
  return async () => {
    memory.store(Int32Array, stop, 1);
    await Promise.all(workers.map((worker) => worker.ended));
  };
}

test("images taken while workers allocate and free", async (t) => {
  const rng = seeded(t, 7);
  const memory = new LocalSharedMemory(64, 400);
  const size = { live: 200, large: 100_000 };
  // What nobody touches while the images are taken.
  const stream = new Stream(memory);
  stream.run(operations(rng, { ...size, steps: 1000 }));
  const still = stream.run([["blocks"]]).slice(0, -1);
  const told = stream.run([["roots"], ...names]);
  const stop = await storm(memory);
  t.after(stop); // also where an image is refused
  // A block that changed hands while it was copied may show as damaged.
  const torn = /^damaged at \d+$/;
  let sound = 0;
  for (let i = 0; i < (long ? 200 : 12); i++) {
    const image = memory.image();
    const [path, result] = [file(image), file()];
    const list = [["check"], ["roots"], ...names, ["blocks"], ["stats"]];
    list.push(...operations(rng, { ...size, steps: 300, first: 1000 }));
    const end = [["image", result], ["layout"]];
    const lines = inC([["open", path], ...list, ...end]);
    const opened = LocalSharedMemory.open(image);
    const answers = ["ok", ...new Stream(opened).run(list)];
    assert.deepEqual(opened.threads(), [opened.thread]);
    same(answers, lines.slice(0, answers.length), `image ${i}`, torn);
    sameBytes(opened.image(), readFileSync(result), lines, `image ${i}`);
    same(lines.slice(2, 2 + told.length), told, "roots and names");
    const listed = new Set(lines);
    for (const line of still) assert.ok(listed.has(line), `lost: ${line}`);
    if (!torn.test(lines[1])) sound++;
    rmSync(path);
    rmSync(result);
  }
  t.diagnostic(`${sound} images without a torn block`);
  await stop();
  assert.match(stream.run([["check"]])[0], /^ok /);
});

test("another layout is refused, and nothing written", () => {
  const { magic, version, signature } = layoutIn(
    inC([["memory", page, page, 1], ["layout"]]),
  );
  const script = operations(random(1), { steps: 100, live: 50, large: 5000 });
  const memory = new LocalSharedMemory(1, 10);
  new Stream(memory).run(script);
  const path = file();
  inC([["create", path, page, 10 * page, 0], ...script, ["close"]]);
  for (const image of [memory.image(), readFileSync(path)]) {
    for (const [name, at, length] of [
      ["NO_HEAP", magic, 8],
      ["VERSION", version, 4],
      ["SIGNATURE", signature, 4],
    ]) {
      for (let i = at; i < at + length; i++) {
        const bytes = new Uint8Array(image).slice();
        bytes[i] ^= 1 << (i & 7);
        refused(bytes, name);
      }
    }
    refused(new Uint8Array(image).slice(0, -page / 2), "TRUNCATED");
    refused(new Uint8Array(image).slice(0, magic), "NO_HEAP");
  }
});

/** Expects bytes to be refused wherever a heap can be opened. */
function refused(bytes, name) {
  const before = Buffer.from(bytes);
  const path = file(bytes);
  const { mtimeNs } = statSync(path, { bigint: true });
  const lines = ["open", "attach"].flatMap((how) => inC([[how, path]]));
  assert.deepEqual(lines, [name, name], "C");
  assert.ok(readFileSync(path).equals(before), "the file is as it was");
  assert.equal(statSync(path, { bigint: true }).mtimeNs, mtimeNs);
  rmSync(path);
  fails(() => LocalSharedMemory.open(bytes), RangeError, name);
  assert.ok(before.equals(bytes), "the bytes are as they were");
  for (const shared of [true, false]) {
    const initial = Math.max(Math.ceil(bytes.length / page), 1);
    const plain = new WebAssembly.Memory({ initial, maximum: 10, shared });
    const all = Buffer.from(plain.buffer);
    all.set(bytes);
    const copy = Buffer.from(all);
    // A memory has whole pages, so what is cut off is zero there.
    if (name !== "TRUNCATED") {
      fails(() => LocalSharedMemory.from(plain), RangeError, name);
      assert.ok(copy.equals(all), "the memory is as it was");
    }
  }
}
