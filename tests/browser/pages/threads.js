// The threads of the pages in own.js: workers, and a processor of an
// AudioWorklet.

import LocalSharedMemory from "./index.js";

const works = {
  /** Computes without yielding, over blocks of which it knows the content. */
  spin({ handle, ms }) {
    const memory = LocalSharedMemory.from(handle);
    const list = Array.from({ length: 100 }, (_, i) => {
      const ptr = memory.malloc(100);
      memory.memset(ptr, i, 100);
      return ptr;
    });
    postMessage(list.length);
    const until = Date.now() + ms;
    while (Date.now() < until)
      for (let size = 0; size < 5000; size += 50)
        memory.free(memory.malloc(size));
    const same = list.every((ptr, i) =>
      memory.arrayView(Uint8Array, ptr).every((byte) => byte === i),
    );
    // Not before others had their turn.
    setTimeout(() => postMessage({ same }), 100);
  },

  idle({ handle }) {
    const memory = LocalSharedMemory.from(handle);
    memory.malloc(1000);
    setTimeout(() => postMessage("idles"), 100);
  },

  alone() {
    const memory = new LocalSharedMemory(4);
    postMessage(memory.getString(memory.string("alone")));
  },

  policy() {
    try {
      new LocalSharedMemory(4);
      postMessage(null);
    } catch ({ name, code, message }) {
      postMessage({ name, code, message });
    }
  },
};

if (globalThis.registerProcessor === undefined) {
  onmessage = ({ data: { work, data } }) => works[work](data);
} else {
  /** Puts a text in place of each that the page made, and frees that. */
  class Allocator extends AudioWorkletProcessor {
    constructor({ processorOptions: { handle, boxes, count } }) {
      super();
      this.memory = LocalSharedMemory.from(handle);
      this.first = this.memory.index(Uint32Array, boxes);
      this.left = count;
    }

    process() {
      const { memory, first } = this;
      if (this.left === 0) return false;
      const i = --this.left;
      const made = memory.string(`Grüße ${i}, 世界`);
      const old = memory.exchange(Uint32Array, first + i, made);
      if (memory.getString(old) === `page ${i}`) memory.free(old);
      return true;
    }
  }
  registerProcessor("allocator", Allocator);
}
