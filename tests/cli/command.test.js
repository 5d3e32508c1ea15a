// The lshm command, as a user runs it: LSHM_COMMAND is the program, LSHM_WORKER a
// process to look into.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { long, random, seed } from "../js/random.js";

const { LSHM_COMMAND: command, LSHM_WORKER: worker } = process.env;
const folder = fs.mkdtempSync(join(tmpdir(), "lshm-cli-"));
const file = (name) => join(folder, name);
const sharedNames = [];
const children = new Set();

after(() => {
  for (const child of children) child.kill("SIGKILL");
  for (const name of sharedNames) fs.rmSync(`/dev/shm${name}`, { force: true });
  fs.rmSync(folder, { recursive: true, force: true });
});

/** What every command may end with. */
const CODES = [0, 1, 2, 3, 64];
const LOOKING = [
  ["ls", "-l"],
  ["ls"],
  ["info"],
  ["allocs"],
  ["allocs", "-B"],
  ["check"],
  ["map"],
  ["map", "-f", "svg"],
  ["map", "-f", "html"],
  ["save", "-o", "-"],
];

/** Runs the command to its end. */
function lshm(args, options = {}) {
  const { program = command, ...rest } = options;
  const result = spawnSync(program, args, {
    timeout: 30_000,
    maxBuffer: 1 << 28,
    encoding: "utf8",
    ...rest,
  });
  const how = `lshm ${args.join(" ")} (LSHM_SEED=${seed}): ${result.error ?? result.signal} ${result.stderr}`;
  assert.equal(result.signal, null, how);
  assert.ok(CODES.includes(result.status), how);
  return result;
}

/** Runs it with --json, expects a code, and gives what it wrote. */
function json(args, code = 0, options = {}) {
  const { status, stdout, stderr } = lshm([...args, "--json"], options);
  assert.equal(status, code, `lshm ${args.join(" ")}: ${stderr}`);
  return JSON.parse(stdout);
}

let names = 0;

/** A new heap in shared memory. */
function shared(...args) {
  const name = `/lshm-cli-${process.pid}-${names++}`;
  sharedNames.push(name);
  assert.equal(lshm(["create", ...args, name]).status, 0);
  return name;
}

/** A new heap with blocks in it. */
function filled(name = shared("-m", "64M"), blocks = 2000) {
  const { status, stderr } = spawnSync(
    worker,
    ["fill", name, String(seed), String(blocks)],
    { encoding: "utf8", timeout: 60_000 },
  );
  assert.equal(status, 0, stderr);
  return name;
}

/** A process that works in a heap until it is killed. */
async function working(name, threads = 2) {
  const child = spawn(worker, ["work", name, String(seed), String(threads)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  child.ended = new Promise((resolve) => child.once("exit", resolve));
  child.ended.then(() => children.delete(child));
  await new Promise((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.ended.then(() => reject(new Error("the worker ended early")));
  });
  return child;
}

async function killed(child) {
  child.kill("SIGKILL");
  await child.ended;
}

test("help, for all and for each command, and wrong usage", () => {
  const all = lshm(["--help"]);
  assert.equal(all.status, 0);
  const listed = [...all.stdout.matchAll(/^ {2}([a-z]+) {2,}\w/gm)].map(
    ([, name]) => name,
  );
  assert.deepEqual(
    listed.sort(),
    "allocs check create info ls map reap rm save".split(" "),
  );
  for (const name of listed) {
    for (const args of [
      [name, "--help"],
      [name, "-h"],
      ["help", name],
    ]) {
      const { status, stdout, stderr } = lshm(args);
      assert.equal(status, 0);
      assert.equal(stderr, "");
      assert.match(stdout, new RegExp(`^lshm ${name} - .+\n\nUsage: lshm`));
      assert.match(stdout, /Exit codes:\n {3}0 {2}done.*64 {2}wrong usage/s);
      for (const line of stdout.split("\n")) assert.ok(line.length <= 84, line);
    }
  }
  assert.match(lshm(["--version"]).stdout, /^lshm \d+\.\d+\.\d+\n$/);
  for (const args of [
    [],
    ["frobnicate"],
    ["help", "frobnicate"],
    ["check"],
    ["info", "/a", "/b"],
    ["info", "--output=x", "/a"],
    ["check", "--frobnicate", "/a"],
    ["create", "-i", "12Q", "/a"],
    ["create", "-i", "-1", "/a"],
    ["create", "-m", "99999999999999999999", "/a"],
    ["create", "-i", "5 ", "/a"],
    ["create", "-p", "888", "/a"],
    ["create", "-p", "0", "/a"],
    ["allocs", "-t", "0", "/a"],
    ["allocs", "-n", "x", "/a"],
    ["create", "-i"],
    ["map", "-f", "png", "/a"],
    ["map", "-w", "5", "/a"],
    ["save", "/a"],
    ["reap", "-F", "/a"],
  ]) {
    const { status, stdout, stderr } = lshm(args);
    assert.equal(status, 64, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, args.length ? /^lshm[^\n]*: .+\nTry: lshm/ : /Usage/);
  }
});

test("create: sizes, modes, and never over something", () => {
  const name = shared("-i", "128K", "--maximum=8MiB", "-p", "640");
  assert.equal(fs.statSync(`/dev/shm${name}`).mode & 0o777, 0o640);
  const info = json(["info", name]);
  assert.equal(info.committed, 128 << 10);
  assert.equal(info.maximum, 8 << 20);
  const again = json(["create", name], 3);
  assert.equal(again.error, "ERR_LSHM_SYSTEM");
  assert.match(again.message, /exists/);
  const made = json(["create", "-m", "1M", file("made")]);
  assert.deepEqual(made, {
    name: file("made"),
    committed: 1 << 20,
    maximum: 1 << 20,
  });
  assert.equal(fs.statSync(file("made")).mode & 0o777, 0o600);
  assert.equal(lshm(["create", file("made")]).status, 3);
  assert.equal(lshm(["create", "-i", "1", "-m", "2", file("no")]).status, 3);
  assert.equal(lshm(["create", "-i", "2M", "-m", "1M", file("no")]).status, 3);
  assert.equal(lshm(["create", join(folder, "none", "x")]).status, 3);
  assert.ok(!fs.existsSync(file("no")));
});

test("ls: shared memory, names, directories", () => {
  const name = filled();
  const mine = json(["ls"], lshm(["ls"]).status).find((h) => h.name === name);
  assert.equal(mine.state, "heap");
  assert.equal(mine.bytes, fs.statSync(`/dev/shm${name}`).size);
  const [detailed] = json(["ls", "--long", name]);
  assert.equal(detailed.state, "healthy");
  assert.equal(detailed.blocks, json(["info", name]).blocks);
  assert.equal(detailed.maximum, 64 << 20);
  const directory = file("directory");
  fs.mkdirSync(directory);
  fs.writeFileSync(join(directory, "text"), "no heap");
  assert.equal(lshm(["create", join(directory, "heap")]).status, 0);
  assert.deepEqual(
    json(["ls", directory]).map((h) => h.name),
    [join(directory, "heap")],
  );
  const all = json(["ls", "-a", directory]);
  assert.deepEqual(
    all.map((h) => [h.name.slice(directory.length + 1), h.state]),
    [
      ["heap", "heap"],
      ["text", "no heap here"],
    ],
  );
  const [head, row, ...rest] = lshm(["ls", "-l", "-b", name]).stdout.split(
    "\n",
  );
  assert.match(
    head,
    /^NAME +SIZE +MAXIMUM +USED +BLOCKS +THREADS +DEAD +STATE$/,
  );
  assert.match(
    row,
    new RegExp(`^${name} +\\d+ +67108864 +\\d+ +\\d+ +0 +0 +healthy$`),
  );
  assert.deepEqual(rest, [""]);
  fs.truncateSync(join(directory, "heap"), 100_000);
  assert.equal(json(["ls", directory], 1).length, 1);
  assert.equal(json(["ls", join(directory, "text")], 2).length, 1);
  assert.equal(json(["ls", file("nowhere")], 3).length, 1);
});

test("info, allocs and check count the same", () => {
  const name = filled();
  const info = json(["info", name]);
  const { blocks } = json(["allocs", name]);
  const sum = (key) => blocks.reduce((total, block) => total + block[key], 0);
  const [check] = json(["check", name]);
  assert.equal(info.state, "healthy");
  assert.equal(info.blocks, blocks.length);
  assert.equal(info.used, sum("bufferSize"));
  assert.equal(check.blocks, blocks.length);
  assert.ok(blocks.length > 500);
  assert.equal(info.used + info.free + info.metadata, info.committed);
  assert.equal(info.roots.length, 16);
  assert.deepEqual(info.names, [
    { text: 'last "one"', byteOffset: info.roots[3] },
  ]);
  assert.ok(blocks.some((block) => block.byteOffset === info.roots[3]));
  for (let i = 1; i < blocks.length; i++) {
    const { byteOffset, bufferSize } = blocks[i - 1];
    assert.ok(byteOffset + bufferSize <= blocks[i].byteOffset);
  }
  assert.deepEqual(
    json(["allocs", "-n", "7", name]).blocks,
    blocks.slice(0, 7),
  );
  assert.equal(json(["allocs", "-t", "77777", name]).blocks.length, 0);
  assert.deepEqual(json(["allocs", "-B", name]).threads, [
    {
      thread: blocks[0].thread,
      state: "left",
      blocks: blocks.length,
      byteLength: sum("byteLength"),
      bufferSize: sum("bufferSize"),
    },
  ]);
  const text = lshm(["info", name]).stdout;
  assert.match(text, new RegExp(`^blocks +${blocks.length} in `, "m"));
  assert.match(
    text,
    new RegExp(`^root 3 +0x${info.roots[3].toString(16)}$`, "m"),
  );
  assert.match(text, /^"last "one"" +0x/m);
  const lines = lshm(["allocs", name]).stdout.trimEnd().split("\n");
  assert.equal(lines.length, blocks.length + 1);
  assert.match(lines[0], /OFFSET +REQUESTED +TAKEN +THREAD/);
  assert.match(lshm(["check", name]).stdout, /: healthy: \d+ blocks in/);
});

test("check, info, ls: damaged, and the greatest code of several", () => {
  const name = filled();
  const { stdout } = spawnSync(worker, ["damage", name], { encoding: "utf8" });
  const [report] = json(["check", name], 1);
  assert.equal(report.state, "damaged");
  assert.ok([8, 11].includes(report.invariant));
  assert.equal(report.byteOffset, Number(stdout));
  assert.match(report.meaning, /header/);
  assert.equal(json(["info", name], 1).state, "damaged");
  assert.equal(json(["ls", "-l", name], 1)[0].state, "damaged");
  assert.equal(json(["allocs", name]).name, name);
  assert.match(lshm(["check", name]).stdout, /damaged: .+ \(I(8|11) at 0x/);
  fs.writeFileSync(file("text"), "this is no heap");
  const healthy = filled();
  assert.equal(json(["check", healthy, name], 1).length, 2);
  assert.equal(json(["check", name, file("text"), healthy], 2).length, 3);
  assert.equal(json(["check", file("text"), "/lshm-cli-none"], 3).length, 2);
});

/** What holds of every map as JSON. */
function partition({ committed, regions }) {
  let end = 0;
  for (const { byteOffset, byteLength, kind, blocks, used } of regions) {
    assert.equal(byteOffset, end);
    assert.ok(byteLength >= 1024 && used <= blocks);
    if (kind === "free") assert.equal(blocks, 0);
    end += byteLength;
  }
  assert.ok(end >= committed);
  return regions;
}

/** Whether every element of an SVG text is closed. */
function wellFormed(svg) {
  const open = [];
  assert.match(svg, /^[\n\x20-\x7e]*$/, "ASCII alone");
  for (const [, close, name, end] of svg.matchAll(
    /<(\/?)([a-z]+)(?:\s[a-zA-Z-:]+="(?:[^"<&]|&#\d+;)*")*\s*(\/?)>/g,
  )) {
    if (close) assert.equal(open.pop(), name);
    else if (!end) open.push(name);
  }
  assert.deepEqual(open, []);
  assert.equal((svg.match(/</g) ?? []).length, (svg.match(/>/g) ?? []).length);
}

test("map: JSON, text, SVG and a page", () => {
  const name = filled();
  const regions = partition(json(["map", name]));
  const used = regions.reduce((sum, region) => sum + region.used, 0);
  assert.equal(used, json(["info", name]).blocks);
  for (const kind of ["metadata", "slab", "span", "free"]) {
    assert.ok(
      regions.some((region) => region.kind === kind),
      kind,
    );
  }
  const text = lshm(["map", name]).stdout;
  assert.match(text, /^ +0 {2}#/m);
  const svg = lshm([
    "map",
    "-o",
    "-",
    "-f",
    "svg",
    "-T",
    "<a & b>",
    name,
  ]).stdout;
  wellFormed(svg);
  assert.match(svg, /aria-label="Map of &#60;a &#38; b&#62;"/);
  assert.match(
    svg,
    /<title>0x[0-9a-f]+: [^<]+ slab[^<]* of \d+-byte blocks, \d+ of \d+ used/,
  );
  assert.match(svg, /<title>0x[0-9a-f]+: [^<]+ span/);
  assert.match(svg, /prefers-color-scheme:dark/);
  assert.equal(
    lshm(["map", "-o", file("map.svg"), "-w", "300", name]).status,
    0,
  );
  wellFormed(fs.readFileSync(file("map.svg"), "utf8"));
  assert.equal(lshm(["map", "-o", file("map.html"), name]).status, 0);
  assert.equal(lshm(["map", "-o", file("map.html"), name]).status, 0);
  const html = fs.readFileSync(file("map.html"), "utf8");
  assert.match(html, /^<!doctype html>/);
  assert.match(html, /<svg [^]*<\/svg>/);
  assert.doesNotMatch(html, /<script|<link|src=|url\(|@import/);
  wellFormed(html.match(/<svg [^]*<\/svg>/)[0]);
  const heap = file("itself.svg");
  assert.equal(lshm(["create", heap]).status, 0);
  assert.equal(lshm(["map", "-o", heap, heap]).status, 3);
  assert.equal(lshm(["check", heap]).status, 0);
  assert.equal(
    lshm(["map", "-o", join(folder, "none", "x.svg"), heap]).status,
    3,
  );
  assert.equal(lshm(["map", "-o", folder, "-f", "svg", heap]).status, 3);
});

test("output to what is no plain file, and to one that is full", () => {
  const name = filled();
  fs.symlinkSync("target.svg", file("link.svg"));
  assert.equal(lshm(["map", "-o", file("link.svg"), name]).status, 0);
  assert.ok(fs.lstatSync(file("link.svg")).isSymbolicLink());
  assert.match(fs.readFileSync(file("target.svg"), "utf8"), /<\/svg>/);
  for (const args of [["map", "-f", "html"], ["save"]]) {
    const full = lshm([...args, "-o", "/dev/full", name]);
    assert.equal(full.status, 3);
    assert.match(full.stderr, /No space/);
    assert.equal(lshm([...args, "-o", "/dev/null", name]).status, 0);
    assert.ok(fs.statSync("/dev/full").isCharacterDevice());
    assert.ok(fs.statSync("/dev/null").isCharacterDevice());
  }
  assert.equal(lshm(["save", "-o", file("link.svg"), name]).status, 3);
  const full = fs.openSync("/dev/full", "w");
  const stdio = ["ignore", full, "pipe"];
  for (const args of [["check"], ["info", "--json"], ["save", "-o", "-"]]) {
    assert.equal(lshm([...args, name], { stdio }).status, 3, args.join(" "));
  }
  fs.closeSync(full);
});

test("save: the image is a heap, and nothing is replaced unasked", () => {
  const name = filled();
  const image = file("image");
  const saved = json(["save", "-o", image, name]);
  assert.equal(saved.bytes, fs.statSync(image).size);
  assert.equal(json(["info", image]).blocks, json(["info", name]).blocks);
  assert.equal(lshm(["check", image]).status, 0);
  assert.deepEqual(
    json(["allocs", image]).blocks,
    json(["allocs", name]).blocks,
  );
  assert.equal(lshm(["save", "-o", image, name]).status, 3);
  assert.equal(lshm(["save", "-F", "-o", image, name]).status, 0);
  assert.equal(lshm(["save", "-F", "-o", image, image]).status, 3);
  const piped = lshm(["save", "-o", "-", name], { encoding: "buffer" }).stdout;
  assert.ok(piped.equals(fs.readFileSync(image)));
  assert.equal(lshm(["save", "-o", join(folder, "none", "x"), name]).status, 3);
  assert.deepEqual(
    fs.readdirSync(folder).filter((entry) => /\.\w{6}$/.test(entry)),
    [],
  );
});

test("a heap in use: looking takes no slot and sees no damage", async () => {
  const name = shared("-m", "64M");
  const child = await working(name, 3);
  const threads = () => json(["info", name]).threads;
  const before = threads();
  assert.equal(before.length, 4); // three that work and the one that opened it
  for (const { state, process } of before) {
    assert.equal(state, "alive");
    assert.equal(process, child.pid);
  }
  for (let i = 0; i < (long ? 50 : 6); i++) {
    assert.equal(json(["check", name])[0].state, "healthy");
    partition(json(["map", name]));
    const { blocks } = json(["allocs", name]);
    for (let j = 1; j < blocks.length; j++) {
      assert.ok(blocks[j - 1].byteOffset < blocks[j].byteOffset);
    }
    assert.equal(lshm(["save", "-F", "-o", file("live"), name]).status, 0);
    assert.ok(
      json(["info", file("live")], lshm(["check", file("live")]).status),
    );
  }
  for (const args of LOOKING) assert.equal(lshm([...args, name]).status, 0);
  const svg = lshm(["map", "-f", "svg", name]).stdout;
  assert.match(svg, /used \(\d+ %\)[^<]*, thread \d+/);
  assert.deepEqual(threads(), before);
  // Alive: not reaped, not even when named.
  const { thread } = before[1];
  const shares = json(["allocs", "-B", name]).threads;
  assert.deepEqual(
    shares.map((share) => share.thread).sort(),
    before
      .slice(1)
      .map((t) => t.thread)
      .sort(),
  );
  assert.ok(shares.every((share) => share.state === "alive"));
  assert.deepEqual(json(["reap", name]).threads, []);
  const refused = json(["reap", "-t", String(thread), name], 3);
  assert.equal(refused.error, "ERR_LSHM_THREAD_UNKNOWN");
  assert.deepEqual(threads(), before);
  await killed(child);
  assert.ok(threads().every(({ state }) => state === "dead"));
  assert.equal(json(["ls", name])[0].dead, 4);
  const reaped = json(["reap", name]).threads;
  assert.deepEqual(
    reaped.map((t) => t.thread).sort(),
    before.map((t) => t.thread).sort(),
  );
  assert.ok(reaped.some(({ blocks, freed }) => blocks > 0 && freed === false));
  assert.deepEqual(threads(), []);
  assert.equal(json(["check", name])[0].state, "healthy");
  assert.equal(
    json(["reap", "-t", String(thread), name], 3).error,
    "ERR_LSHM_THREAD_GONE",
  );
  assert.match(lshm(["reap", name]).stdout, /no thread is proven dead/);
});

test("reap --free frees what the dead had allocated", async () => {
  const name = filled();
  const kept = json(["info", name]).blocks;
  const child = await working(name, 2);
  await killed(child);
  const held = json(["info", name]).blocks - kept;
  assert.ok(held > 0);
  const { threads } = json(["reap", "--free", name]);
  assert.equal(threads.length, 3);
  assert.ok(threads.every(({ freed }) => freed));
  assert.equal(
    threads.reduce((sum, { blocks }) => sum + blocks, 0),
    held,
  );
  const info = json(["info", name]);
  assert.equal(info.blocks, kept);
  assert.equal(info.state, "healthy");
});

test("rm removes heaps and nothing else", () => {
  const name = shared();
  fs.writeFileSync(file("precious"), "text");
  const two = json(["rm", name, file("precious")], 2);
  assert.deepEqual(two[0], { name, removed: true });
  assert.equal(two[1].error, "ERR_LSHM_NO_HEAP");
  assert.ok(fs.existsSync(file("precious")));
  assert.equal(lshm(["rm", name]).status, 3);
  assert.equal(lshm(["create", file("cut")]).status, 0);
  fs.truncateSync(file("cut"), 5000);
  assert.equal(lshm(["rm", file("cut")]).status, 0);
  assert.ok(!fs.existsSync(file("cut")));
  assert.equal(lshm(["rm", folder]).status, 2);
});

test("looking changes no byte of a file, and no time", () => {
  const heap = filled(
    (lshm(["create", "-m", "16M", file("still")]), file("still")),
  );
  const state = () => {
    const { mtimeMs, size, blocks } = fs.statSync(heap);
    const bytes = createHash("sha256").update(fs.readFileSync(heap));
    return [mtimeMs, size, blocks, bytes.digest("hex")];
  };
  const before = state();
  for (const args of LOOKING) {
    assert.equal(lshm([...args, heap]).status, 0);
    if (args[0] !== "save" && !args.includes("-f")) json([...args, heap]);
  }
  assert.deepEqual(state(), before);
});

test("what is no heap, or cannot be read, ends with a code that says so", (t) => {
  const heap = filled(
    (lshm(["create", "-m", "16M", file("whole")]), file("whole")),
  );
  const bytes = fs.readFileSync(heap);
  const put = (name, content) => (
    fs.writeFileSync(file(name), content),
    file(name)
  );
  const version = Buffer.from(bytes);
  version.writeUInt32LE(99, 72);
  const signature = Buffer.from(bytes);
  signature.writeUInt32LE(1, 76);
  const geometry = Buffer.from(bytes);
  geometry.writeUInt32LE(40, 80);
  fs.symlinkSync(heap, file("link"));
  assert.equal(spawnSync("mkfifo", [file("fifo")]).status, 0);
  const cases = [
    [put("empty", ""), 2, "NO_HEAP"],
    [put("short", bytes.subarray(0, 100)), 2, "NO_HEAP"],
    [put("words", "x".repeat(100_000)), 2, "NO_HEAP"],
    [put("zeros", Buffer.alloc(100_000)), 2, "NO_HEAP"],
    [put("version", version), 2, "VERSION"],
    [put("signature", signature), 2, "SIGNATURE"],
    [put("geometry", geometry), 1, "CORRUPT"],
    [put("cut", bytes.subarray(0, 3000)), 1, "TRUNCATED"],
    [put("cut-late", bytes.subarray(0, bytes.length - 1)), 1, "TRUNCATED"],
    [folder, 2, "NO_HEAP"],
    [file("fifo"), 2, "NO_HEAP"],
    ["/dev/null", 2, "NO_HEAP"],
    [file("link"), 3, "SYSTEM"],
    [file("none"), 3, "SYSTEM"],
    [join(heap, "below"), 3, "SYSTEM"],
    ["", 3, "INVALID"],
    ["/", 3, "INVALID"],
    [`/${"n".repeat(300)}`, 3, "SYSTEM"],
  ];
  for (const [name, code, error] of cases) {
    for (const args of [...LOOKING, ["reap"]]) {
      if (args[0] === "ls" && [folder, "/"].includes(name)) continue;
      assert.equal(lshm([...args, name]).status, code, `${args} ${name}`);
      if (args[0] === "save" || args.includes("-f")) continue;
      const said = [json([...args, name], code)].flat()[0];
      assert.equal(said.name, name);
      if (args[0] !== "ls") assert.equal(said.error, `ERR_LSHM_${error}`);
    }
  }
  // Root may read everything: then as nobody, from a place that it reaches.
  const program = file("lshm");
  fs.copyFileSync(command, program);
  fs.chmodSync(folder, 0o755);
  fs.chmodSync(program, 0o755);
  fs.chmodSync(heap, 0);
  const nobody = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};
  t.diagnostic(`as ${JSON.stringify(nobody)}`);
  const said = json(["check", heap], 3, { program, ...nobody });
  assert.match(said[0].message, /[Pp]ermission/);
  fs.chmodSync(heap, 0o600);
});

test("a file that is truncated while it is read", async () => {
  for (const args of [["allocs", "--json"], ["allocs"]]) {
    const heap = file("shrinks");
    fs.rmSync(heap, { force: true });
    assert.equal(lshm(["create", "-m", "64M", heap]).status, 0);
    filled(heap, 20_000);
    // Nobody reads what it writes, so it stops in the middle.
    const child = spawn(command, [...args, heap], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.add(child);
    const ended = new Promise((resolve) => child.once("close", resolve));
    let [stdout, stderr] = ["", ""];
    await new Promise((resolve) => setTimeout(resolve, 500));
    fs.truncateSync(heap, 4096);
    child.stdout.on("data", (bytes) => (stdout += bytes));
    child.stderr.on("data", (bytes) => (stderr += bytes));
    assert.equal(await ended, 1, stderr);
    children.delete(child);
    assert.match(stderr, /became shorter while it was read/);
    if (args.length === 1) continue;
    const said = JSON.parse(stdout);
    assert.equal(said.error, "ERR_LSHM_TRUNCATED");
    assert.ok(said.blocks.length > 100);
  }
});

test("hostile bytes: every command ends, with a code that is documented", (t) => {
  t.diagnostic(`LSHM_SEED=${seed}`);
  const { below, pick } = random(seed);
  const heap = file("victim");
  assert.equal(lshm(["create", "-i", "256K", "-m", "2M", heap]).status, 0);
  filled(heap, 300);
  const whole = fs.readFileSync(heap);
  const extremes = [0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 0xfffffff0];
  const seen = {};
  for (let round = 0; round < (long ? 2000 : 240); round++) {
    const bytes = Buffer.from(whole);
    for (let n = 1 + below(8); n > 0; n--) {
      // The header, the slots and the map are what everything depends on.
      const at = below(pick([256, 2048, 24_576, bytes.length])) & ~3;
      if (below(2)) bytes.writeUInt32LE(pick(extremes), at);
      else bytes[at + below(4)] ^= 1 << below(8);
    }
    const cut = below(8) === 0 ? below(bytes.length) : bytes.length;
    fs.writeFileSync(file("hostile"), bytes.subarray(0, cut));
    const looks = [LOOKING[round % LOOKING.length], ["check"]];
    for (const args of round % 5 ? looks : [...looks, ["reap"]]) {
      const { status } = lshm([...args, file("hostile")], { timeout: 20_000 });
      seen[status] = (seen[status] ?? 0) + 1;
      if (args[0] === "save" || args.includes("-f")) continue;
      const { stdout } = lshm([...args, "--json", file("hostile")]);
      JSON.parse(stdout);
    }
  }
  t.diagnostic(JSON.stringify(seen));
  for (const code of [0, 1, 2]) assert.ok(seen[code] > 0, `none ended ${code}`);
});

/** Runs a line of shell in a terminal of its own; what appears there. */
function terminal(line, env = {}) {
  const { status, stdout, stderr } = spawnSync(
    "script",
    ["-qec", line, "/dev/null"],
    {
      encoding: "utf8",
      timeout: 30_000,
      env: { ...process.env, TERM: "xterm", NO_COLOR: "", ...env },
    },
  );
  assert.equal(status, 0, stderr);
  return stdout;
}

test("colours and progress on a terminal alone", () => {
  const name = filled();
  const check = `'${command}' check ${name}`;
  // eslint-disable-next-line no-control-regex
  const escape = /\x1b\[/;
  // eslint-disable-next-line no-control-regex
  assert.match(terminal(check), /: \x1b\[32mhealthy\x1b\[0m: \d+ blocks/);
  assert.doesNotMatch(terminal(check, { NO_COLOR: "1" }), escape);
  assert.doesNotMatch(terminal(check, { TERM: "dumb" }), escape);
  assert.doesNotMatch(terminal(`${check} | cat`), escape);
  assert.doesNotMatch(terminal(`${check} --json`), escape);
  const slow = `'${command}' save -o - ${name}`;
  const reader = "(sleep 1.2; cat >/dev/null)";
  // Its standard output is a pipe that is read late, its errors go to the terminal.
  assert.match(
    terminal(`${slow} | ${reader}`),
    /saving \/lshm-cli[^:]+: \d\.\d s/,
  );
  assert.equal(terminal(`${slow} 2>/dev/null | ${reader}`), "");
  const piped = terminal(`(${slow} 2>&1 >&3 | cat) 3>&1 | ${reader}`);
  assert.doesNotMatch(piped, /saving/);
  const fast = lshm(["check", name]);
  assert.equal(fast.stderr, "");
});

test("names from elsewhere cannot command a terminal", () => {
  const evil = file("evil\x1b[31m\x07\nname");
  assert.equal(lshm(["create", "-m", "1M", evil]).status, 0);
  const { stdout } = lshm(["ls", folder]);
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f]/);
  assert.match(stdout, /evil\?\[31m\?\?name/);
  assert.ok(
    json(["ls", folder], lshm(["ls", folder]).status).some(
      (h) => h.name === evil,
    ),
  );
  wellFormed(lshm(["map", "-f", "svg", evil]).stdout);
});
