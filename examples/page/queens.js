// The C module of examples/module on the page's heap.

const BUILT = new URL(
  "../../build/release/examples/queens.wasm",
  import.meta.url,
);
const WORKERS = 2;

export class Queens {
  #memory;
  #module;
  #exports;

  static async load(memory, heapBase) {
    const queens = new Queens();
    queens.#memory = memory;
    queens.#module = await WebAssembly.compileStreaming(fetch(BUILT));
    // The first instance sets the module's static data.
    const { exports } = new WebAssembly.Instance(
      queens.#module,
      memory.imports,
    );
    queens.#exports = exports;
    if (exports.__heap_base.value > heapBase) {
      throw new Error("the module's data and stack end above heapBase");
    }
    return queens;
  }

  /** Solves in workers; the solutions are blocks that C allocated. */
  async solve(size) {
    const work = Array.from({ length: WORKERS }, () => this.#work(size));
    const results = await Promise.allSettled(work); // until none searches
    for (const { reason, value } of results) {
      if (reason) throw reason;
      if (value < 0) throw new Error("the module is out of memory");
    }
  }

  #work(size) {
    const memory = this.#memory;
    const handle = memory.handle();
    const url = new URL("queens-worker.js", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data.jobs);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage({ handle, module: this.#module, size });
    }).finally(() => {
      worker.terminate();
      return memory.watch(worker, handle.thread); // had it failed: its reserves
    });
  }

  /**
   * Frees the list of solutions, some at a time, so that one sees them go.
   * @param {() => void} freed is called after each
   * @returns {Promise<number>} how many there were
   */
  async freeAll(freed) {
    const memory = this.#memory;
    let count = 0;
    for (let at = this.#exports.solutions_take() >>> 0; at !== 0;) {
      const next = memory.getUint32(at);
      memory.free(at);
      freed();
      at = next;
      if (++count % 200 === 0) await new Promise(requestAnimationFrame);
    }
    return count;
  }
}
