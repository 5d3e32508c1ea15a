// The examples, run as a user runs them.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LocalSharedMemory } from "localsharedmemory";
import { findSolutions } from "../../examples/module/run.js";
import { seeded } from "./support.js";

const LIMIT = { timeout: 120_000 };
const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const build = process.env.LSHM_BUILD ?? join(root, "build/release");
const words = join(build, "examples/words");
const folder = mkdtempSync(join(tmpdir(), "lshm-examples-"));
const image = join(folder, "words.heap");
after(() => rmSync(folder, { recursive: true }));

/** Runs the demo; gives what it printed. */
async function demo(...args) {
  const script = join(root, "examples/demo/run.js");
  const all = [script, "--image", image, ...args];
  const { stdout } = await run(process.execPath, all, {
    cwd: folder,
    ...LIMIT,
  });
  return stdout;
}

/** Expects a program to fail with a code and a message, and to print nothing. */
async function refuses(promise, code, message) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.code, code, error.stack);
    assert.match(error.stderr, message);
    return true;
  });
}

/** How a text's words come out, counted in yet another way. */
function count(text) {
  const counts = new Map();
  for (const word of text.toLowerCase().split(/[^a-z]+/)) {
    if (word !== "") counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

test(
  "the demo counts right, and the C program finds the same",
  LIMIT,
  async () => {
    const text = "The cat and the hat. THE END\n" + "and so on ".repeat(40);
    const other = "a-cat_on 4 hats\n";
    const rounds = Math.ceil(2 ** 20 / (text.length + other.length));
    const path = join(folder, "text");
    writeFileSync(path, text);
    writeFileSync(join(folder, "other"), other);
    const args = ["--mib", "1", "--workers", "5", path, join(folder, "other")];
    const output = await demo(...args);
    assert.match(output, /one heap, 5 workers, one hash table, no lock/);
    assert.match(
      output,
      new RegExp(`read ${rounds.toLocaleString("en-US")} times`),
    );
    assert.match(
      output,
      /check\(\): healthy\. Live blocks \d+, free blocks \d+/,
    );
    assert.match(output, /agree on each count/);
    const expected = count(text + other)
      .map(([word, n]) => `${n * rounds}\t${word}\n`)
      .join("");
    const { stdout } = await run(words, [image, "0"], LIMIT);
    assert.equal(stdout, expected);
    // The table that it prints, too.
    for (const line of expected.split("\n").slice(0, 5)) {
      const [n, word] = line.split("\t");
      const column = ` +${Number(n).toLocaleString("en-US")}`;
      assert.match(output, new RegExp(`\n  ${word}${column.repeat(3)}\n`));
    }
  },
);

test(
  "the demo on many words, long ones and pieces of a large file",
  LIMIT,
  async () => {
    const path = join(folder, "large");
    const letters = (n) =>
      n.toString(26).replace(/[0-9]/g, (d) => "qrstuvwxyz"[d]);
    const list = Array.from({ length: 200_000 }, (_, i) => letters(i * 7919));
    list.splice(100_000, 0, "long".repeat(2000));
    writeFileSync(path, list.join(" "));
    const output = await demo("--mib", "4", "--workers", "3", path);
    const rounds = /read (\d+) times/.exec(output)[1];
    const { stdout } = await run(words, [image, "0"], { maxBuffer: 2 ** 26 });
    assert.match(
      stdout,
      new RegExp(`^${rounds}\t${"long".repeat(2000)}$`, "m"),
    );
    assert.equal(stdout.split("\n").length - 1, new Set(list).size);
  },
);

test("the demo and its C program say what was wrong", LIMIT, async () => {
  await refuses(
    demo(join(folder, "no-such-file")),
    1,
    /^demo: ENOENT.*no-such-file/,
  );
  await refuses(
    demo("--workers", "1"),
    1,
    /--workers, a number from 2 to 64, not 1/,
  );
  await refuses(demo("--mib", "x"), 1, /--mib, a number from 1 to 4096, not x/);
  const binary = join(folder, "binary");
  writeFileSync(binary, new Uint8Array(100));
  await refuses(demo(binary), 1, /no text in .*binary/);
  await refuses(run(words, [binary]), 1, /^words: .*binary: /);
  await refuses(
    run(words, [join(folder, "none")]),
    1,
    /No such file or directory/,
  );
  await refuses(run(words, []), 2, /^usage: words HEAP \[COUNT\]/);
});

test("a damaged image ends the C program with an error", LIMIT, async () => {
  const path = join(folder, "few");
  writeFileSync(path, "alpha beta gamma ".repeat(1000));
  await demo("--mib", "1", path);
  const bytes = readFileSync(image);
  const damaged = join(folder, "damaged.heap");
  // The word's own string: freed blocks and reused memory hold others.
  const memory = LocalSharedMemory.open(bytes);
  const live = memory.allocs().map(({ byteOffset }) => byteOffset);
  const at = live.find(
    (ptr) => bytes.toString("latin1", ptr, ptr + 5) === "alpha",
  );
  assert.ok(at > 0);
  bytes.fill(0xee, at - 8, at + 8); // its header as well
  writeFileSync(damaged, bytes);
  await refuses(run(words, [damaged]), 1, /^words: .*damaged/);
  writeFileSync(damaged, readFileSync(image).subarray(0, 40_000));
  await refuses(run(words, [damaged]), 1, /shorter/);
});

const known = { 6: 4, 10: 724, 11: 2680, 12: 14200 };

/** Whether no two queens attack each other. */
const valid = (rows) =>
  rows.every((row, i) =>
    rows.slice(i + 1).every((other, j) => {
      const apart = Math.abs(row - other);
      return apart !== 0 && apart !== j + 1;
    }),
  );

test(
  "a module of plain C runs in four workers over the heap",
  LIMIT,
  async () => {
    for (const size of [6, 10, 11]) {
      const { memory, solutions, results } = await findSolutions(size);
      assert.equal(solutions.length, known[size] / 2);
      assert.equal(new Set(solutions.map(String)).size, known[size] / 2);
      assert.ok(solutions.every(valid));
      // Each job was given out once: the static data were set once, though five
      // instances came into being, four of them at the same time.
      assert.equal(
        results.reduce((sum, { jobs }) => sum + jobs, 0),
        size,
      );
      const stacks = results.map(({ stack }) => stack).sort((a, b) => a - b);
      assert.equal(stacks.length, 4);
      assert.ok(stacks[0] > 65536);
      stacks.reduce((low, high) => (assert.ok(high >= low + 16384), high));
      // JavaScript freed what C allocated in other threads, and nothing is left.
      assert.equal(memory.check().blocks, 0);
    }
  },
);

// Shows that the test above would see a shared stack.
test("workers that share one stack get it wrong", LIMIT, async () => {
  const size = 12;
  for (let tries = 0; tries < 10; tries++) {
    const { solutions } = await findSolutions(size, { stackBytes: 0 });
    const right =
      solutions.length === known[size] / 2 && solutions.every(valid);
    if (!right) return;
  }
  assert.fail("four workers on one stack came out right ten times");
});

test("the module's example prints solutions", LIMIT, async () => {
  const script = join(root, "examples/module/run.js");
  const { stdout } = await run(process.execPath, [script, "8"], LIMIT);
  assert.match(stdout, /^8 queens: 46 solutions and as many mirrored ones\n/);
  assert.equal(stdout.match(/Q/g).length, 8);
  assert.match(stdout, /\nblocks left in the heap: 0\n$/);
  await refuses(
    run(process.execPath, [script, "99"]),
    1,
    /SIZE from 4 to 14, not 99/,
  );
});

/** Ends a program that a test started, and waits until it has ended. */
async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill();
  await ended;
}

/** The mean of the square around a point, in another way than the example. */
function blurred(rgb, width, height, x, y, c) {
  const radius = 8;
  const values = [];
  for (let i = 0; i < width * height; i++) {
    const near =
      Math.abs((i % width) - x) <= radius &&
      Math.abs(Math.floor(i / width) - y) <= radius;
    if (near) values.push(rgb[i * 3 + c]);
  }
  return Math.floor(values.reduce((a, b) => a + b) / values.length);
}

test("the filter's threads blur one picture", LIMIT, async (t) => {
  const script = join(root, "examples/filter/run.js");
  const [width, height] = [61, 47];
  const { next } = seeded(t);
  const rgb = Uint8Array.from({ length: width * height * 3 }, next);
  const input = join(folder, "in.ppm");
  const output = join(folder, "out.ppm");
  const header = `P6\n${width} ${height}\n255\n`;
  writeFileSync(input, Buffer.concat([Buffer.from(header), rgb]));
  const { stdout } = await run(process.execPath, [script, input, output]);
  assert.match(stdout, /^61 x 47, \d threads: \d+ ms\n$/);
  const result = readFileSync(output);
  const start = result.indexOf("255\n") + 4;
  assert.equal(result.length - start, rgb.length);
  for (let i = 0; i < rgb.length; i++) {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    const expected = blurred(rgb, width, height, x, y, i % 3);
    assert.equal(result[start + i], expected, `${x}, ${y}, ${i % 3}`);
  }
  await assert.rejects(run(process.execPath, [script, script, output]), /P6/);
});

test("C finds in the tree what JavaScript added", LIMIT, async () => {
  const script = join(root, "examples/structure/run.js");
  for (const [x, y, name] of [
    [13.4, 52.5, "Paris"],
    [-80, -1, "Quito"],
    [-77, -13, "Lima"],
    [150, 0, "Sydney"],
    [31, 31, "Cairo"],
    [0, 0, "Lagos"],
  ]) {
    const { stdout } = await run(process.execPath, [script, `${x}`, `${y}`]);
    assert.equal(stdout, `nearest to ${x} ${y}: ${name}\nblocks left: 0\n`);
  }
});

test(
  "processes exchange frames, also when they are killed",
  LIMIT,
  async (t) => {
    const frames = join(build, "examples/frames");
    const heap = join(folder, "frames.heap");
    const all = /^(\d+) frames of 320 x 180, all as they were sent\n$/;
    const consumer = run(frames, ["consume", heap], LIMIT);
    await run(frames, ["produce", heap, "100"], LIMIT);
    assert.equal(all.exec((await consumer).stdout)[1], "100");
    assert.ok(!existsSync(heap));
    // A consumer and a producer are killed; others take their places.
    const { below } = seeded(t);
    for (const command of [
      ["produce", heap, "1000000"],
      ["consume", heap],
      ["produce", heap, "1000000"],
    ]) {
      const child = spawn(frames, command, { stdio: "ignore" });
      const other = command[0] === "consume" ? "produce" : "consume";
      const more = other === "produce" ? ["1000000"] : [];
      const partner = spawn(frames, [other, heap, ...more], {
        stdio: "ignore",
      });
      await new Promise((resolve) => setTimeout(resolve, 50 + below(100)));
      child.kill("SIGKILL");
      await Promise.all([once(child, "exit"), end(partner)]);
    }
    const last = run(frames, ["consume", heap], LIMIT);
    await run(frames, ["produce", heap, "50"], LIMIT);
    // Those that were sent and not taken came as well.
    const count = Number(all.exec((await last).stdout)[1]);
    assert.ok(count >= 50 && count <= 58, `${count} frames`);
    await refuses(run(frames, []), 2, /^usage: frames/);
  },
);

test("workers of the server share what one computed", LIMIT, async () => {
  const script = join(root, "examples/cache/server.js");
  const server = spawn(process.execPath, [script, "0"]);
  try {
    const [line] = await once(server.stdout, "data");
    const url = String(line).trim();
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/primes\/1000000$/);
    const get = async (path) => (await fetch(new URL(path, url))).json();
    const first = await get("/primes/1000000");
    assert.deepEqual(first, {
      primes: 78498,
      by: first.by,
      from: "computation",
    });
    // The others answer in turn: from what the first one stored.
    for (let i = 0; i < 8; i++) {
      const again = await get("/primes/1000000");
      assert.deepEqual(again, { ...first, from: "cache" });
    }
    // Many at once, of more keys than the table has words.
    const known = [0, 0, 0, 1, 2, 2, 3, 3, 4, 4, 4];
    const paths = Array.from({ length: 3000 }, (_, i) => i % 1500);
    for (let at = 0; at < paths.length; at += 100) {
      const some = paths.slice(at, at + 100);
      const answers = await Promise.all(some.map((n) => get(`/primes/${n}`)));
      for (const [i, { primes }] of answers.entries()) {
        if (some[i] < known.length) assert.equal(primes, known[some[i]]);
      }
    }
    assert.match((await get("/primes/x")).error, /expected/);
  } finally {
    await end(server);
  }
});

// The size that is promised of each of these.
test("these examples have less than 100 lines", () => {
  for (const name of ["audio", "cache", "filter", "frames", "structure"]) {
    const files = readdirSync(join(root, "examples", name));
    const lines = files
      .filter((file) => /\.(js|c)$/.test(file))
      .map((file) => readFileSync(join(root, "examples", name, file), "utf8"))
      .reduce((sum, text) => sum + text.split("\n").length - 1, 0);
    assert.ok(lines > 20 && lines < 100, `${name}: ${lines} lines`);
  }
});
