// The runtimes that are programs: Node, Deno and Bun, each with its own test
// runner. They all write JUnit's XML.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program } from "./browsers.js";
import { portable, root } from "./bundle.js";

/** Plays other hosts on Node, which has what that takes. */
const nodes = [...portable, "tests/js/platform.test.js"];

/** Where tools/setup puts a program, or another place where it may be. */
function find(path, name) {
  const own = program(join(root, ".runtimes/node_modules", path));
  if (own !== null || name === undefined) return own;
  const folders = process.env.PATH.split(":");
  return program(...folders.map((folder) => join(folder, name)));
}

const node = (major) => ({
  name: `node-${major}`,
  path: find(`node-${major}/bin/node`),
  files: nodes,
  args: (xml) => [
    "--test",
    "--test-reporter=junit",
    `--test-reporter-destination=${xml}`,
  ],
});

export const runtimes = [
  node(20),
  node(22),
  node(24),
  node(26),
  {
    name: "deno",
    path: find("deno/deno", "deno"),
    files: portable,
    args: (xml) => ["test", "-A", "--no-check", `--junit-path=${xml}`],
  },
  {
    name: "bun",
    path: find("bun/bin/bun", "bun"),
    files: portable,
    args: (xml) => [
      "test",
      "--timeout=120000", // milliseconds, of one test
      "--reporter=junit",
      `--reporter-outfile=${xml}`,
    ],
  },
];

const unescape = (text) =>
  text
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(code))
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&apos;/g, "'")
    .replace(/&amp;/g, "&");

/** The results in JUnit's XML; `reasons` why tests were left out, by name. */
export function parse(xml, reasons) {
  const results = [];
  const pattern = /<testcase ([^>]*?)(\/>|>([^]*?)<\/testcase>)/g;
  for (const [, attributes, , inner = ""] of xml.matchAll(pattern)) {
    const name = unescape(attributes.match(/\bname="([^"]*)"/)[1]);
    if (inner.includes("<skipped")) {
      const reason = reasons.get(name) ?? "without a reason";
      results.push({ name, outcome: "left out", reason });
    } else if (/<(failure|error)\b/.test(inner)) {
      results.push({ name, outcome: "failed", reason: unescape(inner) });
    } else {
      results.push({ name, outcome: "passed" });
    }
  }
  return results;
}

/** Runs a program; gives its exit code and all that it wrote. */
function execute(path, args, env, limit) {
  return new Promise((resolve) => {
    const child = spawn(path, args, { cwd: root, env, timeout: limit });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data) => (output += data));
    child.on("close", (code, signal) =>
      resolve({ code: code ?? signal, output }),
    );
  });
}

/** Runs the suite on a runtime; null where it is not installed. */
export async function runProgram({ path, files, args }, seed, limit) {
  if (path === null) return null;
  const folder = mkdtempSync(join(tmpdir(), "lshm-runtime-"));
  const xml = join(folder, "results.xml");
  try {
    const { LSHM_LONG, ...rest } = process.env;
    const env = { ...rest, LSHM_SEED: seed, LSHM_BRIEF: "1", NO_COLOR: "1" };
    const all = [...args(xml), ...files.map((file) => `./${file}`)];
    const { code, output } = await execute(path, all, env, limit);
    const reasons = new Map(
      [...output.matchAll(/left out: (\[.*\])$/gm)].map((m) =>
        JSON.parse(m[1]),
      ),
    );
    const results = parse(readFileSync(xml, "utf8"), reasons);
    if (code !== 0 && results.every(({ outcome }) => outcome !== "failed"))
      results.push({ name: `exit ${code}`, outcome: "failed", reason: output });
    return { version: versionOf(path), results };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const versionOf = (path) =>
  spawnSync(path, ["--version"], { encoding: "utf8" }).stdout.match(
    /\d+\.\d+\.\d+/,
  )[0];
