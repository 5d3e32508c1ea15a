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

  static async load(memory) {
    const queens = new Queens();
    queens.#memory = memory;
    queens.#module = await WebAssembly.compileStreaming(fetch(BUILT));
    // The first instance sets the module's static data.
    const { exports } = new WebAssembly.Instance(
      queens.#module,
      memory.imports,
    );
    queens.#exports = exports;
    return queens;
  }

  /** The module's static data and stack end here, at the most. */
  get dataEnd() {
    return this.#exports.__heap_base.value;
  }

  /** Solves in workers; the solutions are blocks that C allocated. */
  async solve(size) {
    const jobs = await Promise.all(
      Array.from({ length: WORKERS }, () => this.#work(size)),
    );
    if (jobs.some((n) => n < 0)) throw new Error("the module is out of memory");
  }

  #work(size) {
    const handle = this.#memory.handle();
    const url = new URL("queens-worker.js", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data.jobs);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage({ handle, module: this.#module, size });
    }).finally(() => {
      worker.terminate();
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
