// What README.md and the guides show, run as it stands, each in a folder of its
// own:
//
//   ```js           (or c, html) is a file, whose name its first line says in a
//                   comment; blocks of one name are its parts
//   ```console      commands behind "$ ", and below each what it prints; "…"
//                   stands for anything, and " &" at the end of a command
//                   leaves it running until the document's end
//   ```text URL     what a page shows, in the browsers that are installed
//
// serve.js is everywhere the server that docs/guides/browser.md shows. Names of
// shared memory get an end of their own, so that two runs do not meet.
// A block of another kind has no code in it. JavaScript imports the module under
// test; C, and the command, are those that were built.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { browsers, launch, leftOut } from "./browsers.js";
import { moduleUrl } from "./js/support.js";

const LIMIT = { timeout: 120_000 };
const root = fileURLToPath(new URL("..", import.meta.url));
const build = process.env.LSHM_BUILD ?? join(root, "build/release");
const guides = readdirSync(join(root, "docs/guides"));
const documents = ["README.md", ...guides.map((name) => `docs/guides/${name}`)];

/** A file's name, in a comment at its beginning. */
const NAME = /^(?:\/\/|\/\*|<!--) ([\w-]+\.(?:js|c|html))\b/;

/** The fenced blocks: the words behind the fence, and the lines. */
function readBlocks(text) {
  const pattern = /^```(.*)\n([^]*?)^```$/gm;
  return [...text.matchAll(pattern)].map(([, info, body]) => {
    const [kind, url] = info.split(" ");
    return { kind, url, name: NAME.exec(body)?.[1], body };
  });
}

/** Commands with what they print, from a console block. */
function readCommands(body) {
  const commands = [];
  for (const line of body.split(/\n(?!$)/)) {
    if (line.startsWith("$ "))
      commands.push({ line: line.slice(2), lines: [] });
    else commands.at(-1).lines.push(line);
  }
  return commands.map(({ line, lines }) => ({
    line: line.trimEnd(),
    expected: lines.join("\n").trim(),
  }));
}

/** What is printed, as a pattern: "…" is anything. */
function asPattern(expected) {
  const escape = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`^${expected.split("…").map(escape).join("[^]*?")}$`);
}

/** A port that nobody listens on. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return String(port);
}

/** A new folder, in which the package is installed and the tools have names. */
function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), "lshm-docs-"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  mkdirSync(join(folder, "node_modules"));
  for (const [name, target] of [
    ["localsharedmemory", dirname(fileURLToPath(moduleUrl))],
    ["@thi.ng", join(root, "node_modules/@thi.ng")],
  ]) {
    symlinkSync(target, join(folder, "node_modules", name));
  }
  mkdirSync(join(folder, ".bin"));
  for (const [name, file] of [
    ["clang", "/usr/bin/clang-14"],
    ["wasm-ld", "/usr/bin/wasm-ld-14"],
  ]) {
    if (existsSync(file)) symlinkSync(file, join(folder, ".bin", name));
  }
  return folder;
}

/** The environment in which a reader has installed everything. */
async function makeEnvironment(folder) {
  const { PATH, ...others } = process.env;
  const own = [
    dirname(process.execPath),
    join(folder, ".bin"),
    join(build, "cli"),
  ];
  return {
    ...others,
    PATH: [...own, PATH].join(delimiter),
    CPATH: join(root, "include"),
    LIBRARY_PATH: build,
    LD_LIBRARY_PATH: build,
    PORT: await freePort(),
  };
}

/** Runs a command to its end; what it printed. */
function runCommand(line, options) {
  return new Promise((resolve) => {
    const shell = ["-c", `${line} 2>&1`];
    execFile("bash", shell, { ...options, timeout: 60_000 }, (error, stdout) =>
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout }),
    );
  });
}

/** Starts a command that stays; resolves when it has printed something. */
async function startCommand(line, options) {
  const child = spawn("bash", ["-c", `exec ${line.slice(0, -1)}`], options);
  let printed = "";
  await new Promise((resolve, reject) => {
    child.stdout.on("data", (data) => resolve((printed += data)));
    child.once("exit", () => reject(new Error(`${line} ended`)));
  });
  return { child, printed: printed.trim() };
}

async function endCommand({ child }) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill();
  await ended;
}

/** @type {Map<string, any>} those that were started */
const started = new Map();
after(async () => {
  for (const browser of started.values()) await browser.close();
});

async function startBrowser(name) {
  if (!started.has(name)) started.set(name, await launch(name));
  return started.get(name);
}

/** Expects a page to show a text, without an error. */
async function look(t, name, url, expected) {
  const page = await (await startBrowser(name)).newPage();
  try {
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(url);
    const pattern = asPattern(expected);
    let shown;
    for (let tries = 0; tries < 200 && errors.length === 0; tries++) {
      shown = (await page.evaluate("document.body.innerText")).trim();
      if (pattern.test(shown)) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(errors, []);
    assert.match(shown, pattern);
    t.diagnostic(`${name}: ${url}`);
  } finally {
    await page.close();
  }
}

async function lookInAll(t, url, expected) {
  for (const name of Object.keys(browsers)) {
    const why = leftOut(name);
    if (why) t.diagnostic(`not in ${name}: ${why}`);
    else await look(t, name, url, expected);
  }
}

/** Runs a document's blocks from the first to the last. */
async function follow(t, blocks, folder) {
  const env = await makeEnvironment(folder);
  const options = { cwd: folder, env, encoding: "utf8" };
  const running = [];
  try {
    for (const { kind, url, body } of blocks) {
      if (kind === "text" && url !== undefined) {
        await lookInAll(t, url.replace("8080", env.PORT), body.trim());
      }
      if (kind !== "console") continue;
      for (const { line, expected } of readCommands(body)) {
        let printed;
        if (line.endsWith("&")) {
          running.push(await startCommand(line, options));
          printed = running.at(-1).printed.replace(env.PORT, "8080");
        } else {
          const { code, stdout } = await runCommand(line, options);
          printed = stdout.trim();
          assert.equal(code, 0, `${line}\n${stdout}`);
        }
        assert.match(printed, asPattern(expected), line);
      }
    }
  } finally {
    for (const command of running) await endCommand(command);
  }
}

/** Writes the files; each must be used by a command, a page or another file. */
function writeFiles(blocks, folder) {
  const isFile = ({ kind }) => /^(js|c|html)$/.test(kind);
  for (const { kind, name, body } of blocks.filter(isFile)) {
    assert.ok(name, `a block of ${kind} without a file's name:\n${body}`);
    if (name !== "serve.js") appendFileSync(join(folder, name), body);
    const others = blocks.filter((block) => block.name !== name);
    const used = others.some((block) => block.body.includes(name));
    assert.ok(used || name === "index.html", `${name} is never used`);
  }
  for (const block of blocks.filter((block) => !isFile(block))) {
    const text = `a block that nothing runs:\n${block.body}`;
    assert.match(block.kind, /^(console|text)$/, text);
  }
}

/** The server that the guide for browsers shows. */
const server = readBlocks(
  readFileSync(join(root, "docs/guides/browser.md"), "utf8"),
).find(({ name }) => name === "serve.js");

/** Gives each shared-memory name an end of its own, and lists the names. */
function renameSegments(blocks) {
  const names = new Set();
  for (const { body } of blocks) {
    for (const [, name] of body.matchAll(/lshm_open\("(\/\w+)"/g))
      names.add(name);
  }
  for (const block of blocks) {
    for (const name of names) {
      block.body = block.body.replaceAll(name, `${name}-${process.pid}`);
    }
  }
  return [...names].map((name) => `/dev/shm${name}-${process.pid}`);
}

for (const document of documents) {
  test(document, LIMIT, async (t) => {
    const blocks = readBlocks(readFileSync(join(root, document), "utf8"));
    const segments = renameSegments(blocks);
    const folder = makeFolder();
    try {
      writeFileSync(join(folder, "serve.js"), server.body);
      writeFiles(blocks, folder);
      await follow(t, blocks, folder);
    } finally {
      rmSync(folder, { recursive: true, maxRetries: 5 });
      for (const segment of segments) rmSync(segment, { force: true });
    }
  });
}

// Counts of what stands in a source, one entry a line that begins so.
const COUNTED = {
  operations: ["tests/c/operations.h", /^\t\{"/gm],
  scenarios: ["tests/c/sched/scenarios.c", /^\t\{"/gm],
  mutations: ["tests/mutations/edits.py", /^ {4}\(/gm],
};

test("what is counted in README.md and docs/CONCURRENCY.md is so many", () => {
  const read = (name) => readFileSync(join(root, name), "utf8");
  const text = read("README.md") + read("docs/CONCURRENCY.md");
  for (const [what, [source, entry]] of Object.entries(COUNTED)) {
    const quoted = [...text.matchAll(new RegExp(`(\\d+) ${what}`, "g"))];
    assert.ok(quoted.length > 0, what);
    const count = [...read(source).matchAll(entry)].length;
    for (const [words, number] of quoted)
      assert.equal(Number(number), count, `${words}; ${source}`);
  }
});
