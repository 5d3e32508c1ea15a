// emscripten.js - malloc and free of an Emscripten -pthread build, called from
// JavaScript in several workers. Emscripten's own loader starts workers that run
// C; here the workers are the benchmark's, so this does what its worker.js does
// before it would enter C: the same thread structure, stack and thread-local data.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PAGES = 5000; // of 64 KiB, for everyone
// Of struct pthread in Emscripten 3.1.6 (establishStackSpace in its output).
const STACK_TOP = 44;
const STACK_SIZE = 48;
const STACK_BYTES = 2 << 20; // its default

const programs = join(
  process.env.LSHM_BUILD ??
    fileURLToPath(new URL("../build/release", import.meta.url)),
  "bench",
);

function instantiate(module, memory, known) {
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    // Nothing else is called while allocating in a memory that does not grow.
    imports[from][name] = () => {
      throw new Error(`the Emscripten build called ${name}`);
    };
  }
  Object.assign(imports.env, known, {
    memory,
    emscripten_get_now: () => performance.now(),
    emscripten_resize_heap: () => 0,
    _emscripten_notify_thread_queue: () => {},
    _emscripten_default_pthread_stack_size: () => STACK_BYTES,
  });
  return new WebAssembly.Instance(module, imports).exports;
}

/**
 * The main thread's build; share() makes a thread for a worker.
 * @param {"dlmalloc" | "emmalloc"} name
 */
export function openEmscripten(name) {
  const module = new WebAssembly.Module(
    readFileSync(join(programs, `${name}.wasm`)),
  );
  const memory = new WebAssembly.Memory({
    ...{ initial: PAGES, maximum: PAGES, shared: true },
  });
  const exports = instantiate(module, memory, {
    __emscripten_init_main_thread_js: (thread) =>
      exports._emscripten_thread_init(thread, 1, 1, 1),
    __pthread_create_js: () => 0,
  });
  exports.__wasm_call_ctors();
  exports.emscripten_tls_init();
  const share = () => {
    const thread = exports.thread_make();
    if (thread === 0) throw new Error("pthread_create failed");
    return { module, memory, thread };
  };
  return { allocator: exports, buffer: memory.buffer, share };
}

/** In a worker: the same build, as the thread that was made for it. */
export function adoptEmscripten({ module, memory, thread }) {
  const exports = instantiate(module, memory, {});
  const words = new Uint32Array(memory.buffer);
  exports._emscripten_thread_init(thread, 0, 0, 1);
  const top = words[(thread + STACK_TOP) >>> 2];
  const size = words[(thread + STACK_SIZE) >>> 2];
  if (!(size > 0 && top > size)) throw new Error("this thread has no stack");
  exports.emscripten_stack_set_limits(top, top - size);
  exports.stackRestore(top);
  exports.emscripten_tls_init();
  return { allocator: exports, buffer: memory.buffer };
}
