// Runs the C module over the heap: an instance of its own, with a stack of its
// own from the heap, and malloc and free that are this thread's.

import LocalSharedMemory from "../../index.js";

const STACK_BYTES = 16384;

onmessage = ({ data: { handle, module, size } }) => {
  const memory = LocalSharedMemory.from(handle);
  const { exports } = new WebAssembly.Instance(module, memory.imports);
  const stack = memory.malloc(STACK_BYTES);
  exports.__stack_pointer.value = stack + STACK_BYTES;
  const jobs = exports.solve(size);
  memory.free(stack);
  memory.detach();
  postMessage({ jobs });
};
