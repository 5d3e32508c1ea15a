// What the tests take from the host that they run on: Node, Deno or Bun.
// tests/browser/host.js offers the same in browsers.

import { pathToFileURL } from "node:url";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";

/** URL of the module under test. */
export const moduleUrl = process.env.LSHM_MODULE
  ? pathToFileURL(process.env.LSHM_MODULE).href
  : new URL("../../index.js", import.meta.url).href;

export const { LocalSharedMemory } = await import(moduleUrl);

/** What this host lacks that some tests need, and why. */
export const lacks = {};
if (process.arch === "ia32") lacks["4 GiB"] = "needs 64 bits";
if (globalThis.Deno !== undefined) {
  lacks.proof = "nothing on Deno proves that a worker has ended";
  lacks["exit event"] = lacks.proof;
}
if (globalThis.Bun !== undefined) {
  lacks["exit event"] = "a worker that has ended does not say so on Bun";
}

/** The value of a script in another realm. */
export const realm = runInNewContext;

/**
 * Runs a function in a worker: `body(LocalSharedMemory, data, port)`. It must
 * not refer to anything around it. `port` has `postMessage`, `stay()`, without
 * which the worker ends with the function, and `provable(memory)`, to await
 * until the thread's death could be proven; and, not in browsers, `receive()`, a
 * promise of the next message to it. Gives the platform's worker, with `ended`: resolved when it has ended, rejected with its error.
 */
export function start(body, data) {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const port = {
      postMessage: (value) => parentPort.postMessage(value),
      stay: () => setInterval(() => {}, 1000),
      provable: async () => {},
      receive: () => new Promise((done) => parentPort.once("message", done)),
    };
    import(workerData.url).then(({ LocalSharedMemory }) =>
      (${body})(LocalSharedMemory, workerData.data, port));`;
  const worker = new Worker(code, {
    eval: true,
    workerData: { url: moduleUrl, data },
  });
  worker.ended = new Promise((resolve, reject) => {
    worker.on("error", reject);
    worker.on("exit", resolve);
  });
  worker.ended.catch(() => {}); // reported by whoever awaits it
  return worker;
}

/** Calls back with the next message of a worker. */
export function onMessage(worker, listener) {
  worker.once("message", listener);
}
