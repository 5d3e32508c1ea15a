// run.js - `make bench`: checks every load, times all allocators in turn, and
// leaves the results in bench/results and docs/BENCHMARKS.md (see report.js).
//
//   BENCH_QUICK=1    short runs, to try things: the results go to build/bench,
//                    and docs/BENCHMARKS.md stays as it is
//   LSHM_SEED=n      another stream of sizes and places

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  checkedOperations,
  comparisons,
  describeWorkers,
  isCheckable,
} from "./plan.js";
import { columns, report } from "./report.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const programs = join(
  process.env.LSHM_BUILD ?? join(root, "build/release"),
  "bench",
);
const quick = (process.env.BENCH_QUICK ?? "0") !== "0";
const seed = Number(process.env.LSHM_SEED ?? 1);
const settings = quick
  ? { runs: 7, warm: 20, timed: 25 }
  : { runs: 9, warm: 100, timed: 250 };

/** Runs a program and returns what it printed; throws when it fails. */
function output(program, words) {
  const { status, signal, error, stdout, stderr } = spawnSync(
    program,
    words.map(String),
    { encoding: "utf8", timeout: 120000, killSignal: "SIGKILL" },
  );
  if (error?.code === "ENOENT") {
    throw new Error(`${program} is missing: make bench builds it`);
  }
  if (error !== undefined || status !== 0) {
    const reason = error?.message ?? signal ?? `status ${status}`;
    throw new Error(`${program} ${words.join(" ")}: ${reason}\n${stderr}`);
  }
  return stdout.trim();
}

/** mode: "time" or "check"; rest: what follows the seed. */
function start(mode, comparison, allocator, rest) {
  const { host, load, worker, workers } = comparison;
  return host === "native"
    ? output(join(programs, `bench-${allocator}`), [
        ...[mode, load, worker, workers, seed, ...rest],
      ])
    : output(process.execPath, [
        join(root, "bench/javascript.js"),
        ...[mode, allocator, load, workers, seed, ...rest],
      ]);
}

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function checkAll() {
  console.error("bench: checking the loads");
  for (const comparison of comparisons) {
    for (const allocator of comparison.allocators.filter(isCheckable)) {
      progress(title(comparison, allocator));
      start("check", comparison, allocator, [checkedOperations(allocator)]);
    }
  }
  progress("");
}

/** All allocators of a comparison follow one another in each run, and each run
 * begins with another one. */
function timeAll() {
  const rows = [];
  for (let run = 0; run < settings.runs; run++) {
    console.error(`bench: run ${run + 1} of ${settings.runs}`);
    for (const comparison of comparisons) {
      const { host, load, worker, workers, allocators } = comparison;
      for (let i = 0; i < allocators.length; i++) {
        const allocator = allocators[(run + i) % allocators.length];
        progress(title(comparison, allocator));
        const lengths = [settings.warm, settings.timed];
        const [operations, nanoseconds] = start(
          "time",
          comparison,
          allocator,
          lengths,
        )
          .split(" ")
          .map(Number);
        if (!(operations > 0 && nanoseconds > 0)) {
          throw new Error(`${title(comparison, allocator)}: nothing was done`);
        }
        rows.push({
          ...{ host, load, worker, workers, allocator, run: run + 1 },
          ...{ operations, nanoseconds },
        });
      }
    }
    progress("");
  }
  return rows;
}

function title(comparison, allocator) {
  const { host, load } = comparison;
  return `${host} ${load}, ${describeWorkers(comparison)}: ${allocator}`;
}

function packageVersion(path) {
  return JSON.parse(readFileSync(join(root, path, "package.json"), "utf8"))
    .version;
}

function describeSystem() {
  try {
    const text = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? os.type();
  } catch {
    return os.type();
  }
}

function describeMachine() {
  const versions = { thing: packageVersion("node_modules/@thi.ng/malloc") };
  let compiler;
  for (const { host, allocators } of comparisons) {
    for (const allocator of host === "native" ? allocators : []) {
      const program = join(programs, `bench-${allocator}`);
      [versions[allocator], compiler] = output(program, ["version"]).split(
        "\n",
      );
    }
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: os.cpus()[0]?.model ?? os.arch(),
    cores: os.cpus().length,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    system: `${describeSystem()}, ${os.type()} ${os.release()}`,
    busy: Number(os.loadavg()[0].toFixed(2)),
    compiler,
    node: `${process.versions.node} (V8 ${process.versions.v8})`,
    seed,
    ...settings,
    versions,
  };
}

function writeResults(directory, machine, rows) {
  const lines = rows.map((row) => columns.map((key) => row[key]).join(","));
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, "raw.csv"),
    `${[columns.join(","), ...lines].join("\n")}\n`,
  );
  writeFileSync(
    join(directory, "machine.json"),
    `${JSON.stringify(machine, null, 2)}\n`,
  );
}

function main() {
  if (!Number.isSafeInteger(seed)) {
    throw new Error(
      `LSHM_SEED: expected a whole number, not ${process.env.LSHM_SEED}`,
    );
  }
  console.error(`bench: seed ${seed}${quick ? ", short runs" : ""}`);
  const machine = describeMachine();
  checkAll();
  const directory = join(root, quick ? "build/bench" : "bench/results");
  writeResults(directory, machine, timeAll());
  const page = quick ? undefined : join(root, "docs/BENCHMARKS.md");
  console.log(report(directory, page));
}

// What fails leaves the results of before.
try {
  main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
