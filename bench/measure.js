// measure.js - runs the programs that measure, and those that are measured whole:
// one process for each number.

import { spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const programs = join(
  process.env.LSHM_BUILD ?? join(root, "build/release"),
  "bench",
);

/** A measurement that did not end in time. */
export class TooLong extends Error {
  constructor(command) {
    super(`${command}: no result within ${LIMIT_MS / 1000} s`);
  }
}

const LIMIT_MS = 100000; // of one measurement

/** Runs a program; returns what it printed, and throws when it fails. */
function run(program, words, options = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(
    program,
    words.map(String),
    {
      ...{ encoding: "utf8", timeout: LIMIT_MS, killSignal: "SIGKILL" },
      ...options,
    },
  );
  if (error?.code === "ENOENT") {
    throw new Error(`${program} is missing: make bench builds or installs it`);
  }
  if (error?.code === "ETIMEDOUT")
    throw new TooLong(`${program} ${words.join(" ")}`);
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
  if (mode === "heap") {
    const seed = `seed=${options.seed}`;
    return host === "native"
      ? [join(programs, "bench-heap"), load, seed]
      : [process.execPath, join(root, "bench/heap.js"), load, seed];
  }
  return host === "native"
    ? [join(programs, `bench-${allocator}`), mode, ...words]
    : [
        process.execPath,
        join(root, "bench/javascript.js"),
        ...[mode, `allocator=${allocator}`, ...words],
      ];
}

/** Where the dynamic linker finds an allocator to preload; glibc has no need. */
function libraryOf(allocator) {
  if (allocator === "glibc") return "";
  if (allocator === "lshm") return join(programs, "../liblshm-preload.so");
  const names = { tcmalloc: "libtcmalloc_minimal" };
  const name = `${names[allocator] ?? `lib${allocator}`}.so`;
  const { stdout } = run("gcc", [`-print-file-name=${name}`]);
  if (!stdout.includes("/")) throw new Error(`${name} was not found`);
  return realpathSync(stdout);
}

/** Milliseconds of a program's work with the allocator preloaded. */
function timeProgram({ load }, allocator, size) {
  const directory = mkdtempSync(join(tmpdir(), "lshm-bench-"));
  try {
    const env = {
      ...process.env,
      LD_PRELOAD: libraryOf(allocator),
      SIZE: size,
    };
    const script = join(root, "tests/preload/work.sh");
    const begin = performance.now();
    const { stderr } = run("sh", [script, load], { cwd: directory, env });
    // The dynamic linker goes on without a library that it cannot load.
    if (stderr.includes("ld.so")) throw new Error(stderr);
    return performance.now() - begin;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A row's number with an allocator; options add to the row's. */
export function measure(row, allocator, options) {
  if (row.host === "program") return timeProgram(row, allocator, options.size);
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

export function emscriptenVersion() {
  const { stdout } = run("emcc", ["--version"]);
  const found = /\d+\.\d+\.\d+/.exec(stdout);
  if (found === null) throw new Error(`emcc printed ${stdout}`);
  return found[0];
}
