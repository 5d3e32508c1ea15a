// javascript.js - measures one allocator under one load, or checks that load:
//
//   node javascript.js time allocator=NAME load=NAME [workers=1] [seed=1]
//                           [live=10000] [heaps=1] [warm=100 timed=250]
//   node javascript.js check ... [operations=20000]
//
// `time` prints the nanoseconds of a worker for one operation; `check` runs the
// same load with every byte of every block written and compared. A single
// worker is the main thread. A process measures one thing only, so that no call
// site has seen another allocator.

import {
  isMainThread,
  parentPort,
  Worker,
  workerData,
} from "node:worker_threads";
import { adopt, Checked, open, requireEmpty } from "./allocators.js";
import { CELLS, loadFor } from "./loads.js";

const PATIENCE_MS = 60000;

/** Waits until all workers met for the `meeting`th time. */
function meet(arrived, workers, meeting) {
  if (Atomics.add(arrived, 0, 1) + 1 === workers * meeting) {
    Atomics.add(arrived, 1, 1);
    Atomics.notify(arrived, 1);
    return;
  }
  if (Atomics.wait(arrived, 1, meeting - 1, PATIENCE_MS) === "timed-out") {
    throw new Error("another worker did not come");
  }
}

/**
 * Runs batches until the time is over. With `grow` a batch becomes large enough
 * for a look at the clock not to count, and stays small enough to end in time.
 */
function runFor(load, batch, milliseconds, grow) {
  const begin = performance.now();
  let end = begin;
  let operations = 0;
  while (end - begin < milliseconds) {
    load.batch(batch);
    operations += batch;
    const last = end;
    end = performance.now();
    if (grow && end - last < 0.5) batch *= 2;
  }
  return { operations, batch, nanoseconds: (end - begin) * 1e6 };
}

/** One worker's part. */
function work(options, index, { allocator, buffer }) {
  const Load = loadFor(options.load, options.allocator);
  // What accesses looks at its own result; what allocates has its blocks watched.
  const watched = options.check && Load.prototype.isRight === undefined;
  const load = new Load(
    {
      allocator: watched ? new Checked(allocator, buffer) : allocator,
      words: new Uint32Array(buffer),
      cells: options.cells,
      live: options.live,
      heaps: options.heaps,
    },
    options.seed + index,
  );
  let count = { operations: 0, nanoseconds: 0 };
  if (options.check) {
    load.batch(options.operations);
    if (load.isRight?.(options.operations) === false) {
      throw new Error("the accesses left wrong values");
    }
  } else {
    const { batch } = runFor(load, 16, options.warm, true);
    meet(options.arrived, options.workers, 1);
    count = runFor(load, batch, options.timed, false);
  }
  meet(options.arrived, options.workers, options.check ? 1 : 2);
  if (options.check) load.drain();
  return count;
}

function runWorker(options, index, shared) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { options, index, shared },
    });
    let count;
    worker.on("message", (message) => (count = message));
    worker.on("error", reject);
    worker.on("exit", () =>
      count === undefined
        ? reject(new Error("a worker ended early"))
        : resolve(count),
    );
  });
}

const usual = {
  ...{ load: "", allocator: "", kind: "thread", workers: 1, seed: 1 },
  ...{ live: 10000, heaps: 1, warm: 100, timed: 250, operations: 20000 },
};

/** MODE and NAME=VALUE words; a value is what its usual one is. */
function parse([mode, ...words]) {
  const options = { ...usual };
  for (const word of words) {
    const [name, value] = word.split("=");
    const whole = Number(value);
    if (typeof usual[name] === "string") options[name] = value;
    else if (name in usual && Number.isSafeInteger(whole))
      options[name] = whole;
    else throw new Error(`expected NAME=VALUE, not ${word}`);
  }
  if (mode !== "time" && mode !== "check") {
    throw new Error(`expected time or check, not ${mode}`);
  }
  if (!(options.workers >= 1)) throw new Error("expected workers=1 or more");
  return { ...options, check: mode === "check" };
}

async function main() {
  const options = {
    ...parse(process.argv.slice(2)),
    arrived: new Int32Array(new SharedArrayBuffer(8)),
    cells: new Uint32Array(new SharedArrayBuffer(CELLS * 4)),
  };
  const opened = await open(options.allocator);
  const indexes = Array.from({ length: options.workers }, (_, i) => i);
  const counts =
    options.workers === 1
      ? [work(options, 0, opened)]
      : await Promise.all(
          indexes.map((i) => runWorker(options, i, opened.share())),
        );
  if (options.check) return requireEmpty(options.allocator, opened.allocator);
  const sum = (key) => counts.reduce((total, count) => total + count[key], 0);
  console.log((sum("nanoseconds") / sum("operations")).toFixed(4));
}

if (isMainThread) {
  await main();
} else {
  const { options, index, shared } = workerData;
  const opened = await adopt(options.allocator, shared);
  parentPort.postMessage(work(options, index, opened));
}
