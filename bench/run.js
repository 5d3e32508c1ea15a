// run.js - `make bench`: checks every load, times all allocators in turn, and
// leaves the results in bench/results and docs/BENCHMARKS.md (see report.js).
//
//   --only LIST        these rows alone (native:pair,replace or
//                      replace@live=1000:1t; see select in plan.js): prints
//                      them and leaves the results as they are
//   --quick            short runs, to try things (also BENCH_QUICK=1); the
//                      results go to build/bench
//   --runs N           of each row, 9 if not given
//   --instructions     of one operation, natively, in place of times
//   --check            only checks the loads
//   --list             the rows there are
//
// LSHM_SEED=n takes another stream of sizes and places.

import { mkdirSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine } from "./machine.js";
import { check, instructions, measure, root, TooLong } from "./measure.js";
import {
  checkedOptions,
  curveRows,
  isCheckable,
  memoryOf,
  rows,
  select,
} from "./plan.js";
import { printRows, report, writeResults } from "./report.js";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string" },
    quick: {
      type: "boolean",
      default: (process.env.BENCH_QUICK ?? "0") !== "0",
    },
    runs: { type: "string", default: "9" },
    instructions: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
  },
});
const seed = Number(process.env.LSHM_SEED ?? 1);
const runs = Number(flags.runs);
const CURVE_RUNS = 3;
const lengths = flags.quick
  ? { time: { warm: 20, timed: 25 }, space: { operations: 100000 } }
  : { time: { warm: 100, timed: 200 }, space: { operations: 1000000 } };
lengths.latency = { warm: 20, timed: lengths.time.timed * 2 };
lengths.program = { size: flags.quick ? 1 : 2 };

function lengthOf({ host, mode }) {
  return lengths[host === "program" ? host : mode] ?? {};
}

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Leaves out what this machine's memory is too small for, and says so. */
function fitting(wanted) {
  const most = Math.min(os.freemem() * 0.8, flags.quick ? 2 ** 30 : Infinity);
  const fits = (row) => memoryOf(row) <= most;
  for (const row of wanted.filter((each) => !fits(each))) {
    console.error(`bench: ${row.id} left out: it needs too much memory`);
  }
  return wanted.filter(fits);
}

/** Each load once on each allocator, whatever is measured of it. */
function checkAll(wanted) {
  console.error("bench: checking the loads");
  const done = new Set();
  for (const row of wanted.filter(({ curve }) => curve === undefined)) {
    for (const allocator of row.allocators.filter((name) =>
      isCheckable(row, name),
    )) {
      const { host, load, kind, workers } = row;
      const what = [host, load, kind, workers, allocator].join();
      if (done.has(what)) continue;
      done.add(what);
      progress(`${row.id} ${allocator}`);
      check(row, allocator, { ...checkedOptions(row, allocator), seed });
    }
  }
  progress("");
}

/**
 * All allocators of a row follow one another in each run, and each run begins
 * with another one.
 */
function timeAll(wanted) {
  const results = [];
  const given = new Set(); // up: what takes too long
  const measureOne = (row, allocator, run) => {
    const key = `${row.id} ${allocator}`;
    if (given.has(key)) return;
    progress(key);
    const options = { ...lengthOf(row), seed: seed + run };
    try {
      const value = measure(row, allocator, options);
      results.push({ row: row.id, allocator, run: run + 1, value });
    } catch (error) {
      if (!(error instanceof TooLong)) throw error;
      console.error(`bench: ${key} left out: ${error.message}`);
      given.add(key);
    }
  };
  for (let run = 0; run < runs; run++) {
    const begun = performance.now();
    for (const row of wanted) {
      if (row.curve !== undefined && run >= CURVE_RUNS) continue;
      const { allocators } = row;
      allocators.forEach((_, i) =>
        measureOne(row, allocators[(run + i) % allocators.length], run),
      );
    }
    progress("");
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.error(`bench: run ${run + 1} of ${runs} done in ${seconds} s`);
  }
  return results;
}

/** Valgrind sees one process, and no engine that compiles as it goes. */
function isCountable({ host, mode, kind }) {
  return host === "native" && mode === "time" && kind === "thread";
}

function countAll(wanted) {
  return wanted.flatMap((row) =>
    row.allocators.map((allocator) => {
      progress(`${row.id} ${allocator}`);
      const value = instructions(row, allocator, seed);
      progress("");
      return { row: row.id, allocator, run: 1, value };
    }),
  );
}

async function main() {
  if (!Number.isSafeInteger(seed) || !(runs >= 1 && runs < 1000)) {
    throw new Error("LSHM_SEED and --runs: expected whole numbers");
  }
  if (flags.list) {
    for (const { id, allocators } of [...rows, ...curveRows]) {
      console.log(id.padEnd(40), allocators.join(" "));
    }
    return;
  }
  const all =
    flags.only === undefined ? [...rows, ...curveRows] : select(flags.only);
  if (flags.instructions) {
    const counted = all.filter(isCountable);
    return printRows(counted, countAll(counted), "instructions");
  }
  const wanted = fitting(all);
  if (flags.check) return checkAll(wanted);
  if (flags.only !== undefined) return printRows(wanted, timeAll(wanted));
  console.error(`bench: seed ${seed}${flags.quick ? ", short runs" : ""}`);
  const machine = describeMachine({ seed, runs, ...lengths.time });
  checkAll(wanted);
  const directory = join(root, flags.quick ? "build/bench" : "bench/results");
  const results = timeAll(wanted);
  mkdirSync(directory, { recursive: true });
  writeResults(directory, machine, results);
  await report(
    directory,
    flags.quick ? undefined : join(root, "docs/BENCHMARKS.md"),
  );
}

// What fails leaves the results of before.
try {
  await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
