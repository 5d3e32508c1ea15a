// Counts a body of text with several workers and one heap.

import { Worker } from "node:worker_threads";
import LocalSharedMemory from "localsharedmemory";
import { Table } from "./table.js";

// Pages of 64 KiB: the heap grows as it is needed.
const INITIAL = 1;
const MAXIMUM = 16384;
const BUCKETS = 1 << 16;
const LOOK_MS = 100;

/** A worker's next message; rejects where it fails or ends before that. */
function message(worker) {
  return new Promise((resolve, reject) => {
    const ended = (code) => reject(new Error(`a worker ended (${code})`));
    worker.once("error", reject);
    worker.once("exit", ended);
    worker.once("message", (value) => {
      worker.off("error", reject);
      worker.off("exit", ended);
      resolve(value);
    });
  });
}

/**
 * Lets `count` workers count the text's words in a new heap. `progress` hears
 * how many pieces were taken. Gives the heap, what each worker did, and the
 * milliseconds from the start of all to the end of the last.
 */
export async function countTogether({ pieces, total }, count, progress) {
  const memory = new LocalSharedMemory({ initial: INITIAL, maximum: MAXIMUM });
  const table = new Table(memory, BUCKETS);
  // Two words that the workers share: a starting gun, and the next piece.
  const control = memory.calloc(2, 4);
  const go = memory.index(Int32Array, control);
  const next = memory.index(Uint32Array, control + 4);

  const url = new URL("worker.js", import.meta.url);
  const team = [];
  try {
    while (team.length < count) {
      const handle = memory.handle();
      const workerData = { handle, pieces, total, control };
      const worker = new Worker(url, { workerData });
      // Should it die, what it held comes back by this.
      const left = memory.watch(worker, handle.thread);
      team.push({ worker, left });
    }
    await Promise.all(team.map(({ worker }) => message(worker)));
    const begin = performance.now();
    const look = setInterval(
      () => progress(memory.load(Uint32Array, next)),
      LOOK_MS,
    );
    memory.store(Int32Array, go, 1);
    memory.notify(Int32Array, go);
    const work = team.map(({ worker }) => message(worker));
    const workers = await Promise.all(work).finally(() => clearInterval(look));
    const time = performance.now() - begin;
    progress(total);
    await Promise.all(team.map(({ left }) => left));
    memory.free(control);
    return { memory, table, workers, time };
  } finally {
    await Promise.all(team.map(({ worker }) => worker.terminate()));
  }
}
