// A C program that knows nothing of this library joins a heap: queens.c, compiled
// by plain clang, runs in four workers, and its malloc and free are the heap's.
//
//     node examples/module/run.js [SIZE]

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import LocalSharedMemory from "localsharedmemory";

// The module has these bytes for its static data and for the stack it was linked
// with; the heap begins behind them.
const HEAP_BASE = 65536;
const STACK_BYTES = 16384;
const build =
  process.env.LSHM_BUILD ??
  fileURLToPath(new URL("../../build/release", import.meta.url));

/** The worker's message, once it has ended. */
function work(workerData) {
  const worker = new Worker(new URL("worker.js", import.meta.url), {
    workerData,
  });
  return new Promise((resolve, reject) => {
    let result;
    worker.once("message", (message) => (result = message));
    worker.once("error", reject);
    worker.once("exit", () => resolve(result));
  });
}

/** Takes the solutions from the list that C made, and frees them. */
function takeSolutions(memory, first) {
  const solutions = [];
  for (let at = first; at !== 0;) {
    const size = memory.getUint32(at + 4); // as struct solution says
    solutions.push([...memory.arrayView(Uint8Array, at + 8, size)]);
    const next = memory.getUint32(at);
    memory.free(at);
    at = next;
  }
  return solutions;
}

/**
 * Finds the ways to place `size` queens, with `workers` threads. With 0 for
 * stackBytes all workers stay on the one stack that the module was linked with,
 * which is wrong: the test shows that it is.
 */
export async function findSolutions(
  size,
  { workers = 4, stackBytes = STACK_BYTES } = {},
) {
  const path = join(build, "examples/queens.wasm");
  const module = new WebAssembly.Module(readFileSync(path));
  const memory = new LocalSharedMemory({
    initial: 16,
    maximum: 1024,
    heapBase: HEAP_BASE,
  });
  const barrier = memory.calloc(1, 4);
  const shared = { module, size, stackBytes, barrier, workers };
  const results = await Promise.all(
    Array.from({ length: workers }, () =>
      work({ ...shared, handle: memory.handle() }),
    ),
  );
  // This thread's instance has the linked stack for itself, now.
  const { exports } = new WebAssembly.Instance(module, memory.imports);
  if (exports.__heap_base.value > HEAP_BASE) {
    throw new Error("the module's data and stack end above HEAP_BASE");
  }
  const solutions = takeSolutions(memory, exports.solutions_take() >>> 0);
  const notes = results.map(({ note }) => memory.getString(note));
  for (const { note } of results) memory.free(note);
  memory.free(barrier);
  return { memory, solutions, results, notes };
}

async function main() {
  const size = Number(process.argv[2] ?? 10);
  if (!(Number.isInteger(size) && size >= 4 && size <= 14)) {
    throw new Error(`expected SIZE from 4 to 14, not ${process.argv[2]}`);
  }
  const { memory, solutions, notes } = await findSolutions(size);
  console.log(
    `${size} queens: ${solutions.length} solutions and as many mirrored ones`,
  );
  for (const row of solutions[0] ?? []) {
    console.log(`  ${". ".repeat(row - 1)}Q ${". ".repeat(size - row)}`);
  }
  console.log(notes.join("\n"));
  console.log(`blocks left in the heap: ${memory.check().blocks}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
