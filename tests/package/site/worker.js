import LocalSharedMemory from "localsharedmemory";

globalThis.onmessage = ({ data: { handle, ptr } }) => {
  try {
    const memory = LocalSharedMemory.from(handle);
    memory.store(Int32Array, memory.index(Int32Array, ptr) + 2, 42);
    postMessage({ ptr: memory.string("from the worker") });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
