// measure.js - runs the programs that measure: one process for each number.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const programs = join(
  process.env.LSHM_BUILD ?? join(root, "build/release"),
  "bench",
);

/** Runs a program; returns what it printed, and throws when it fails. */
function run(program, words) {
  const { status, signal, error, stdout, stderr } = spawnSync(
    program,
    words.map(String),
    { encoding: "utf8", timeout: 300000, killSignal: "SIGKILL" },
  );
  if (error?.code === "ENOENT") {
    throw new Error(`${program} is missing: make bench builds or installs it`);
  }
  if (error !== undefined || status !== 0) {
    const reason = error?.message ?? signal ?? `status ${status}`;
    throw new Error(`${program} ${words.join(" ")}: ${reason}\n${stderr}`);
  }
  return { stdout: stdout.trim(), stderr };
}

/** The command that does a row with an allocator. */
function command({ host, load, kind, workers }, allocator, mode, options) {
  const words = Object.entries({ load, kind, workers, ...options }).map(
    ([name, value]) => `${name}=${value}`,
  );
  return host === "native"
    ? [join(programs, `bench-${allocator}`), mode, ...words]
    : [
        process.execPath,
        join(root, "bench/javascript.js"),
        ...[mode, `allocator=${allocator}`, ...words],
      ];
}

/** A row's number with an allocator; options add to the row's. */
export function measure(row, allocator, options) {
  const [program, ...words] = command(row, allocator, row.mode, {
    ...row.options,
    ...options,
  });
  const { stdout } = run(program, words);
  const value = Number(stdout);
  if (!(value > 0)) {
    throw new Error(`${program} ${words.join(" ")} printed "${stdout}"`);
  }
  return value;
}

/** Throws unless the row's load does with the allocator what it should. */
export function check(row, allocator, options) {
  const [program, ...words] = command(row, allocator, "check", options);
  run(program, words);
}

/**
 * Instructions of one operation, counted by valgrind: those of many operations
 * less those of fewer. Repeats to a fraction of a percent, however busy the
 * machine is.
 */
export function instructions(row, allocator, seed) {
  const FEWER = 20000;
  const MORE = 120000;
  const count = (operations) => {
    const words = command(row, allocator, "count", {
      ...row.options,
      ...{ seed, operations },
    });
    const { stderr } = run("valgrind", [
      ...[
        "--tool=cachegrind",
        "--cache-sim=no",
        "--cachegrind-out-file=/dev/null",
      ],
      ...words,
    ]);
    const found = /I\s+refs:\s+([\d,]+)/.exec(stderr);
    if (found === null) throw new Error(`valgrind printed\n${stderr}`);
    return Number(found[1].replaceAll(",", ""));
  };
  return (count(MORE) - count(FEWER)) / (MORE - FEWER) / row.workers;
}

/** The versions of the native allocators and of the compiler. */
export function nativeVersion(allocator) {
  return run(join(programs, `bench-${allocator}`), ["version"]).stdout.split(
    "\n",
  );
}
