// localsharedmemory/inspect: the list of regions and the picture, of the module
// that lies beside the one under test.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import {
  LocalSharedMemory,
  fails,
  long,
  message,
  moduleUrl,
  seeded,
  start,
} from "./support.js";

const { map, regions, version, watch } = await import(
  new URL("inspect.js", moduleUrl).href
);

/** Allocates and frees, and keeps some. */
function fill(memory, { below }, count = 3000) {
  const kept = [];
  for (let i = 0; i < count; i++) {
    const bytes = below(40) === 0 ? below(100_000) : below(600);
    const ptr = memory.tryMalloc(bytes);
    if (ptr !== 0) kept.push(ptr);
    if (below(3) === 0) {
      memory.free(kept.splice(below(kept.length), 1)[0] ?? 0);
    }
  }
  return kept;
}

/** What holds of every list of regions. */
function partition(list, base = 0) {
  let end = base;
  for (const region of list) {
    const { byteOffset, byteLength, blocks, used, kept, freed } = region;
    assert.equal(byteOffset, end);
    assert.ok(byteLength >= 1024 && byteLength % 1024 === 0);
    assert.ok(used + kept + freed <= blocks);
    end += byteLength;
  }
  return end;
}

const sum = (list, key) => list.reduce((total, one) => total + one[key], 0);

test("the regions are all of the heap, and count what is in it", (t) => {
  for (const options of [
    { initial: 512 },
    { initial: 4, maximum: 4 },
    { initial: 8, maximum: 400 },
    { initial: 512, shared: false },
    { initial: 512, heapBase: 70_016 },
  ]) {
    const memory = new LocalSharedMemory(options);
    const base = options.heapBase === undefined ? 0 : 73_728;
    const empty = regions(memory);
    assert.equal(empty[0].kind, "metadata");
    assert.ok(empty.every(({ kind }) => ["metadata", "free"].includes(kind)));
    fill(memory, seeded(t));
    const list = regions(memory);
    const stats = memory.stats();
    assert.equal(partition(list, base), base + stats.committed);
    assert.equal(sum(list, "used"), stats.blocks);
    const of = (kind) => list.filter((region) => region.kind === kind);
    assert.equal(of("slab").length, stats.slabs);
    assert.equal(of("span").length, stats.spans);
    assert.equal(sum(of("metadata"), "byteLength"), stats.metadata);
    const { thread } = memory;
    for (const slab of of("slab")) {
      assert.ok(slab.thread === thread || slab.thread === 0);
      assert.equal(slab.blockSize % 16, 0);
      assert.ok(slab.blocks * slab.blockSize <= slab.byteLength);
    }
    const sizes = new Map(memory.allocs().map((b) => [b.byteOffset, b]));
    for (const span of of("span")) {
      assert.equal(span.thread, thread);
      assert.equal(span.blockSize, sizes.get(span.byteOffset).byteLength);
    }
  }
});

test("looking writes nothing but this thread's own notes", (t) => {
  const memory = new LocalSharedMemory(64, 64);
  fill(memory, seeded(t));
  const before = new Uint8Array(memory.image());
  regions(memory);
  map(memory);
  const now = new Uint8Array(memory.image());
  const slots = 4096 * new DataView(now.buffer).getUint32(92, true);
  for (const bytes of [before, now]) bytes.fill(0, 2048, 2048 + slots);
  assert.deepEqual(now, before);
});

test("what other threads own, and have freed", async (t) => {
  const memory = new LocalSharedMemory(1024);
  const worker = start((Heap, memory, port) => {
    const heap = Heap.from(memory);
    const list = [];
    for (let i = 0; i < 500; i++) list.push(heap.malloc(100));
    const large = heap.malloc(300_000);
    port.postMessage({ thread: heap.thread, list, large });
    port.receive().then(() => heap.detach());
  }, memory);
  const { thread, list, large } = await message(worker);
  let found = regions(memory);
  assert.ok(
    found.some((r) => r.kind === "slab" && r.thread === thread && r.used > 0),
  );
  const span = found.find((r) => r.byteOffset === large);
  assert.equal(span.kind, "span");
  assert.equal(span.thread, thread);
  const used = sum(found, "used");
  for (const ptr of list.slice(-30)) memory.free(ptr);
  found = regions(memory);
  assert.equal(used - sum(found, "used"), 30);
  assert.ok(sum(found, "kept") >= 1, "this thread keeps some");
  assert.match(map(memory), /free and kept by a thread/);
  worker.postMessage("go");
  await worker.ended;
  found = regions(memory);
  assert.ok(found.every((r) => r.kind !== "slab" || r.thread !== thread));
  assert.equal(found.find((r) => r.byteOffset === large).thread, thread);
  t.diagnostic(`${found.length} regions`);
});

test("live, while others allocate and free", async (t) => {
  const memory = new LocalSharedMemory(64, 2048);
  const flag = memory.Int32Array(1).byteOffset / 4;
  const workers = [1, 2].map((n) =>
    start(
      (Heap, { memory, flag, n }) => {
        const heap = Heap.from(memory);
        const words = new Int32Array(memory.buffer);
        const held = [];
        for (let i = n; Atomics.load(words, flag) === 0; i += 7) {
          const size = i % 50 === 0 ? 30_000 + (i % 9) * 9000 : (i * 37) % 900;
          held.push(heap.malloc(size));
          if (held.length > 500) heap.free(held.splice(i % 500, 1)[0]);
        }
        for (const ptr of held) heap.free(ptr);
        heap.detach();
      },
      { memory, flag, n },
    ),
  );
  const kinds = new Set();
  for (let i = 0; i < (long ? 2000 : 150); i++) {
    const list = regions(memory);
    partition(list);
    for (const { kind } of list) kinds.add(kind);
    assert.ok(!kinds.has("damaged"));
    assert.match(map(memory), /<\/svg>\n$/);
    if (i % 10 === 0) await sleep(1);
  }
  Atomics.store(new Int32Array(memory.buffer), flag, 1);
  await Promise.all(workers.map((worker) => worker.ended));
  const stats = memory.stats();
  assert.equal(sum(regions(memory), "used"), stats.blocks);
  t.diagnostic([...kinds].join(" "));
});

test("the picture is the one that the lshm command draws", (t) => {
  const program = join(
    process.env.LSHM_BUILD ?? "build/release",
    "cli",
    "lshm",
  );
  assert.ok(fs.existsSync(program), `${program}: built by make`);
  const folder = fs.mkdtempSync(join(tmpdir(), "lshm-inspect-"));
  const image = join(folder, "image");
  try {
    for (const pages of [4, 1024]) {
      const memory = new LocalSharedMemory(pages, pages * 2);
      fill(memory, seeded(t));
      const list = regions(memory);
      const svg = map(memory, { title: "a <heap> \u{1f600}", width: 700 });
      fs.writeFileSync(image, new Uint8Array(memory.image()));
      const run = (...args) =>
        spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 });
      const drawn = run(
        "map",
        "-f",
        "svg",
        "-w",
        "700",
        "-T",
        "a <heap> \u{1f600}",
        image,
      );
      assert.equal(drawn.stdout, svg);
      const told = JSON.parse(run("map", "--json", image).stdout);
      assert.deepEqual(told.regions, list);
      assert.equal(run("check", image).status, 0);
      assert.deepEqual(
        JSON.parse(run("allocs", "--json", image).stdout).blocks,
        memory.allocs().map((b) => ({
          byteOffset: b.byteOffset,
          byteLength: b.byteLength,
          bufferSize: b.bufferSize,
          thread: b.thread,
        })),
      );
      const { threads } = JSON.parse(run("info", "--json", image).stdout);
      assert.deepEqual(threads, [
        { thread: memory.thread, state: "dead", process: 0 },
      ]);
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test("the text is bounded, whatever the heap", (t) => {
  const memory = new LocalSharedMemory(4096);
  const many = [];
  for (let i = 0; i < 12_500; i++) many.push(memory.malloc(17_000));
  for (let i = 0; i < many.length; i += 2) memory.free(many[i]);
  assert.ok(regions(memory).length > 10_000);
  const svg = map(memory);
  t.diagnostic(`${svg.length} bytes`);
  assert.ok(svg.length < 2_000_000);
  assert.match(svg, /regions, free [^<]+, span [^<]+; live blocks/);
});

test("wrong arguments, and memories that cannot be looked at", () => {
  const memory = new LocalSharedMemory(16);
  const plain = new WebAssembly.Memory({ initial: 1 });
  for (const look of [regions, map, (m) => watch(m, {})]) {
    for (const wrong of [undefined, null, 3, {}, plain]) {
      fails(() => look(wrong), TypeError, "INVALID", /inspect/);
    }
    const other = new WebAssembly.Memory({ initial: 1 });
    Object.defineProperty(other, Symbol("LocalSharedMemory.0"), { value: {} });
    fails(() => look(other), RangeError, "OTHER_COPY", /another copy/);
  }
  fails(() => map(memory, { width: "wide" }), RangeError, "INVALID", /width/);
  fails(() => map(memory, { width: NaN }), RangeError, "INVALID", /width/);
  memory.detach();
  fails(() => regions(memory), RangeError, "DETACHED");
  fails(() => map(memory), RangeError, "DETACHED");
  assert.match(version, /^\d+\.\d+\.\d+/);
});

test("watch keeps an element up to date until it is told to stop", async () => {
  const memory = new LocalSharedMemory(16);
  const make = () => ({
    listeners: {},
    innerHTML: "",
    addEventListener(name, listener) {
      this.listeners[name] = listener;
    },
    removeEventListener(name) {
      delete this.listeners[name];
    },
    contains: () => true,
  });
  const cell = { querySelector: () => ({ textContent: "numbers" }) };
  const document = {
    hidden: false,
    createElement: make,
    elementFromPoint: () => ({ closest: () => cell }),
  };
  const element = {
    ownerDocument: document,
    clientWidth: 500,
    replaceChildren(...children) {
      this.children = children;
    },
  };
  const until = async (condition) => {
    for (let i = 0; i < 500 && !condition(); i++) await sleep(10);
    assert.ok(condition());
  };
  const stop = watch(memory, element, { interval: 10, title: "live" });
  const [picture, numbers] = element.children;
  await until(() => picture.innerHTML !== "");
  assert.match(picture.innerHTML, /^<svg [^>]*width="500"/);
  assert.match(picture.innerHTML, />live<\/text>/);
  assert.match(picture.innerHTML, /in 0 live blocks/);
  memory.malloc(100);
  await until(() => /in 1 live block,/.test(picture.innerHTML));
  assert.equal(numbers.textContent, "\u200b");
  picture.listeners.pointermove({ clientX: 100, clientY: 60 });
  assert.equal(numbers.textContent, "numbers");
  document.hidden = true;
  await sleep(50);
  const shown = picture.innerHTML;
  memory.malloc(100);
  await sleep(100);
  assert.equal(picture.innerHTML, shown, "a hidden page draws nothing");
  document.hidden = false;
  await until(() => /in 2 live blocks/.test(picture.innerHTML));
  stop();
  memory.malloc(100);
  await sleep(100);
  assert.match(picture.innerHTML, /in 2 live blocks/);
  assert.deepEqual(picture.listeners, {});
});
