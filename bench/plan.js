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
  boost: "Boost.Interprocess",
  apr: "apr_rmm",
  thing: "@thi.ng/malloc",
  empty: "two empty wasm functions",
  dataview: "DataView",
};

/** The private ones, and those that work between processes. */
const privates = ["glibc", "jemalloc", "tcmalloc", "mimalloc"];
const shareds = ["boost", "apr"];

/**
 * @typedef {object} Row
 * @property {string} id HOST:LOAD:WORKERS
 * @property {"native" | "javascript"} host
 * @property {"time" | "latency" | "space"} mode what is measured: nanoseconds for
 *   one operation, the nanoseconds that 999 of 1,000 operations did not exceed,
 *   or the memory taken by the payload
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

const native = [
  row("native:pair:1t", ["lshm", ...privates, ...shareds]),
  row("native:replace:1t", ["lshm", ...privates, ...shareds]),
  row("native:mixed:1t", ["lshm", ...privates], few),
  row("native:powers:1t", ["lshm", ...privates]),
  row("native:grow:1t", ["lshm", ...privates]),
  row("native:pair:2t", ["lshm", ...shareds]),
  row("native:replace:2t", ["lshm", ...privates, ...shareds]),
  row("native:exchange:2t", ["lshm", ...privates, ...shareds]),
  row("native:handover:2t", ["lshm", ...privates]),
  row("native:larson:2t", ["lshm", ...privates]),
  row("native:xmalloc:2t", ["lshm", ...privates]),
  row("native:pair:2p", ["lshm", ...shareds]),
  row("native:replace:2p", ["lshm", ...shareds]),
  row("native:exchange:2p", ["lshm", ...shareds]),
  row("native:replace:8t", ["lshm", ...privates]),
  row("native:exchange:8t", ["lshm", ...privates]),
  row("native:latency/replace:8t", ["lshm", ...privates]),
  row("native:latency/exchange:8t", ["lshm", ...privates]),
  ...[1, 2].flatMap((workers) => [
    row(`native:space/replace:${workers}t`, ["lshm", "jemalloc", "mimalloc"]),
    row(
      `native:space/mixed:${workers}t`,
      ["lshm", "jemalloc", "mimalloc"],
      few,
    ),
    row(`native:space/powers:${workers}t`, ["lshm", "jemalloc", "mimalloc"]),
  ]),
];

const javascript = [
  row("javascript:pair:1t", ["lshm", "thing", "empty"]),
  row("javascript:replace:1t", ["lshm", "thing"]),
  // Nothing else on npm that is thread-safe is compared here: these stand beside
  // the same load by one worker.
  row("javascript:exchange:1t", ["lshm"]),
  row("javascript:replace:2t", ["lshm"]),
  row("javascript:exchange:2t", ["lshm"]),
  row("javascript:getset-float64:1t", ["lshm", "dataview"]),
  row("javascript:set-uint32:1t", ["lshm", "dataview"]),
];

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
    name: "threads",
    title: "Native: random replace against the number of threads",
    axis: "threads",
    points: [1, 2, 4, 8, 16],
    make: (threads) =>
      row(`native:replace@threads:${threads}t`, ["lshm", ...privates]),
  },
  {
    name: "threads-exchange",
    title: "Native: exchanged blocks against the number of threads",
    axis: "threads",
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
export const rows = [...native, ...javascript];

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
  const slow = allocator === "thing" || allocator === "apr";
  return slow
    ? {
        ...options,
        live: Math.min(2000, options.live ?? 2000),
        operations: 2000,
      }
    : { ...options, operations: 20000 };
}

/** Whether a load can be checked: not where nothing is done. */
export function isCheckable(allocator) {
  return allocator !== "empty";
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
    if (["native", "javascript"].includes(parts[0])) host = parts.shift();
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
