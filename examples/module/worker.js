// A worker of run.js: an instance of the C module over the heap that all share,
// and JavaScript that allocates there at the same time.

import { parentPort, workerData } from "node:worker_threads";
import LocalSharedMemory from "localsharedmemory";

const { handle, module, size, stackBytes, barrier, workers } = workerData;
const memory = LocalSharedMemory.from(handle);

// The module's memory, malloc and free are this thread's way to the heap.
const { exports } = new WebAssembly.Instance(module, memory.imports);

// Every instance starts with the same stack pointer, into the same memory. So
// each gets a stack of its own, from the heap; it grows down from its end.
const stack = stackBytes > 0 ? memory.malloc(stackBytes) : 0;
if (stack !== 0) exports.__stack_pointer.value = stack + stackBytes;

// All begin together, so that they do meet.
const arrived = memory.index(Int32Array, barrier);
if (memory.add(Int32Array, arrived, 1) === workers - 1) {
  memory.notify(Int32Array, arrived);
}
for (let n; (n = memory.load(Int32Array, arrived)) < workers;) {
  memory.wait(Int32Array, arrived, n);
}

const jobs = exports.solve(size);
if (jobs < 0) throw new Error("the module ran out of memory");
const note = memory.string(`${jobs} jobs by thread ${memory.thread}`);
if (stack !== 0) memory.free(stack);
parentPort.postMessage({ jobs, note, stack });
