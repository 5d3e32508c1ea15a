// plan.js - what is compared with what, and under which load.
//
// Each comparison is a row of the table: one load by so many workers, run for
// every allocator named, all of them in turn within the same run. The first one
// is this heap, or what the others are measured against.

/** What each allocator is called in the tables. */
export const titles = {
  lshm: "LocalSharedMemory",
  glibc: "glibc",
  jemalloc: "jemalloc",
  mimalloc: "mimalloc",
  boost: "Boost.Interprocess",
  thing: "@thi.ng/malloc",
  empty: "two empty wasm functions",
  dataview: "DataView",
};

const everyNative = ["lshm", "glibc", "jemalloc", "mimalloc", "boost"];
const betweenProcesses = ["lshm", "boost"];

/**
 * @typedef {object} Comparison
 * @property {"native" | "javascript"} host
 * @property {string} load
 * @property {"thread" | "process"} worker what works: threads (in JavaScript the
 *   main thread, or workers) or processes
 * @property {number} workers
 * @property {string[]} allocators
 */

/** @type {Comparison[]} */
export const comparisons = [
  native("pair", "thread", 1, everyNative),
  native("replace", "thread", 1, everyNative),
  native("replace", "thread", 2, everyNative),
  native("exchange", "thread", 2, everyNative),
  native("replace", "process", 2, betweenProcesses),
  native("exchange", "process", 2, betweenProcesses),
  javascript("pair", 1, ["lshm", "thing", "empty"]),
  javascript("replace", 1, ["lshm", "thing"]),
  // Nothing else on npm that is thread-safe is compared here: these stand beside
  // the same load by one worker.
  javascript("exchange", 1, ["lshm"]),
  javascript("replace", 2, ["lshm"]),
  javascript("exchange", 2, ["lshm"]),
  javascript("getset-float64", 1, ["lshm", "dataview"]),
  javascript("set-uint32", 1, ["lshm", "dataview"]),
];

/** @returns {Comparison} */
function native(load, worker, workers, allocators) {
  return { host: "native", load, worker, workers, allocators };
}

/** @returns {Comparison} */
function javascript(load, workers, allocators) {
  return { host: "javascript", load, worker: "thread", workers, allocators };
}

/** Of a check. A list that is searched from its beginning gets fewer. */
export function checkedOperations(allocator) {
  return allocator === "thing" ? 2000 : 20000;
}

/** Whether a load can be checked: not where nothing is done. */
export function isCheckable(allocator) {
  return allocator !== "empty";
}

/** "1 thread", "2 processes". */
export function describeWorkers({ worker, workers }) {
  const plural = worker === "process" ? "processes" : "threads";
  return `${workers} ${workers === 1 ? worker : plural}`;
}
