// plan.js - what is measured and what it is compared with. goals.json says what
// should come of it.
//
// A row is one load by so many workers, run for every allocator named, all of
// them in turn within the same run. The first one is this heap, or what stands
// in its place.

/** What each allocator is called in the tables. */
export const titles = {
  lshm: "LocalSharedMemory",
  glibc: "glibc",
  jemalloc: "jemalloc",
  tcmalloc: "tcmalloc",
  mimalloc: "mimalloc",
  preload: "liblshm-preload",
  boost: "Boost.Interprocess",
  apr: "apr_rmm",
  thing: "@thi.ng/malloc",
  dlmalloc: "Emscripten dlmalloc",
  emmalloc: "Emscripten emmalloc",
  objects: "shared-memory-objects",
  empty: "two empty wasm functions",
  adopted: "adopted",
  grown: "after a growth",
  dataview: "by hand",
};

/** The private ones, and those that work between processes. */
const privates = ["glibc", "jemalloc", "tcmalloc", "mimalloc"];
const shareds = ["boost", "apr"];

/**
 * @typedef {object} Row
 * @property {string} id HOST:LOAD:WORKERS
 * @property {"native" | "javascript" | "program"} host
 * @property {"time" | "latency" | "space" | "heap"} mode what is measured:
 *   nanoseconds for one operation, the nanoseconds that 999 of 1,000 operations
 *   did not exceed, the memory taken by the payload, or what `units` says; for a
 *   program its milliseconds
 * @property {string} load
 * @property {"thread" | "process"} kind of the workers (in JavaScript a single
 *   thread is the main one)
 * @property {number} workers
 * @property {Record<string, number>} options of the load
 * @property {string[]} allocators
 * @property {string | undefined} curve whose point it is
 */

/** @returns {Row} */
function row(id, allocators, options = {}, curve = undefined) {
  const [host, name, [count, letter]] = id
    .split(":")
    .map((part, i) => (i < 2 ? part : [parseInt(part, 10), part.at(-1)]));
  const [load, mode = "time"] = name.split("@")[0].split("/").reverse();
  const kind = letter === "p" ? "process" : "thread";
  return {
    id,
    host,
    mode,
    load,
    kind,
    workers: count,
    options,
    allocators,
    curve,
  };
}

const few = { live: 1000 };
const inSpace = ["lshm", "jemalloc", "mimalloc"];
const wasms = ["dlmalloc", "emmalloc", "thing", "objects"];
const together = ["dlmalloc", "emmalloc", "objects"];
const heapKinds = ["lshm", "adopted", "grown"];
const preloaded = ["lshm", ...privates];
const eights = [1, 2, 4, 8];

/**
 * The rows of each table. Less is better in all of them.
 * @type {{ title: string, rows: Row[] }[]}
 */
export const tables = [
  {
    title: "Native, one thread: nanoseconds",
    rows: [
      row("native:pair:1t", ["lshm", ...privates, "preload", ...shareds]),
      row("native:replace:1t", ["lshm", ...privates, "preload", ...shareds]),
      row("native:mixed:1t", ["lshm", ...privates, "preload"], few),
      row("native:powers:1t", ["lshm", ...privates, "preload"]),
      row("native:grow:1t", ["lshm", ...privates, "preload"]),
    ],
  },
  {
    title: "Native, two threads: nanoseconds",
    rows: [
      row("native:pair:2t", ["lshm", ...shareds]),
      row("native:replace:2t", ["lshm", ...privates, "preload", ...shareds]),
      row("native:exchange:2t", ["lshm", ...privates, "preload", ...shareds]),
      row("native:handover:2t", ["lshm", ...privates, "preload"]),
      row("native:larson:2t", ["lshm", ...privates, "preload"]),
      row("native:xmalloc:2t", ["lshm", ...privates, "preload"]),
    ],
  },
  {
    title: "Native, two processes: nanoseconds",
    rows: [
      row("native:pair:2p", ["lshm", ...shareds]),
      row("native:replace:2p", ["lshm", ...shareds]),
      row("native:exchange:2p", ["lshm", ...shareds]),
    ],
  },
  {
    title: "Native, eight threads: nanoseconds of a thread",
    rows: [
      row("native:replace:8t", ["lshm", ...privates]),
      row("native:exchange:8t", ["lshm", ...privates]),
    ],
  },
  {
    title:
      "Native, eight threads: nanoseconds that 99.9 % of operations took at most",
    rows: [
      row("native:latency/replace:8t", ["lshm", ...privates]),
      row("native:latency/exchange:8t", ["lshm", ...privates]),
    ],
  },
  {
    title: "Native: memory taken over payload, peak over peak",
    rows: [1, 2].flatMap((workers) => [
      row(`native:space/replace:${workers}t`, inSpace),
      row(`native:space/mixed:${workers}t`, inSpace, few),
      row(`native:space/powers:${workers}t`, inSpace),
    ]),
  },
  {
    title: "JavaScript: nanoseconds",
    rows: [
      row("javascript:pair:1t", ["lshm", ...wasms, "empty"]),
      row("javascript:replace:1t", ["lshm", ...wasms]),
      row("javascript:mixed:1t", ["lshm", ...wasms]),
      row("javascript:exchange:1t", ["lshm", ...wasms]),
      row("javascript:pair:2t", ["lshm", ...together]),
      row("javascript:replace:2t", ["lshm", ...together]),
      row("javascript:mixed:2t", ["lshm", ...together]),
      row("javascript:exchange:2t", ["lshm", ...together]),
    ],
  },
  {
    title: "JavaScript, reading and writing: nanoseconds",
    rows: [
      row("javascript:access-mixed:1t", [...heapKinds, "dataview"]),
      row("javascript:access-get:1t", [...heapKinds, "dataview"]),
      row("javascript:atomic-add:1t", ["lshm", "dataview"]),
      row("javascript:atomic-load:1t", ["lshm", "dataview"]),
      row("javascript:array-view:1t", ["lshm", "dataview"]),
      row("javascript:data-view:1t", ["lshm", "dataview"]),
    ],
  },
  {
    title: "JavaScript, several heaps at one call site: nanoseconds of a pair",
    rows: eights.map((heaps) =>
      row(`javascript:heaps@heaps=${heaps}:1t`, ["lshm", "empty"], { heaps }),
    ),
  },
  {
    title: "The whole heap, and beginnings",
    rows: [
      row("native:heap/walk:1t", ["lshm"]),
      row("native:heap/check:1t", ["lshm"]),
      row("native:heap/reap:1t", ["lshm"]),
      row("javascript:heap/walk:1t", ["lshm"]),
      row("javascript:heap/allocs:1t", ["lshm"]),
      row("javascript:heap/check:1t", ["lshm"]),
      row("javascript:heap/reap:1t", ["lshm"]),
      row("javascript:heap/attach:1t", ["lshm"]),
      row("javascript:heap/first-use:1t", ["lshm"]),
      row("javascript:heap/size:1t", ["lshm"]),
    ],
  },
  {
    title: "Whole programs with the allocator preloaded: milliseconds",
    rows: ["python3", "git", "sqlite3", "gcc", "node", "perl"].map((program) =>
      row(`program:${program}:1p`, preloaded),
    ),
  },
];

/** What the numbers of "heap" rows count. */
export const units = {
  walk: "ns for each of 1,000,000 blocks",
  allocs: "ns for each of 1,000,000 blocks, as an array",
  check: "ms for 1 GiB",
  reap: "ms, of a dead thread in 1 GiB",
  attach: "µs, `from` in a worker that has compiled the module",
  "first-use": "ms, `from`, malloc and free in a fresh worker",
  size: "bytes, index.js minified and gzipped",
};

/** How cost grows: one load against one number. */
export const curves = [
  {
    name: "live",
    title: "Native: random replace against the number of live blocks",
    axis: "live blocks",
    points: [100, 1000, 10000, 100000, 1000000, 10000000],
    make: (live) =>
      row(`native:replace@live=${live}:1t`, ["lshm", ...privates], {
        live,
        // More than twice the payload of 264 bytes each.
        region: Math.max(2 ** 28, live * 640),
      }),
  },
  {
    name: "live-wasm",
    title: "JavaScript: random replace against the number of live blocks",
    axis: "live blocks",
    points: [100, 1000, 10000, 100000, 1000000],
    make: (live) =>
      row(
        `javascript:many@live=${live}:1t`,
        ["lshm", "dlmalloc", "emmalloc", ...(live <= 10000 ? ["thing"] : [])],
        { live },
      ),
  },
  {
    name: "threads",
    title: "Native: random replace against the number of threads",
    axis: "threads",
    throughput: true,
    points: [1, 2, 4, 8, 16],
    make: (threads) =>
      row(`native:replace@threads:${threads}t`, ["lshm", ...privates]),
  },
  {
    name: "threads-exchange",
    title: "Native: exchanged blocks against the number of threads",
    axis: "threads",
    throughput: true,
    points: [1, 2, 4, 8, 16],
    make: (threads) =>
      row(`native:exchange@threads:${threads}t`, ["lshm", ...privates]),
  },
  {
    name: "heap",
    title: "Native: random replace, 1,000 live, in a heap two fifths full",
    axis: "bytes of heap",
    points: [2 ** 20, 2 ** 24, 2 ** 28, 2 ** 32, 2 ** 34],
    make: (region) =>
      row(`native:crowded@region=${region}:1t`, ["lshm"], {
        live: 1000,
        region,
      }),
  },
];

/** @type {Row[]} */
export const rows = tables.flatMap((table) => table.rows);

/** @type {Row[]} */
export const curveRows = curves.flatMap(({ name, points, make }) =>
  points.map((point) => ({ ...make(point), curve: name, point })),
);

/** The bytes of memory that a row needs. */
export function memoryOf({ options, workers }) {
  return (options.region ?? 2 ** 28) * Math.max(1, workers / 4);
}

/** Of a check. What searches a list from its beginning gets fewer. */
export function checkedOptions({ options }, allocator) {
  const slow = ["thing", "objects", "apr"].includes(allocator);
  return slow
    ? {
        ...options,
        live: Math.min(2000, options.live ?? 2000),
        operations: 2000,
      }
    : { ...options, operations: 20000 };
}

/** Whether a load can be checked: not where nothing is done, or no load. */
export function isCheckable({ host, mode }, allocator) {
  return host !== "program" && mode !== "heap" && allocator !== "empty";
}

/** "1 thread", "2 processes". */
export function describeWorkers({ kind, workers }) {
  const plural = kind === "process" ? "processes" : "threads";
  return `${workers} ${workers === 1 ? kind : plural}`;
}

/**
 * The rows that a list of HOST:LOAD,LOAD… or LOAD,LOAD… means; a LOAD may have
 * :WORKERS behind it, and the host holds for what follows.
 */
export function select(text) {
  let host;
  const wanted = text.split(",").map((word) => {
    const parts = word.split(":");
    if (["native", "javascript", "program"].includes(parts[0]))
      host = parts.shift();
    const [load = "", workers = ""] = parts;
    return { word, host, load, workers };
  });
  const matches = (row, { host, load, workers }) => {
    const [rowHost, name, count] = row.id.split(":");
    return (
      (host === undefined || rowHost === host) &&
      (load === "" || name === load || name.split("@")[0] === load) &&
      (workers === "" || count === workers)
    );
  };
  const all = [...rows, ...curveRows];
  const none = wanted.find((each) => !all.some((row) => matches(row, each)));
  if (none !== undefined) throw new Error(`--only: no row is ${none.word}`);
  return all.filter((row) =>
    wanted.some(
      (each) =>
        matches(row, each) &&
        (row.curve === undefined || each.load.includes("@")),
    ),
  );
}
