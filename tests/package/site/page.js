// A page and its worker, as a user would write them: they share one heap.

import LocalSharedMemory from "localsharedmemory";
import { map } from "localsharedmemory/inspect";

const memory = new LocalSharedMemory(16, 64);
const numbers = memory.Int32Array(4);
const handle = memory.handle();
const worker = new Worker(new URL("./worker.js", import.meta.url), {
  type: "module",
});

function finish(result) {
  worker.terminate();
  globalThis.result = result;
}

worker.onerror = (event) => finish({ error: event.message ?? "no worker" });
worker.onmessage = ({ data }) => {
  if (data.error) return finish(data);
  // What the worker allocated is listed, read and freed here.
  const listed = memory
    .allocs()
    .find(({ byteOffset }) => byteOffset === data.ptr);
  const text = memory.getString(data.ptr);
  memory.free(data.ptr);
  memory.check();
  finish({
    text,
    number: numbers[2], // the worker wrote it
    byWorker: listed?.thread === handle.thread,
    left: memory.allocs().length,
    picture: map(memory).startsWith("<svg"),
  });
};
worker.postMessage({ handle, ptr: numbers.byteOffset });
