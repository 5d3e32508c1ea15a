// LocalSharedMemory - one heap in a WebAssembly.Memory that several threads
// and WebAssembly modules allocate from at the same time, without a lock.
//
// This file validates arguments, makes views and tells errors; everything that
// decides about memory is the wasm core, which stands in WASM below.
//
//   pointer   a Number: the byte offset in the memory; 0 is null
//   base      where the heap starts: heapBase rounded up to BASE_ALIGN. The
//             core counts offsets from there
//   view      the core's state of this thread: an address in the memory, in
//             the thread's slot; 0 while this thread is not attached
//   state     what a LocalSharedMemory knows, in a property of it named STATE
//
// The core may be cut short by an exception (no stack left, a trap). Then the
// thread's slot is half-way through something: it is given up as if the thread
// had died, and a new one taken (`torn`, `mend`).

/** @type {any} */
const WASM = /* @wasm */ {};
/** @type {Record<string, [number, string]>} */
const ERRORS = /* @errors */ {};
/** @type {string} */
const VERSION = /* @version */ "";

const LAYOUT = 1; // LAYOUT_VERSION of the core; a test compares them
const VERSION_AT = 72; // where a heap says it, from its base
const STATE = Symbol.for(`LocalSharedMemory.${LAYOUT}`);
const PAGE = 65536;
const FLOOR = 64; // nothing is ever read or written below
const PATIENCE = 10; // milliseconds of tries to get a slot
const BASE_ALIGN = 4096;
const MAX_U32 = 0xffffffff;

// --- types -------------------------------------------------------------------

/**
 * @typedef {typeof globalThis extends { WebAssembly: { Memory: { prototype: infer M } } } ? M : { readonly buffer: ArrayBuffer, grow(delta: number): number }} PlatformMemory
 *   `WebAssembly.Memory` where the compiler knows it, else its shape.
 */
/**
 * @typedef {SymbolConstructor extends { readonly dispose: infer D extends symbol } ? { [K in D]: () => void } : {}} PlatformDispose
 *   `[Symbol.dispose]` where the compiler knows it.
 */
/**
 * @typedef {typeof globalThis extends { Float16Array: { prototype: infer F } } ? F : any} PlatformFloat16Array
 *   `Float16Array` where the compiler knows it.
 */
/**
 * @typedef {new (descriptor: object) => PlatformMemory & PlatformDispose} PlatformMemoryConstructor
 *   What a LocalSharedMemory extends.
 */

/**
 * @typedef {Int8ArrayConstructor | Uint8ArrayConstructor | Int16ArrayConstructor | Uint16ArrayConstructor | Int32ArrayConstructor | Uint32ArrayConstructor} NumberAtomicConstructor
 *   The typed arrays whose atomics work on numbers.
 */
/**
 * @typedef {BigInt64ArrayConstructor | BigUint64ArrayConstructor} BigIntAtomicConstructor
 *   The typed arrays whose atomics work on bigints.
 */
/**
 * @typedef {NumberAtomicConstructor | BigIntAtomicConstructor} AtomicConstructor
 *   The typed arrays that have atomics.
 */
/**
 * @typedef {Int32ArrayConstructor | BigInt64ArrayConstructor} WaitableConstructor
 *   The typed arrays on whose elements a thread can wait.
 */
/**
 * @template {AtomicConstructor} T
 * @typedef {T extends BigIntAtomicConstructor ? bigint : number} ElementOf
 *   The element of a typed array: a number or a bigint.
 */
/**
 * @typedef {{ new (buffer: ArrayBufferLike, byteOffset: number, length: number): any, readonly BYTES_PER_ELEMENT: number }} TypedArrayConstructor
 *   Any typed array constructor.
 */
/**
 * @typedef {number | null | Iterable<number> | ArrayLike<number> | ArrayBufferLike} NumberSource
 *   What a typed array of numbers is made from: a length, or the values.
 */
/**
 * @typedef {number | null | Iterable<bigint> | ArrayLike<bigint> | ArrayBufferLike} BigIntSource
 *   What a typed array of bigints is made from: a length, or the values.
 */
/**
 * @typedef {{ async: false, value: "not-equal" | "timed-out" } | { async: true, value: Promise<"ok" | "timed-out"> }} WaitAsyncResult
 *   As `Atomics.waitAsync` returns it.
 */

/**
 * @typedef {object} MemoryOptions How to make a memory and a heap in it.
 * @property {number} [initial] pages of 64 KiB; 1000 by default, or `maximum`
 *   where that is less
 * @property {number} [maximum] pages; `initial` by default
 * @property {boolean} [shared] true by default
 * @property {number} [heapBase] bytes, a multiple of 64, 0 by default. The heap
 *   never touches what is below: there a module keeps its static data and
 *   stack. The heap itself begins at the next multiple of 4096
 * @property {bigint} [secret] 64 bits that key the checks in the heap, for
 *   heaps that must come out the same each time; random by default
 * @property {"i32"} [address] only 32-bit memories hold a heap for now
 */
/**
 * @typedef {object} HeapHandle
 *   What a thread needs in order to adopt a heap: one thing to post.
 * @property {PlatformMemory} memory arrives as a plain `WebAssembly.Memory`
 * @property {number} heapBase bytes: as the heap was made with
 * @property {number} thread a number reserved for the receiver
 */
/**
 * @typedef {object} ThreadStats What a thread has allocated.
 * @property {number} thread its number, also of one that has left
 * @property {number} blocks live blocks
 * @property {number} byteLength their bytes, as requested
 * @property {number} bufferSize their bytes with headers and padding
 */
/**
 * @typedef {object} Stats What `stats()` counts. Sizes are in bytes.
 * @property {number} committed what the heap has
 * @property {number} maximum what it may grow to
 * @property {number} used live blocks with their headers and padding
 * @property {number} free neither used nor metadata
 * @property {number} metadata the heap's own tables
 * @property {number} largestFree the largest block that can be had without growing
 * @property {number} blocks live blocks
 * @property {number} threads attached threads
 * @property {number} slabs runs of chunks that hold small blocks
 * @property {number} spans runs of chunks that are one block
 * @property {ThreadStats[]} byThread the live blocks by the thread that
 *   allocated them
 */
/**
 * @typedef {object} Counts What `check()` counts.
 * @property {number} blocks live blocks
 * @property {number} freeBlocks free blocks in slabs
 * @property {number} slabs runs of chunks that hold small blocks
 * @property {number} spans runs of chunks that are one block
 * @property {number} freeChunks chunks that are neither
 */
/**
 * @typedef {object} Remains
 *   What a dead thread had allocated: what is left of it, or was freed.
 * @property {number} thread its number
 * @property {number} blocks how many blocks
 * @property {number} bytes their bytes, with headers and padding
 */
/**
 * @typedef {object} HeapFunctions
 *   C's functions over this heap, with the types that they have in wasm32.
 * @property {LocalSharedMemory} memory the memory itself
 * @property {(size: number) => number} malloc 0 when out of memory
 * @property {(ptr: number) => void} free traps where `ptr` is no live block
 * @property {(count: number, size: number) => number} calloc zeroed
 * @property {(ptr: number, size: number) => number} realloc 0 when out of
 *   memory: the old block stays then. Traps as `free` does
 * @property {(align: number, size: number) => number} aligned_alloc 0 where
 *   `align` is no power of two
 * @property {(out: number, align: number, size: number) => number} posix_memalign
 *   0, or 28 (`EINVAL`) or 48 (`ENOMEM`); the pointer goes to `out`
 * @property {(ptr: number) => number} malloc_usable_size bytes, as requested
 */
/**
 * @typedef {object} HeapImports
 *   The imports of a WebAssembly module that is to allocate from this heap.
 * @property {HeapFunctions} env the module in whose name C imports them
 */
/**
 * @typedef {Error & ErrorDetails} HeapError Any error of this package.
 */
/**
 * @typedef {object} ErrorDetails What the errors of this package have besides.
 * @property {string} code `"ERR_LSHM_…"`
 * @property {string} [reason] what is wrong with a pointer, such as
 *   `"already freed"`
 * @property {number} [byteOffset] where
 * @property {number} [invariant] the number of what `check()` found broken
 */

// --- errors ------------------------------------------------------------------

/** @param {string} where */
const label = (where) =>
  where === "new" ? "new LocalSharedMemory" : `LocalSharedMemory.${where}`;

/**
 * @param {ErrorConstructor} Type
 * @param {string} name of the code, as in the table of errors
 * @param {string} where the member that fails
 * @param {string} text what was expected and what came
 * @param {object} [more] properties of the error
 * @returns {HeapError}
 */
function makeError(Type, name, where, text, more) {
  const error = new Type(`${label(where)}: ${text}`);
  return /** @type {any} */ (
    Object.assign(error, { code: `ERR_LSHM_${name}` }, more)
  );
}

/** @param {string} where @param {string} text */
const typeError = (where, text) => makeError(TypeError, "INVALID", where, text);

/** @param {string} where @param {string} text @param {string} [name] */
const rangeError = (where, text, name = "INVALID") =>
  makeError(RangeError, name, where, text);

/**
 * A value as it stands in a message, without running any code of its own.
 * @param {any} value
 */
function show(value) {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  return Object.is(value, -0) ? "0" : String(value);
}

/**
 * The name of a negative number that the core returned.
 * @param {number} number
 */
function errorName(number) {
  for (const name of Object.keys(ERRORS)) {
    if (ERRORS[name][0] === -number) return name;
  }
  return "DAMAGED";
}

/**
 * The error for a number that the core returned.
 * @param {string} where
 * @param {number} number
 * @param {string} [detail] what was expected, what came
 */
function coreError(where, number, detail) {
  const name = errorName(number);
  const text = ERRORS[name][1];
  return rangeError(where, detail ? `${text} (${detail})` : text, name);
}

/**
 * The error for bytes that hold no heap which this copy can use.
 * @param {string} where
 * @param {number} number
 * @param {any} buffer
 * @param {number} base
 */
function noHeap(where, number, buffer, base) {
  let detail;
  if (errorName(number) === "NO_HEAP") detail = `expected one at ${base}`;
  if (errorName(number) === "VERSION") {
    const found = new DataView(buffer).getUint32(base + VERSION_AT, true);
    detail = `expected ${LAYOUT}, found ${found}`;
  }
  return coreError(where, number, detail);
}

/**
 * The error for a pointer that is no live block.
 * @param {string} where
 * @param {number} ptr
 * @param {number} number
 */
function badBlock(where, ptr, number) {
  const name = errorName(number);
  const reason = ERRORS[name][1];
  if (name === "DETACHED" || name === "NOMEM") return coreError(where, number);
  return makeError(
    RangeError,
    name,
    where,
    `${show(ptr)} is not a live block (${reason})`,
    { reason, byteOffset: ptr },
  );
}

/**
 * The error for a pointer that is not even an offset: not a number, negative,
 * fractional, NaN, too large.
 * @param {string} where
 * @param {any} ptr
 */
function badPointer(where, ptr) {
  if (typeof ptr !== "number") {
    return typeError(where, `expected a pointer, a number, not ${show(ptr)}`);
  }
  return badBlock(where, ptr, -ERRORS.OUTSIDE[0]);
}

/** @param {string} where @param {any} ptr @param {number} length */
function badOffset(where, ptr, length) {
  if (typeof ptr !== "number") {
    return typeError(where, `expected an offset, a number, not ${show(ptr)}`);
  }
  const text = `offset ${show(ptr)} is outside the memory`;
  return makeError(
    RangeError,
    "OUTSIDE",
    where,
    `${text} (expected an integer from ${FLOOR}, the access ending by ${length})`,
    { reason: ERRORS.OUTSIDE[1] },
  );
}

/**
 * @param {string} where
 * @param {any} index
 * @param {any} array
 */
function badIndex(where, index, array) {
  if (typeof index !== "number") {
    return typeError(where, `expected an index, a number, not ${show(index)}`);
  }
  const first = FLOOR / array.BYTES_PER_ELEMENT;
  return makeError(
    RangeError,
    "OUTSIDE",
    where,
    `index ${show(index)} is outside the memory (expected an integer from ${first} to ${array.length - 1})`,
    { reason: ERRORS.OUTSIDE[1] },
  );
}

// --- arguments ---------------------------------------------------------------

/**
 * Refuses what is no size: a non-negative integer.
 * @param {string} where
 * @param {string} name
 * @param {any} value
 * @returns {number}
 */
function checkSize(where, name, value) {
  if (typeof value !== "number") {
    throw typeError(where, `expected ${name}, a number, not ${show(value)}`);
  }
  if (!Number.isInteger(value) || value < 0) {
    throw rangeError(
      where,
      `expected ${name}, a non-negative integer, not ${show(value)}`,
    );
  }
  return value + 0;
}

/**
 * @param {string} where
 * @param {any} value
 */
function checkAlign(where, value) {
  if (typeof value !== "number") {
    throw typeError(where, `expected alignBytes, a number, not ${show(value)}`);
  }
  if (!(value >= 1 && Number.isInteger(Math.log2(value)))) {
    throw rangeError(
      where,
      `expected alignBytes, a power of two, not ${show(value)}`,
    );
  }
}

/**
 * @param {string} where
 * @param {any} value
 */
function checkOptions(where, value) {
  if (typeof value !== "object" || value === null) {
    throw typeError(where, `expected options, an object, not ${show(value)}`);
  }
}

/**
 * Refuses a memory that cannot become a LocalSharedMemory.
 * @param {string} where
 * @param {any} memory
 */
function checkExtensible(where, memory) {
  if (!Object.isExtensible(memory)) {
    throw typeError(
      where,
      "expected a memory that can be extended, not frozen",
    );
  }
}

/**
 * @param {string} where
 * @param {any} value
 * @returns {number}
 */
function checkThread(where, value) {
  if (typeof value !== "number") {
    throw typeError(where, `expected a thread, a number, not ${show(value)}`);
  }
  if (value >>> 0 !== value || value === 0) {
    throw rangeError(
      where,
      `expected a thread's number, not ${show(value)}`,
      "THREAD_GONE",
    );
  }
  return value;
}

/**
 * @param {string} where
 * @param {any} value
 * @returns {number} where the heap begins
 */
function checkBase(where, value) {
  if (value === undefined) return 0;
  if (typeof value !== "number") {
    throw typeError(where, `expected heapBase, a number, not ${show(value)}`);
  }
  if (value >>> 0 !== value || value % FLOOR !== 0) {
    throw rangeError(
      where,
      `expected heapBase, a multiple of ${FLOOR} in the memory, not ${show(value)}`,
    );
  }
  return Math.ceil(value / BASE_ALIGN) * BASE_ALIGN;
}

/**
 * @param {string} where
 * @param {any} value
 */
function checkTypedArray(where, value) {
  // JavaScriptCore's DataView has BYTES_PER_ELEMENT too.
  const isArray = typeof value === "function" && value !== DataView;
  const size = isArray ? value.BYTES_PER_ELEMENT : 0;
  if (!(size >= 1 && size <= 8)) {
    throw typeError(
      where,
      `expected a typed array's constructor, not ${show(value)}`,
    );
  }
}

/**
 * @param {string} where
 * @param {number} ptr
 * @param {number} size
 */
function checkMultiple(where, ptr, size) {
  if (ptr % size !== 0) {
    throw makeError(
      RangeError,
      "MISALIGNED",
      where,
      `expected a multiple of ${size}, not ${ptr}`,
      { reason: ERRORS.MISALIGNED[1] },
    );
  }
}

/**
 * Refuses a range that does not lie in the memory. An empty one may stand at
 * the memory's end.
 * @param {string} where
 * @param {any} memory
 * @param {any} ptr
 * @param {any} bytes
 * @returns {any} the buffer, as the cached views have it: to ask the memory for it
 *   takes longer than to make a view
 */
function checkRange(where, memory, ptr, bytes) {
  checkSize(where, "a length", bytes);
  const state = memory[STATE];
  // A detached one has a length of 0.
  if (typeof ptr === "number" && ptr + bytes > state.uint32.byteLength) {
    refresh(memory);
  }
  if (
    typeof ptr !== "number" ||
    ptr >>> 0 !== ptr ||
    ptr < FLOOR ||
    ptr + bytes > state.length
  ) {
    throw badOffset(where, ptr, state.length);
  }
  return state.buffer;
}

// --- the platform ------------------------------------------------------------

const Platform = /** @type {any} */ (globalThis);
/** @type {any} Atomics, of arrays and values whose types go together */
const AnyAtomics = Atomics;

/** @param {unknown} [cause] */
function noWasm(cause) {
  const error = makeError(
    TypeError,
    "NO_WASM",
    "new",
    "WebAssembly is missing or forbidden by a policy",
  );
  if (cause !== undefined) error.cause = cause;
  return error;
}

/** @param {string} where */
const notIsolated = (where) =>
  makeError(
    TypeError,
    "NOT_ISOLATED",
    where,
    `${ERRORS.NOT_ISOLATED[1]}: serve it and its workers' scripts with the headers "Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp"`,
  );

// Importing works everywhere: without WebAssembly only the constructor throws.
const Base = /** @type {PlatformMemoryConstructor} */ (
  Platform.WebAssembly?.Memory ??
    class {
      constructor() {
        throw noWasm();
      }
    }
);

const readBuffer = Object.getOwnPropertyDescriptor(
  Base.prototype,
  "buffer",
)?.get;

/**
 * The memory's buffer, or null if it is no memory. Works for memories of any
 * realm, and for those whose prototype was changed, where instanceof does not.
 * @param {any} memory
 * @returns {any}
 */
function bufferOf(memory) {
  try {
    return readBuffer?.call(memory) ?? null;
  } catch {
    return null;
  }
}

/**
 * Bytes that a memory has for a heap at `base`, as the core takes them.
 * @param {any} buffer
 * @param {number} base
 */
const heapBytes = (buffer, base) =>
  BigInt(Math.max(buffer.byteLength - base, 0));

/**
 * What the core answers to the bytes that a memory has. Where others grow it, the
 * heap may be larger than those bytes by then, also where an engine tells this
 * thread late of their growth: so until growing by nothing shows no more of them.
 * @param {any} memory
 * @param {number} base
 * @param {(bytes: bigint) => number} ask
 */
function whole(memory, base, ask) {
  for (let had = -1n; ;) {
    const bytes = heapBytes(memory.buffer, base);
    const result = ask(bytes);
    if (result !== -ERRORS.TRUNCATED[0] || bytes === had) return result;
    had = bytes;
    if (isShared(memory.buffer)) Base.prototype.grow.call(memory, 0);
  }
}

/** @param {any} buffer */
const isShared = (buffer) =>
  Object.prototype.toString.call(buffer) === "[object SharedArrayBuffer]";

/**
 * `SharedArrayBuffer`, which pages that are not cross-origin isolated have no
 * name for.
 */
function sharedBufferConstructor() {
  return (
    Platform.SharedArrayBuffer ??
    new Platform.WebAssembly.Memory({ initial: 0, maximum: 0, shared: true })
      .buffer.constructor
  );
}

/** 64 random bits, from the best source that there is. */
function randomSecret() {
  const words = new Uint32Array(2);
  if (typeof Platform.crypto?.getRandomValues === "function") {
    Platform.crypto.getRandomValues(words);
  } else {
    for (const i of [0, 1]) words[i] = Math.random() * 2 ** 32;
  }
  return new BigUint64Array(words.buffer)[0];
}

/**
 * The bytes of a text that encodeBytes in tools/wasm.js wrote.
 * @param {string} text
 */
function decodeBytes(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) - 35;
    bytes[i] = code - (code < 57 ? 0 : code < 92 ? 1 : 35);
  }
  return bytes;
}

// AudioWorklet has neither TextEncoder nor TextDecoder.

/**
 * @param {string} text
 * @returns {Uint8Array}
 */
function encodeUtf8(text) {
  if (typeof Platform.TextEncoder === "function") {
    return new Platform.TextEncoder().encode(text);
  }
  const bytes = [];
  for (const character of text) {
    let point = /** @type {number} */ (character.codePointAt(0));
    if (point >= 0xd800 && point < 0xe000) point = 0xfffd;
    if (point < 0x80) {
      bytes.push(point);
    } else if (point < 0x800) {
      bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    } else {
      if (point < 0x10000) bytes.push(0xe0 | (point >> 12));
      else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63));
      bytes.push(0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    }
  }
  return Uint8Array.from(bytes);
}

/**
 * @param {Uint8Array} bytes unshared: decoders refuse shared views
 * @returns {string}
 */
function decodeUtf8(bytes) {
  if (typeof Platform.TextDecoder === "function") {
    return new Platform.TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const lead = bytes[i++];
    let point = lead;
    if (lead >= 0x80) {
      let left =
        lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
      let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      point = left === 0 ? 0xfffd : lead & (0x3f >> left);
      for (; left > 0; left--) {
        if (!(bytes[i] >= low && bytes[i] <= high)) {
          point = 0xfffd;
          break;
        }
        point = (point << 6) | (bytes[i++] & 63);
        low = 0x80;
        high = 0xbf;
      }
    }
    text += String.fromCodePoint(point);
  }
  return text;
}

// --- the core ----------------------------------------------------------------

/** @type {Record<string, any>} compiled modules, by name and kind of memory */
const compiled = {};

/**
 * @param {string} name
 * @param {boolean} shared
 */
function compile(name, shared) {
  const key = `${name} ${shared}`;
  if (compiled[key] === undefined) {
    const bytes = decodeBytes(WASM[name]);
    // A module imports either shared memories (3) or unshared ones (1).
    bytes[WASM.flag[name]] = shared ? 3 : 1;
    try {
      compiled[key] = new Platform.WebAssembly.Module(bytes);
    } catch (error) {
      throw error instanceof RangeError ? error : noWasm(error);
    }
  }
  return compiled[key];
}

/**
 * An instance of the core over a memory. It comes in modules, each small enough
 * for every browser to compile at once; a module calls those before it.
 * @param {any} memory
 * @param {string} where
 * @returns {any} what all of them export
 */
function loadCore(memory, where) {
  const shared = isShared(bufferOf(memory));
  const { CompileError, Instance, LinkError } = Platform.WebAssembly;
  /** @type {any} */
  const env = { memory };
  /** @type {any} */
  const core = {};
  const modules = Object.keys(WASM.flag);
  const load = () => {
    const module = compile(modules[0], shared);
    try {
      Object.assign(env, new Instance(module, { e: env }).exports);
    } catch (error) {
      // WebKit lets a policy refuse here what it has compiled.
      if (error instanceof CompileError) throw noWasm(error);
      if (!(error instanceof LinkError)) throw error;
      const refused = typeError(
        where,
        "expected a memory with 32-bit addresses and a maximum",
      );
      refused.cause = error;
      throw refused;
    }
    modules.shift();
  };
  // The last one is for what few threads do, and begins when it is used.
  while (modules.length > 1) load();
  for (const name of Object.keys(WASM.names)) {
    const short = WASM.names[name];
    Object.defineProperty(core, name, {
      get() {
        if (env[short] === undefined) load();
        return env[short];
      },
    });
  }
  return core;
}

class State {
  /**
   * @param {any} memory
   * @param {any} core
   * @param {number} base
   * @param {number} heapBase
   */
  constructor(memory, core, base, heapBase) {
    this.view = 0;
    this.base = base;
    this.bound = false; // `imports` was read: the core knows the view itself
    this.malloc = core.heap_malloc;
    this.free = core.heap_free;
    const buffer = bufferOf(memory);
    this.buffer = buffer; // as the cached views see it
    this.length = buffer.byteLength;
    this.data = new DataView(buffer);
    // The whole memory as arrays: those of 32 bits, and others when asked for.
    this.int32 = new Int32Array(buffer);
    this.uint32 = new Uint32Array(buffer);
    /** @type {Map<any, any>} by constructor */
    this.arrays = new Map();
    this.core = core;
    this.heapBase = heapBase;
    this.shared = isShared(buffer);
    this.thread = 0;
    /** @type {number[]} the threads that a call was cut short as */
    this.torn = [];
    /** @type {Set<number>} threads that are proven to have ended */
    this.ended = new Set();
    /** @type {null | (() => void)} gives the Web Lock back */
    this.release = null;
  }
}

/**
 * Makes the cached views anew if the memory has grown. Growth of an unshared
 * memory detaches them, even when it was by nothing. That of a shared one by
 * another thread, which engines tell late of, shows once this one grows it too.
 * @param {any} memory
 * @returns {boolean} whether they are new
 */
function refresh(memory) {
  const state = memory[STATE];
  if (state.shared) Base.prototype.grow.call(memory, 0);
  const buffer = bufferOf(memory);
  if (buffer.byteLength === state.uint32.byteLength) return false;
  state.buffer = buffer;
  state.length = buffer.byteLength;
  state.data = new DataView(buffer);
  state.int32 = new Int32Array(buffer);
  state.uint32 = new Uint32Array(buffer);
  state.arrays = new Map();
  return true;
}

/**
 * An access failed: the view to try it with again, if the memory has grown.
 * @param {any} memory
 * @param {string} where
 * @param {any} ptr
 * @param {unknown} error
 * @returns {any}
 */
function dataAgain(memory, where, ptr, error) {
  if (refresh(memory)) return memory[STATE].data;
  if (error instanceof RangeError || typeof ptr !== "number") {
    throw badOffset(where, ptr, memory[STATE].length);
  }
  throw error; // of the value, such as a number where a bigint belongs
}

/**
 * The whole memory as an array of a kind that atomics take.
 * @param {any} memory
 * @param {string} where
 * @param {any} TypedArray
 */
function wholeArray(memory, where, TypedArray) {
  checkTypedArray(where, TypedArray);
  refresh(memory);
  const state = memory[STATE];
  let array = state.arrays.get(TypedArray);
  if (array === undefined) {
    array = new TypedArray(state.buffer);
    const kind = array[Symbol.toStringTag];
    if (!/^(Big)?(Ui|I)nt(8|16|32|64)Array$/.test(kind)) {
      throw typeError(
        where,
        `expected an array of integers, not ${show(kind)}`,
      );
    }
    state.arrays.set(TypedArray, array);
  }
  return array;
}

/**
 * Whether the index may be used: it counts elements from the memory's start.
 * @param {any} array
 * @param {any} index
 */
function isIndex(array, index) {
  return (
    typeof index === "number" &&
    index >>> 0 === index &&
    index < array?.length &&
    index * array.BYTES_PER_ELEMENT >= FLOOR
  );
}

/**
 * The whole memory as an array of a kind, for an index that may be used.
 * @param {any} memory
 * @param {string} where
 * @param {any} TypedArray
 * @param {any} index
 * @returns {any}
 */
function element(memory, where, TypedArray, index) {
  const state = memory[STATE];
  const words =
    TypedArray === Int32Array
      ? state.int32
      : TypedArray === Uint32Array
        ? state.uint32
        : undefined;
  // isIndex for 32 bits, with what it looks up written out: 8 ns.
  if (
    words !== undefined &&
    typeof index === "number" &&
    index >>> 0 === index &&
    index < words.length &&
    index >= FLOOR / 4
  ) {
    return words;
  }
  return elementOfAny(memory, where, TypedArray, index);
}

/**
 * The same for any kind, and after a look at how large the memory is now.
 * @param {any} memory
 * @param {string} where
 * @param {any} TypedArray
 * @param {any} index
 * @returns {any}
 */
function elementOfAny(memory, where, TypedArray, index) {
  const array = memory[STATE].arrays.get(TypedArray);
  if (isIndex(array, index)) return array;
  const now = wholeArray(memory, where, TypedArray);
  if (isIndex(now, index)) return now;
  throw badIndex(where, index, now);
}

// --- attaching, leaving, and calls that were cut short -----------------------

/**
 * Takes a slot for this thread.
 * @param {any} memory
 * @param {string} where
 * @param {number} thread a reserved number, or 0
 */
function attach(memory, where, thread) {
  const state = memory[STATE];
  const { core, base } = state;
  const full = -ERRORS.THREADS_FULL[0];
  const enter = () =>
    whole(memory, base, (bytes) =>
      core.thread_attach_inplace(base, bytes, thread),
    );
  let view = enter();
  // Whoever took the last slot may be about to extend the table.
  for (const end = Date.now() + PATIENCE; view === full; view = enter()) {
    if (Date.now() > end) break;
  }
  view >>>= 0;
  // No view starts in the last bytes of 4 GiB: those are negative errors.
  if (view > MAX_U32 - FLOOR) {
    const detail = thread === 0 ? undefined : `thread ${thread}`;
    throw coreError(where, view | 0, detail);
  }
  state.view = view;
  state.thread = viewWord(memory, VIEW.thread);
  if (state.bound) bind(memory);
}

/** Tells the core the view that C's functions use. @param {any} memory */
function bind(memory) {
  const state = memory[STATE];
  state.core.bind(state.view);
  state.bound = true;
}

/**
 * Mends, as soon as there is stack to do so, what a call into the core left that
 * ended by an exception, and throws on. Its caller has noted that the thread is
 * torn: for that there is always stack, for calling this there may be none.
 * @param {any} memory
 * @param {unknown} error
 * @returns {never}
 */
function torn(memory, error) {
  try {
    mend(memory, "malloc");
  } catch {
    // The next call tries again.
  }
  throw error;
}

/**
 * Fails unless this many frames fit onto the stack.
 * @param {number} depth
 * @returns {number}
 */
function probeStack(depth) {
  return depth === 0 ? 0 : 1 + probeStack(depth - 1);
}

/**
 * Gives up the slots in which calls were cut short, and takes another.
 * @param {any} memory
 * @param {string} where
 */
function mend(memory, where) {
  const state = memory[STATE];
  // Far more stack than attaching and reaping take, so that they aren't cut
  // short as well. If they are, there is one thread more to reap.
  probeStack(400);
  const { thread_reap } = state.core;
  state.release?.();
  state.release = null;
  attach(memory, where, 0);
  const { view, thread } = state;
  state.view = 0;
  try {
    // The latest first: it may have been reaping the one before.
    for (let i = state.torn.length - 1; i >= 0; i--) {
      thread_reap(view, state.torn[i], REAP_KEEP);
    }
  } catch (error) {
    state.torn[state.torn.length] = thread;
    throw error;
  }
  state.torn = [];
  state.view = view;
  holdLock(memory);
}

/**
 * Called where this thread is not attached, or where the core knows the view
 * itself and a module's call may have been cut short.
 * @param {any} memory
 * @param {string} where
 */
function ready(memory, where) {
  const state = memory[STATE];
  if (state.view !== 0) {
    if (state.core.bound() !== 0) {
      return;
    }
    state.torn[state.torn.length] = state.thread;
    state.view = 0;
  }
  if (state.torn.length === 0)
    throw rangeError(where, ERRORS.DETACHED[1], "DETACHED");
  mend(memory, where);
}

/**
 * Makes sure that this thread is attached.
 * @param {any} memory
 * @param {string} where
 * @returns {State}
 */
function enter(memory, where) {
  const state = memory[STATE];
  if (state.view === 0 || state.bound) ready(memory, where);
  return state;
}

/**
 * Calls a function of the core with the view and what else it takes.
 * @param {any} memory
 * @param {string} where
 * @param {string} name
 * @param {number} [a]
 * @param {number} [b]
 * @param {number} [c]
 * @returns {number}
 */
function call(memory, where, name, a = 0, b = 0, c = 0) {
  const state = enter(memory, where);
  const run = state.core[name]; // may be refused: then nothing was cut short
  try {
    return run(state.view, a, b, c);
  } catch (error) {
    state.torn[state.torn.length] = state.thread;
    state.view = 0;
    return torn(memory, error);
  }
}

// Where the core leaves what it has to say, in the view: the thread's number, the
// last error, the fields of what was found last, and struct report, in whose place
// it also takes a name.
const VIEW = { thread: 92, error: 96, found: 104, report: 128 };
// What becomes of a dead thread's blocks.
const REAP_KEEP = 0;
const REAP_FREE = 1;
const REAP_COUNT = 2;
const FOUND = { size: 108, footprint: 112, thread: 116, count: 120 };

// In the heap's header: see docs/LAYOUT.md.
const HEADER = { log2: 80, most: 84, secret: 96, committed: 104, root: 128 };

/**
 * The 32-bit word at an address that the core reads or writes.
 * @param {any} memory
 * @param {number} address
 * @returns {number}
 */
function wordAt(memory, address) {
  const { uint32 } = memory[STATE];
  if (address < uint32.byteLength) return uint32[address / 4];
  refresh(memory);
  return memory[STATE].uint32[address / 4];
}

/**
 * The bytes that a heap has, as its header says.
 * @param {any} memory
 * @param {number} base
 */
const heapLength = (memory, base) =>
  wordAt(memory, base + HEADER.committed) *
  2 ** wordAt(memory, base + HEADER.log2);

/**
 * @param {any} memory
 * @param {number} at one of VIEW or FOUND
 * @returns {number}
 */
const viewWord = (memory, at) => wordAt(memory, memory[STATE].view + at);

/** @param {any} memory @returns {number} of the core, negative */
const lastError = (memory) => viewWord(memory, VIEW.error) | 0;

// A worker that ends normally gives its slots back where the runtime tells it
// that it ends. Memories that came from elsewhere are held until then; one that
// was made here is not, so that it can be collected with its heap.

/** @type {Set<any> | null} memories, and WeakRefs of memories */
let leaving = null;

/** @param {any} memory @param {boolean} made */
function leaveAtExit(memory, made) {
  const state = memory[STATE];
  const process = Platform.process;
  if (!state.shared || typeof process?.on !== "function") return;
  if (leaving === null) {
    leaving = new Set();
    process.on("exit", leaveAll);
  }
  if (made) {
    for (const entry of leaving) {
      if (entry instanceof WeakRef && entry.deref() === undefined) {
        leaving.delete(entry);
      }
    }
  }
  leaving.add(made ? new WeakRef(memory) : memory);
}

function leaveAll() {
  for (const entry of leaving ?? []) {
    try {
      (entry instanceof WeakRef ? entry.deref() : entry)?.detach();
    } catch {
      // One damaged heap must not keep the others' slots.
    }
  }
}

/** @param {any} memory */
function stayAtExit(memory) {
  for (const entry of leaving ?? []) {
    if (entry === memory) leaving?.delete(entry);
    else if (entry instanceof WeakRef && entry.deref() === memory) {
      leaving?.delete(entry);
    }
  }
}

// In browsers a thread's death is proven by the release of a Web Lock that it
// held. Node and Deno have Web Locks too, but a held one keeps Deno's process
// alive and a queued request can hang on Node.

/** @returns {any} */
function locks() {
  if (Platform.process?.versions?.node || Platform.Deno || Platform.Bun) {
    return null;
  }
  return Platform.navigator?.locks ?? null;
}

/** @param {any} memory @param {number} thread */
function lockName(memory, thread) {
  const state = memory[STATE];
  // A number that differs from heap to heap, and does not tell the secret.
  const low = wordAt(memory, state.base + HEADER.secret);
  const high = wordAt(memory, state.base + HEADER.secret + 4);
  const id = (Math.imul(low, 0x9e3779b1) ^ high) >>> 0;
  return `LocalSharedMemory:${id.toString(16)}:${thread}`;
}

/**
 * Takes the lock that proves this thread's death, and says so in the slot once
 * it is held: a request that still waits proves nothing.
 * @param {any} memory
 */
function holdLock(memory) {
  const state = memory[STATE];
  const manager = state.shared ? locks() : null;
  if (manager === null) return;
  const thread = state.thread;
  const weak = new WeakRef(memory);
  const held = () => {
    const again = weak.deref();
    const still = again?.[STATE];
    if (still === undefined || still.view === 0 || still.thread !== thread) {
      return undefined;
    }
    call(again, "from", "thread_mark");
    return new Promise((resolve) => {
      still.release = () => resolve(undefined);
    });
  };
  manager.request(lockName(memory, thread), held).catch(() => {
    // No lock here: this thread's death cannot be proven.
  });
}

// --- making heaps ------------------------------------------------------------

/**
 * Gives a memory its state and this thread a slot in its heap.
 * @param {any} memory
 * @param {string} where
 * @param {any} core
 * @param {{ base: number, heapBase: number, thread?: number, made?: boolean }} options
 */
function adopt(memory, where, core, options) {
  const { base, heapBase, thread = 0, made = false } = options;
  const state = new State(memory, core, base, heapBase);
  Object.defineProperty(memory, STATE, {
    value: state,
    writable: true,
    configurable: true,
  });
  try {
    attach(memory, where, thread);
  } catch (error) {
    delete memory[STATE];
    throw error;
  }
  leaveAtExit(memory, made);
  holdLock(memory);
}

/**
 * Attaches this thread to a heap that it had left.
 * @param {any} memory
 * @param {number} thread
 */
function attachAgain(memory, thread) {
  const state = memory[STATE];
  if (state.torn.length > 0) {
    ready(memory, "from");
  } else {
    attach(memory, "from", thread);
    leaveAtExit(memory, false);
    holdLock(memory);
  }
}

/**
 * Adopts a memory that came from elsewhere, after a look at what it holds.
 * @param {any} memory
 * @param {{ base: number, heapBase: number | undefined, thread: number }} options
 */
function adoptFrom(memory, { base, heapBase = 0, thread }) {
  checkExtensible("from", memory);
  for (const symbol of Object.getOwnPropertySymbols(memory)) {
    if (symbol.description?.startsWith("LocalSharedMemory.")) {
      throw rangeError("from", ERRORS.OTHER_COPY[1], "OTHER_COPY");
    }
  }
  const core = loadCore(memory, "from");
  const { buffer } = memory;
  const result = whole(memory, base, (bytes) => core.heap_verify(base, bytes));
  if (result !== 0) throw noHeap("from", result, buffer, base);
  adopt(memory, "from", core, { base, heapBase, thread });
}

/**
 * Makes a heap in a memory that is zero from its base up.
 * @param {any} memory
 * @param {string} where
 * @param {{ base: number, maximum: number, secret?: bigint }} options
 * @returns {any} the core
 */
function format(memory, where, { base, maximum, secret }) {
  if (secret !== undefined && typeof secret !== "bigint") {
    throw typeError(where, `expected secret, a bigint, not ${show(secret)}`);
  }
  const core = loadCore(memory, where);
  const most = BigInt(Math.max(maximum * PAGE - base, 0));
  const needed = Math.ceil(((core.heap_min_bytes(most) >>> 0) + base) / PAGE);
  const pages = memory.buffer.byteLength / PAGE;
  if (needed > maximum) {
    throw rangeError(
      where,
      `expected a maximum of at least ${needed} pages, not ${maximum}`,
      "TOO_SMALL",
    );
  }
  if (pages < needed) Base.prototype.grow.call(memory, needed - pages);
  const result = core.heap_format(
    base,
    heapBytes(memory.buffer, base),
    most,
    secret ?? randomSecret(),
  );
  if (result !== 0) throw coreError(where, result);
  return core;
}

/**
 * What the constructor's arguments say, as a descriptor.
 * @param {any} initial
 * @param {any} maximum
 * @param {any} shared
 * @returns {any}
 */
function describe(initial, maximum, shared) {
  if (typeof initial !== "object" || initial === null) {
    return { initial, maximum: maximum ?? initial, shared };
  }
  const options = { ...initial };
  options.maximum ??= options.initial ?? 1000;
  options.initial ??= Math.min(1000, options.maximum);
  options.shared ??= true;
  for (const kind of [options.address, options.index]) {
    if (kind !== undefined && kind !== "i32") {
      throw typeError("new", `expected addresses of "i32", not ${show(kind)}`);
    }
  }
  return options;
}

// Made once: browsers reserve gigabytes for each memory, however small.
/** @type {null | { memory: any, core: any }} */
let probe = null;

/** A page to judge headers in, and the core over it. */
function makeProbe() {
  const memory = new Base({ initial: 1, maximum: 1 });
  return { memory, core: loadCore(memory, "open") };
}

/**
 * Checks bytes that should be a heap's image.
 * @param {any} bytes
 * @returns {{ image: Uint8Array, maximum: number }} maximum: pages of the heap
 */
function inspectImage(bytes) {
  const buffer = ArrayBuffer.isView(bytes) ? bytes.buffer : bytes;
  const tag = Object.prototype.toString.call(buffer);
  if (tag !== "[object ArrayBuffer]" && tag !== "[object SharedArrayBuffer]") {
    throw typeError(
      "open",
      `expected an ArrayBuffer or a view, not ${show(bytes)}`,
    );
  }
  const image = ArrayBuffer.isView(bytes)
    ? new Uint8Array(buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(buffer);
  if (image.length > 2 ** 32) {
    throw rangeError("open", "expected at most 4 GiB", "CORRUPT");
  }
  // The header is judged in a page of its own.
  if (Platform.WebAssembly?.Memory === undefined) throw noWasm();
  const { memory, core } = (probe ??= makeProbe());
  new Uint8Array(memory.buffer).fill(0).set(image.subarray(0, PAGE));
  const result = core.heap_verify(0, BigInt(image.length));
  if (result !== 0) throw noHeap("open", result, memory.buffer, 0);
  const header = new DataView(memory.buffer);
  const most = header.getUint32(HEADER.most, true);
  const chunk = 2 ** header.getUint32(HEADER.log2, true);
  return { image, maximum: Math.ceil((most * chunk) / PAGE) };
}

/**
 * Makes room in an image whose dead hold every slot: reaps them in a copy, from
 * a view that stands behind the heap and never attaches, and takes the copy.
 * @param {any} memory
 * @param {number} base
 * @param {number} length of the image
 */
function reapFull(memory, base, length) {
  const view = Math.ceil(length / PAGE) * PAGE;
  const pages = view / PAGE + 1;
  const copy = new Base({ initial: pages, maximum: pages });
  const bytes = new Uint8Array(copy.buffer, 0, length);
  const image = new Uint8Array(memory.buffer, base, length);
  bytes.set(image);
  const core = loadCore(copy, "open");
  core.heap_open(view, 0, BigInt(length));
  for (let thread = 0; ;) {
    thread = core.thread_next(view, thread & 255) >>> 0;
    if (thread === 0) break;
    core.thread_reap(view, thread, REAP_COUNT);
  }
  image.set(bytes);
}

/**
 * Makes every thread of an image's past leave it.
 * @param {any} memory
 */
function reapPast(memory) {
  const { thread } = memory[STATE];
  let left = 0;
  for (let before = -1; left !== before;) {
    // One that was being reaped follows once its reaper is gone.
    before = left;
    left = 0;
    for (const other of listThreads(memory, "open", true)) {
      if (other === thread) continue;
      const result = call(memory, "open", "thread_reap", other, REAP_COUNT);
      left += Number(result !== 0);
    }
  }
}

// A slot's word, as the core gives it: a state and flags.
const SLOT = { stateMask: 7, reserved: 1, attaching: 2, provable: 8 };

/**
 * @param {any} memory
 * @param {string} where
 * @param {boolean} all also those that are reserved or just attaching
 * @returns {number[]}
 */
function listThreads(memory, where, all) {
  const threads = [];
  let thread = 0;
  for (;;) {
    thread = call(memory, where, "thread_next", thread & 255) >>> 0;
    if (thread === 0) return threads;
    const state = viewWord(memory, FOUND.size) & SLOT.stateMask;
    if (all || (state !== SLOT.reserved && state !== SLOT.attaching)) {
      threads.push(thread);
    }
  }
}

/**
 * The word of a thread's slot; 0 if there is no such thread any more.
 * @param {any} memory
 * @param {string} where
 * @param {number} thread
 * @returns {number}
 */
function slotWord(memory, where, thread) {
  const slot = (thread & 255) - 1;
  const next = call(memory, where, "thread_next", slot) >>> 0;
  return next === thread ? viewWord(memory, FOUND.size) : 0;
}

/**
 * @param {any} memory
 * @param {string} where
 * @returns {number} a number for another thread
 */
function reserve(memory, where) {
  const thread = call(memory, where, "thread_reserve") >>> 0;
  if (thread !== 0) return thread;
  throw coreError(where, lastError(memory));
}

// --- blocks ------------------------------------------------------------------

/**
 * The error for an allocation that gave nothing.
 * @param {any} memory
 * @param {string} where
 * @param {number} bytes
 * @param {number} align
 * @param {number} [number] the core's error
 */
function allocationError(memory, where, bytes, align, number) {
  const state = memory[STATE];
  const why = number ?? lastError(memory);
  if (errorName(why) === "DETACHED") state.view = 0; // reaped by force
  if (errorName(why) !== "NOMEM") return coreError(where, why);
  const asked = `asked for ${bytes} bytes${align > 16 ? ` aligned to ${align}` : ""}`;
  const { free, committed, maximum, largestFree } = readStats(memory, where);
  return makeError(
    RangeError,
    "NOMEM",
    where,
    `out of memory: ${asked}; ${free} of ${committed} bytes are free (maximum ${maximum}), the largest free block is ${largestFree}`,
    { asked: bytes, free, largestFree },
  );
}

/**
 * @param {any} memory
 * @param {string} where
 * @returns {any}
 */
function readStats(memory, where) {
  const { invariant, offset, freeBlocks, freeChunks, ...stats } = readReport(
    memory,
    where,
  );
  return stats;
}

// The fields of struct report, in their order.
const REPORT =
  "invariant offset committed maximum used free metadata largestFree blocks freeBlocks slabs spans freeChunks threads".split(
    " ",
  );

/**
 * What heap_check says.
 * @param {any} memory
 * @param {string} where
 * @returns {any}
 */
function readReport(memory, where) {
  call(memory, where, "heap_check");
  /** @type {any} */
  const report = {};
  REPORT.forEach((field, i) => {
    report[field] = viewWord(memory, VIEW.report + 4 * i);
  });
  // 4 GiB are 0 to the core.
  report.committed ||= 2 ** 32;
  report.maximum ||= 2 ** 32;
  return report;
}

/**
 * Allocates, with arguments that the fast path did not take.
 * @param {any} memory
 * @param {string} where
 * @param {any} byteLength
 * @param {any} alignBytes
 * @returns {number} a pointer, or 0 when out of memory
 */
function allocate(memory, where, byteLength, alignBytes) {
  checkSize(where, "byteLength", byteLength);
  checkAlign(where, alignBytes);
  const state = enter(memory, where);
  if (byteLength > MAX_U32 || alignBytes > MAX_U32) return 0;
  const offset =
    alignBytes <= 16
      ? call(memory, where, "heap_malloc", byteLength)
      : call(memory, where, "heap_malloc_aligned", byteLength, alignBytes);
  return offset === 0 ? 0 : (offset >>> 0) + state.base;
}

/**
 * Finds a live block.
 * @param {any} memory
 * @param {string} where
 * @param {any} ptr
 */
function find(memory, where, ptr) {
  if (typeof ptr !== "number" || ptr >>> 0 !== ptr) {
    throw badPointer(where, ptr);
  }
  const base = memory[STATE].base;
  const result =
    ptr <= base
      ? -ERRORS.OUTSIDE[0]
      : call(memory, where, "heap_find", ptr - base);
  if (result !== 0) throw badBlock(where, ptr, result);
}

/**
 * How many bytes a member works on: all of the live block, or those asked for. The
 * state's buffer has them.
 * @param {any} memory
 * @param {string} where
 * @param {any} ptr
 * @param {any} length
 * @returns {number}
 */
function extent(memory, where, ptr, length) {
  if (length === undefined) {
    find(memory, where, ptr);
    length = viewWord(memory, FOUND.size);
  }
  checkRange(where, memory, ptr, length);
  return length;
}

/**
 * @param {any} memory
 * @param {string} where
 * @param {any} dst
 * @param {any} src
 * @param {any} n
 */
function copyBytes(memory, where, dst, src, n) {
  checkRange(where, memory, dst, n);
  const buffer = checkRange(where, memory, src, n);
  new Uint8Array(buffer).copyWithin(dst, src, src + n);
  return dst;
}

/**
 * Those bytes themselves.
 * @param {any} memory
 * @param {string} where
 * @param {any} ptr
 * @param {any} length
 */
function bytesAt(memory, where, ptr, length) {
  const bytes = extent(memory, where, ptr, length);
  return new Uint8Array(memory[STATE].buffer, ptr, bytes);
}

/**
 * Allocates for a typed array and fills it, with zeros or from a source.
 * @param {any} memory
 * @param {string} where
 * @param {any} source
 * @returns {any}
 */
function allocateArray(memory, where, source) {
  const TypedArray = Platform[where];
  const counted =
    source === undefined || source === null || typeof source !== "object";
  // Converts first: a value of the wrong kind throws before anything changed.
  const values = counted ? null : new TypedArray(source);
  const length = counted
    ? checkSize(where, "a length or values", source ?? 0)
    : values.length;
  const bytes = length * TypedArray.BYTES_PER_ELEMENT;
  const ptr = allocate(memory, where, bytes, 16);
  if (ptr === 0) throw outOfMemory(memory, where, bytes, 16);
  const view = new TypedArray(memory.buffer, ptr, length);
  if (values === null) view.fill(TypedArray.name.startsWith("Big") ? 0n : 0);
  else view.set(values);
  return view;
}

/**
 * The error where `allocate` gave 0: sizes beyond 32 bits never reach the core.
 * @param {any} memory
 * @param {string} where
 * @param {number} bytes
 * @param {number} align
 */
function outOfMemory(memory, where, bytes, align) {
  const beyond = bytes > MAX_U32 || align > MAX_U32;
  const number = beyond ? -ERRORS.NOMEM[0] : undefined;
  return allocationError(memory, where, bytes, align, number);
}

/** A live block, as `allocs()` and `blocks()` list it. */
class Allocation {
  /** @type {LocalSharedMemory} */
  #memory;

  /**
   * @internal
   * @param {LocalSharedMemory} memory
   * @param {number} byteOffset
   * @param {number} byteLength
   * @param {number} bufferSize
   * @param {number} thread
   */
  constructor(memory, byteOffset, byteLength, bufferSize, thread) {
    this.#memory = memory;
    /** The block's pointer. */
    this.byteOffset = byteOffset;
    /** Bytes, as requested. */
    this.byteLength = byteLength;
    /** Bytes that the block takes, with header and padding. */
    this.bufferSize = bufferSize;
    /** The thread that allocated it, also if it has left. */
    this.thread = thread;
  }

  /**
   * A copy of the block's bytes as they are now: a `SharedArrayBuffer`, an
   * `ArrayBuffer` where the memory is unshared. Made each time it is read, so
   * that listing blocks copies nothing.
   * @returns {ArrayBufferLike}
   */
  get buffer() {
    const { byteOffset, byteLength } = this;
    return this.#memory.buffer.slice(byteOffset, byteOffset + byteLength);
  }
}

/**
 * Walks the live blocks.
 * @param {any} memory
 * @param {string} where
 * @returns {IterableIterator<Allocation>}
 */
function* listBlocks(memory, where) {
  const { base } = enter(memory, where);
  let offset = 0;
  for (;;) {
    const next = call(memory, where, "walk_next", offset) >>> 0;
    if (next === 0) return;
    // Upwards, or the heap is written over and there is no end.
    if (next <= offset) throw coreError(where, -ERRORS.DAMAGED[0]);
    offset = next;
    yield new Allocation(
      memory,
      base + offset,
      viewWord(memory, FOUND.size),
      viewWord(memory, FOUND.footprint),
      viewWord(memory, FOUND.thread),
    );
  }
}

// --- the class ---------------------------------------------------------------

/**
 * A `WebAssembly.Memory` that holds a heap. Any number of threads allocate from
 * it and free in it at the same time; none ever waits for another.
 *
 * A pointer is a Number, the byte offset in the memory, and the same in every
 * thread; 0 is null. Structured clone drops the class: a thread that receives a
 * memory calls {@link LocalSharedMemory.from from}. `buffer` is that of
 * `WebAssembly.Memory`, and any module can import the memory.
 *
 * Errors are `TypeError`s and `RangeError`s with a `code`, `"ERR_LSHM_…"`; those
 * about a pointer have a `reason` too. A wrong argument changes nothing.
 */
export class LocalSharedMemory extends Base {
  // --- making, sharing, leaving ---

  /** The package's version. @readonly */
  static version = VERSION;

  /**
   * Makes a memory and a heap in it, and attaches this thread.
   *
   * @param {number | MemoryOptions} [initial] pages of 64 KiB, 1000 by default;
   *   or everything as a descriptor. With less than the heap's own tables need,
   *   the memory grows to that
   * @param {number} [maximum] pages, `initial` by default. A shared memory's
   *   maximum takes address space
   * @param {boolean} [shared] whether other threads can use it, true by default
   * @throws {RangeError} what `WebAssembly.Memory` refuses; `ERR_LSHM_TOO_SMALL`
   * @throws {TypeError} `ERR_LSHM_NO_WASM` where WebAssembly is missing or
   *   forbidden
   */
  constructor(initial = 1000, maximum = undefined, shared = true) {
    const options = describe(initial, maximum, shared);
    const base = checkBase("new", options.heapBase);
    super({
      initial: options.initial,
      maximum: options.maximum,
      shared: Boolean(options.shared),
    });
    const limits = { base, maximum: Number(options.maximum) >>> 0 };
    const core = format(this, "new", { ...limits, secret: options.secret });
    const heapBase = options.heapBase ?? 0;
    adopt(this, "new", core, { base, heapBase, made: true });
  }

  /**
   * Adopts a memory that holds a heap, and attaches this thread to it.
   *
   * Returns the very memory, now a LocalSharedMemory; for one that is attached
   * already, only that. A structured clone within one thread is another object,
   * and a second attachment.
   *
   * @param {PlatformMemory | HeapHandle} memory a memory as it was received, or
   *   what {@link LocalSharedMemory#handle handle} gave the sender
   * @param {object} [options]
   * @param {number} [options.heapBase] bytes: as the heap was made with; what a
   *   handle says by default, else 0
   * @param {number} [options.thread] a number from
   *   {@link LocalSharedMemory#reserveThread reserveThread}; what a handle says by default,
   *   else a new one
   * @returns {LocalSharedMemory}
   * @throws {RangeError} `ERR_LSHM_NO_HEAP`, `_VERSION`, `_SIGNATURE`,
   *   `_TRUNCATED`, `_CORRUPT`, `_OTHER_COPY`, `_THREADS_FULL`, `_THREAD_GONE`
   */
  static from(memory, options = {}) {
    checkOptions("from", options);
    /** @type {any} */
    let target = memory;
    let { heapBase, thread } = options;
    if (bufferOf(target) === null && bufferOf(target?.memory) !== null) {
      heapBase ??= target.heapBase;
      thread ??= target.thread;
      target = target.memory;
    }
    if (bufferOf(target) === null) {
      if (readBuffer === undefined) throw noWasm();
      throw typeError(
        "from",
        `expected a WebAssembly.Memory or a handle, not ${show(target)}`,
      );
    }
    const state = target[STATE];
    const base = checkBase("from", heapBase ?? state?.heapBase);
    const number = thread === undefined ? 0 : checkThread("from", thread);
    if (state !== undefined) {
      if (base !== state.base) {
        throw rangeError(
          "from",
          `expected heapBase ${state.heapBase}, as it was adopted with, not ${heapBase}`,
        );
      }
      if (state.view === 0) attachAgain(target, number);
    } else {
      adoptFrom(target, { base, heapBase, thread: number });
    }
    if (!Object.prototype.isPrototypeOf.call(this.prototype, target)) {
      Object.setPrototypeOf(target, this.prototype);
    }
    return target;
  }

  /**
   * Makes a heap in an existing memory and adopts it as
   * {@link LocalSharedMemory.from from} does. The memory must be zero from `heapBase`
   * up, and nothing else may allocate there afterwards.
   *
   * @param {PlatformMemory} memory
   * @param {object} [options]
   * @param {number} [options.heapBase] bytes, as in {@link MemoryOptions}
   * @param {number} [options.maximum] pages: the maximum of the memory, which
   *   only some platforms tell; by default as much as a memory can have
   * @param {bigint} [options.secret] as in {@link MemoryOptions}
   * @returns {LocalSharedMemory}
   * @throws {RangeError} `ERR_LSHM_HEAP_EXISTS`, `_TOO_SMALL`, `_INVALID` where
   *   the memory is not zero
   */
  static init(memory, options = {}) {
    checkOptions("init", options);
    const { heapBase = 0, maximum, secret } = options;
    const buffer = bufferOf(memory);
    if (buffer === null) {
      if (readBuffer === undefined) throw noWasm();
      throw typeError(
        "init",
        `expected a WebAssembly.Memory, not ${show(memory)}`,
      );
    }
    checkExtensible("init", memory);
    const base = checkBase("init", heapBase);
    const known = /** @type {any} */ (memory).type?.().maximum;
    const limit = checkSize("init", "maximum", maximum ?? known ?? PAGE);
    const core = loadCore(memory, "init");
    const verdict = core.heap_verify(base, heapBytes(buffer, base));
    if (errorName(verdict) !== "NO_HEAP") {
      throw coreError("init", -ERRORS.HEAP_EXISTS[0]);
    }
    const words = new Uint32Array(buffer, Math.min(base, buffer.byteLength));
    const dirty = words.findIndex((word) => word !== 0);
    if (dirty >= 0) {
      throw rangeError(
        "init",
        `expected zeros from heapBase up, found data at ${base + dirty * 4}`,
      );
    }
    const most = Math.min(limit, PAGE);
    format(memory, "init", { base, maximum: most, secret });
    return this.from(memory, { heapBase });
  }

  /**
   * Makes a new memory with the heap of an image. All threads that the image
   * knew are dead in it, and what they held in reserve is free; their blocks
   * live on.
   *
   * @param {ArrayBufferLike | ArrayBufferView} bytes an image of
   *   {@link LocalSharedMemory#image image}, or a heap of the C library: its file
   * @param {object} [options]
   * @param {number} [options.maximum] pages; by default what the heap was made
   *   for, beyond which it never grows
   * @param {boolean} [options.shared] true by default
   * @param {number} [options.heapBase] bytes below the heap, 0 by default, as
   *   in {@link MemoryOptions}
   * @returns {LocalSharedMemory}
   * @throws {RangeError} `ERR_LSHM_NO_HEAP`, `_VERSION`, `_SIGNATURE`,
   *   `_TRUNCATED`, `_CORRUPT`
   */
  static open(bytes, options = {}) {
    checkOptions("open", options);
    const { maximum, shared = true, heapBase = 0 } = options;
    const base = checkBase("open", heapBase);
    const { image, maximum: own } = inspectImage(bytes);
    const initial = Math.ceil((base + image.length) / PAGE);
    const basePages = Math.ceil(base / PAGE);
    const limit = maximum ?? Math.min(Math.max(initial, own + basePages), PAGE);
    const descriptor = { initial, maximum: limit, shared: Boolean(shared) };
    /** @type {any} */
    const memory = Reflect.construct(Base, [descriptor], this);
    new Uint8Array(memory.buffer, base).set(image);
    const core = loadCore(memory, "open");
    const here = { base, heapBase, made: true };
    try {
      adopt(memory, "open", core, here);
    } catch (error) {
      const { code } = /** @type {HeapError} */ (error);
      if (code !== "ERR_LSHM_THREADS_FULL") throw error;
      reapFull(memory, base, image.length);
      adopt(memory, "open", core, here);
    }
    reapPast(memory);
    return memory;
  }

  /**
   * The heap's bytes, from its base to the end of what it has committed, for
   * {@link LocalSharedMemory.open open} and the C library. The copy takes time: where
   * other threads work meanwhile, it opens as after a crash, with all blocks
   * that nobody touched as they were, but what was changing may contradict
   * itself, as `check()` then tells.
   * @returns {ArrayBuffer}
   */
  image() {
    const { base } = enter(this, "image");
    // The header first: what others add meanwhile, it must not speak of.
    const header = new Uint8Array(this.buffer, base, BASE_ALIGN).slice();
    call(this, "image", "heap_adopt");
    const bytes = heapLength(this, base);
    const copy = new Uint8Array(this.buffer, base, bytes).slice();
    copy.set(header);
    return copy.buffer;
  }

  /**
   * One thing to post to a worker, which passes it to
   * {@link LocalSharedMemory.from from}: the memory, where its heap begins, and a
   * number reserved for the worker, so that one that dies early is known too.
   * @returns {HeapHandle}
   * @throws {RangeError} `ERR_LSHM_THREADS_FULL`
   * @throws {TypeError} `ERR_LSHM_NOT_ISOLATED` in a page that the browser lets
   *   share no memory; posting the memory itself is a `DataCloneError` there
   */
  handle() {
    if (
      Platform.crossOriginIsolated === false &&
      enter(this, "handle").shared
    ) {
      throw notIsolated("handle");
    }
    const thread = reserve(this, "handle");
    const { heapBase } = /** @type {any} */ (this)[STATE];
    return { memory: this, heapBase, thread };
  }

  /**
   * Gives this thread's slot back, and what it holds in reserve. Afterwards the
   * heap's methods throw `ERR_LSHM_DETACHED` and views stay;
   * {@link LocalSharedMemory.from from} attaches again. On Node a worker that ends
   * normally detaches by itself. Also `[Symbol.dispose]`.
   */
  detach() {
    const state = /** @type {any} */ (this)[STATE];
    if (state.view === 0 && state.torn.length === 0) return;
    call(this, "detach", "thread_detach");
    state.view = 0;
    state.core.bind(0);
    state.release?.();
    state.release = null;
    stayAtExit(this);
  }

  /**
   * C's allocation functions over this heap, with C's types, for instantiating
   * a module that imports them. They return 0 when out of memory; freeing what
   * is not a live block traps. They belong to this thread: each worker reads
   * this property itself, and gives its module a stack of its own.
   * @returns {HeapImports}
   */
  get imports() {
    const state = enter(this, "imports");
    bind(this);
    const { malloc, free, calloc, realloc } = state.core;
    const { aligned_alloc, posix_memalign, malloc_usable_size } = state.core;
    return {
      env: {
        memory: this,
        malloc,
        free,
        calloc,
        realloc,
        aligned_alloc,
        posix_memalign,
        malloc_usable_size,
      },
    };
  }

  // --- allocating ---

  /**
   * Allocates a block. Its bytes are what they were before, not zero. Any
   * thread may free it.
   * @param {number} byteLength bytes; 0 gives a block of its own, with no bytes
   * @param {number} [alignBytes] a power of two, 16 by default
   * @returns {number} a pointer, a multiple of `alignBytes`
   * @throws {RangeError} `ERR_LSHM_NOMEM`, with what was asked and what is left
   */
  malloc(byteLength, alignBytes = 16) {
    const state = /** @type {any} */ (this)[STATE];
    if (
      typeof byteLength === "number" &&
      byteLength >>> 0 === byteLength &&
      alignBytes === 16 &&
      state.view !== 0 &&
      !state.bound
    ) {
      let offset = 0;
      try {
        offset = state.malloc(state.view, byteLength) >>> 0;
      } catch (error) {
        state.torn[state.torn.length] = state.thread;
        state.view = 0;
        torn(this, error);
      }
      if (offset !== 0) return offset + state.base;
      throw allocationError(this, "malloc", byteLength, 16);
    }
    const ptr = allocate(this, "malloc", byteLength, alignBytes);
    if (ptr !== 0) return ptr;
    throw outOfMemory(this, "malloc", byteLength, alignBytes);
  }

  /**
   * As {@link LocalSharedMemory#malloc malloc}, but returns 0 when out of memory.
   * @param {number} byteLength bytes
   * @param {number} [alignBytes] a power of two, 16 by default
   * @returns {number} a pointer, or 0
   * @throws {RangeError} `ERR_LSHM_THREADS_FULL`, `_DETACHED`
   */
  tryMalloc(byteLength, alignBytes = 16) {
    const ptr = allocate(this, "tryMalloc", byteLength, alignBytes);
    if (ptr !== 0 || byteLength > MAX_U32 || alignBytes > MAX_U32) return ptr;
    const number = lastError(this);
    if (errorName(number) === "NOMEM") return 0;
    throw allocationError(this, "tryMalloc", byteLength, alignBytes, number);
  }

  /**
   * Allocates `count` times `byteLength` bytes, all zero.
   * @param {number} count elements
   * @param {number} byteLength bytes of each
   * @param {number} [alignBytes] a power of two, 16 by default
   * @returns {number} a pointer, a multiple of `alignBytes`
   * @throws {RangeError} `ERR_LSHM_NOMEM`, also where the product overflows
   */
  calloc(count, byteLength, alignBytes = 16) {
    checkSize("calloc", "count", count);
    checkSize("calloc", "byteLength", byteLength);
    checkAlign("calloc", alignBytes);
    const { base } = enter(this, "calloc");
    const bytes = count * byteLength;
    let offset = 0;
    // One of a product of 0 may be larger than 32 bits.
    if (bytes <= MAX_U32 && alignBytes <= MAX_U32) {
      offset = call(this, "calloc", "heap_calloc", 1, bytes, alignBytes) >>> 0;
    }
    if (offset !== 0) return offset + base;
    throw outOfMemory(this, "calloc", bytes, alignBytes);
  }

  /**
   * Changes a block's size and keeps its content, in place where possible.
   * Nobody else may use the block meanwhile.
   * @param {number} ptr a live block; 0 allocates
   * @param {number} byteLength bytes
   * @param {number} [alignBytes] a power of two, 16 by default
   * @returns {number} the block's pointer, often another one
   * @throws {RangeError} `ERR_LSHM_NOMEM`, or as
   *   {@link LocalSharedMemory#free free}; the old block stays as it was then
   */
  realloc(ptr, byteLength, alignBytes = 16) {
    checkSize("realloc", "byteLength", byteLength);
    checkAlign("realloc", alignBytes);
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr) {
      throw badPointer("realloc", ptr);
    }
    const { base } = enter(this, "realloc");
    if (byteLength > MAX_U32 || alignBytes > MAX_U32) {
      if (ptr !== 0) find(this, "realloc", ptr);
      throw outOfMemory(this, "realloc", byteLength, alignBytes);
    }
    if (ptr !== 0 && ptr <= base) {
      throw badBlock("realloc", ptr, -ERRORS.OUTSIDE[0]);
    }
    const from = ptr === 0 ? 0 : ptr - base;
    const offset =
      call(this, "realloc", "heap_realloc", from, byteLength, alignBytes) >>> 0;
    if (offset !== 0) return offset + base;
    const number = lastError(this);
    if (["NOMEM", "INVALID", "DETACHED"].includes(errorName(number))) {
      throw allocationError(this, "realloc", byteLength, alignBytes, number);
    }
    throw badBlock("realloc", ptr, number);
  }

  /**
   * Frees a block, whichever thread allocated it.
   * @param {number} ptr a live block; 0 does nothing
   * @throws {RangeError} with a `reason`, where `ptr` is not a live block or the
   *   bytes behind it were overrun; nothing has changed then
   */
  free(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr) {
      throw badPointer("free", ptr);
    }
    if (state.view === 0 || state.bound) ready(this, "free");
    if (ptr <= state.base) {
      if (ptr === 0) return;
      throw badBlock("free", ptr, -ERRORS.OUTSIDE[0]);
    }
    let result = 0;
    try {
      result = state.free(state.view, ptr - state.base);
    } catch (error) {
      state.torn[state.torn.length] = state.thread;
      state.view = 0;
      torn(this, error);
    }
    if (result !== 0) {
      if (errorName(result) === "DETACHED") state.view = 0;
      throw badBlock("free", ptr, result);
    }
  }

  /**
   * Allocates an Int8Array.
   * @param {NumberSource} [source] how many zeros, 0 by default, or the values
   * @returns {Int8Array} a view; free it by its `byteOffset`
   */
  Int8Array(source) {
    return allocateArray(this, "Int8Array", source);
  }

  /**
   * Allocates a Uint8Array.
   * @param {NumberSource} [source] how many zeros, 0 by default, or the values
   * @returns {Uint8Array} a view; free it by its `byteOffset`
   */
  Uint8Array(source) {
    return allocateArray(this, "Uint8Array", source);
  }

  /**
   * Allocates a Uint8ClampedArray.
   * @param {NumberSource} [source] how many zeros, 0 by default, or the values
   * @returns {Uint8ClampedArray} a view; free it by its `byteOffset`
   */
  Uint8ClampedArray(source) {
    return allocateArray(this, "Uint8ClampedArray", source);
  }

  /**
   * Allocates an Int16Array.
   * @param {NumberSource} [source] how many zeros, 0 by default, or the values
   * @returns {Int16Array} a view; free it by its `byteOffset`
   */
  Int16Array(source) {
    return allocateArray(this, "Int16Array", source);
  }

  /**
   * Allocates a Uint16Array.
   * @param {NumberSource} [source] how many zeros, 0 by default, or the values
   * @returns {Uint16Array} a view; free it by its `byteOffset`
   */
  Uint16Array(source) {
    return allocateArray(this, "Uint16Array", source);
  }

  /**
   * Allocates an Int32Array.
   * @param {NumberSource} [source] how many zeros, 0 by default, or the values
   * @returns {Int32Array} a view; free it by its `byteOffset`
   */
  Int32Array(source) {
    return allocateArray(this, "Int32Array", source);
  }

  /**
   * Allocates a Uint32Array.
   * @param {NumberSource} [source] how many zeros, 0 by default, or the values
   * @returns {Uint32Array} a view; free it by its `byteOffset`
   */
  Uint32Array(source) {
    return allocateArray(this, "Uint32Array", source);
  }

  /**
   * Allocates a Float16Array; only where the platform has them.
   * @param {NumberSource} [source] how many zeros, 0 by default, or the values
   * @returns {PlatformFloat16Array} a view; free it by its `byteOffset`
   */
  Float16Array(source) {
    return allocateArray(this, "Float16Array", source);
  }

  /**
   * Allocates a Float32Array.
   * @param {NumberSource} [source] how many zeros, 0 by default, or the values
   * @returns {Float32Array} a view; free it by its `byteOffset`
   */
  Float32Array(source) {
    return allocateArray(this, "Float32Array", source);
  }

  /**
   * Allocates a Float64Array.
   * @param {NumberSource} [source] how many zeros, 0 by default, or the values
   * @returns {Float64Array} a view; free it by its `byteOffset`
   */
  Float64Array(source) {
    return allocateArray(this, "Float64Array", source);
  }

  /**
   * Allocates a BigInt64Array.
   * @param {BigIntSource} [source] how many zeros, 0 by default, or the values
   * @returns {BigInt64Array} a view; free it by its `byteOffset`
   */
  BigInt64Array(source) {
    return allocateArray(this, "BigInt64Array", source);
  }

  /**
   * Allocates a BigUint64Array.
   * @param {BigIntSource} [source] how many zeros, 0 by default, or the values
   * @returns {BigUint64Array} a view; free it by its `byteOffset`
   */
  BigUint64Array(source) {
    return allocateArray(this, "BigUint64Array", source);
  }

  /**
   * Bytes of a live block, as requested.
   * @param {number} ptr a live block
   * @returns {number} bytes
   * @throws {RangeError} with a `reason`, where `ptr` is not a live block
   */
  sizeof(ptr) {
    find(this, "sizeof", ptr);
    return viewWord(this, FOUND.size);
  }

  /**
   * Bytes that a live block takes, with header and padding.
   * @param {number} ptr a live block
   * @returns {number} bytes
   * @throws {RangeError} with a `reason`, where `ptr` is not a live block
   */
  lengthof(ptr) {
    find(this, "lengthof", ptr);
    return viewWord(this, FOUND.footprint);
  }

  /**
   * Every live block once. Other threads may work on: a block that lives
   * throughout is listed, and every one that is listed lived at some instant.
   * @returns {Allocation[]}
   */
  allocs() {
    return [...listBlocks(this, "allocs")];
  }

  /**
   * The same blocks as {@link LocalSharedMemory#allocs allocs} lists, one after the
   * other as they are asked for.
   * @returns {IterableIterator<Allocation>}
   */
  blocks() {
    enter(this, "blocks");
    return listBlocks(this, "blocks");
  }

  /**
   * Counts what lives by walking over it: exact while nobody else allocates.
   * Takes the longer the more blocks there are, and stops nobody.
   * @returns {Stats}
   */
  stats() {
    const stats = readStats(this, "stats");
    /** @type {Map<number, any>} */
    const owners = new Map();
    for (const block of listBlocks(this, "stats")) {
      const { thread, byteLength, bufferSize } = block;
      const owner = owners.get(thread) ?? {
        thread,
        blocks: 0,
        byteLength: 0,
        bufferSize: 0,
      };
      owner.blocks++;
      owner.byteLength += byteLength;
      owner.bufferSize += bufferSize;
      owners.set(thread, owner);
    }
    stats.byThread = [...owners.values()].sort((a, b) => a.thread - b.thread);
    return stats;
  }

  /**
   * Hands what this thread holds in reserve (slabs that are partly used, blocks
   * that it is about to reuse) to the others. Blocks that live stay.
   */
  trim() {
    call(this, "trim", "thread_trim");
  }

  /**
   * Looks at every word of the heap's own, live and changing nothing.
   * @returns {Counts}
   * @throws {RangeError} what is broken and where: `ERR_LSHM_OVERRUN` for a block
   *   that was written beyond its end, else `ERR_LSHM_DAMAGED`; with `byteOffset`
   *   and the number of the `invariant`
   */
  check() {
    const { invariant, offset, blocks, freeBlocks, slabs, spans, freeChunks } =
      readReport(this, "check");
    if (invariant !== 0) {
      const overrun = invariant === 10;
      const byteOffset = offset + /** @type {any} */ (this)[STATE].base;
      const name = overrun ? "OVERRUN" : "DAMAGED";
      const text = overrun
        ? `the block at ${byteOffset} was written beyond its end`
        : `the heap is damaged at ${byteOffset}`;
      throw makeError(
        RangeError,
        name,
        "check",
        `${text} (invariant ${invariant})`,
        { reason: ERRORS[name][1], invariant, byteOffset },
      );
    }
    return { blocks, freeBlocks, slabs, spans, freeChunks };
  }

  /**
   * Grows the memory; the heap uses the new pages from any thread. A heap grows
   * by itself where it must.
   *
   * Views of a shared memory stay valid. Growth of an unshared one detaches all
   * earlier views, whoever grows it: make it with `maximum = initial`, or make
   * views anew.
   * @param {number} pages how many more, of 64 KiB
   * @returns {number} how many there were before
   * @throws {RangeError} where `WebAssembly.Memory` refuses
   */
  grow(pages) {
    const before = Base.prototype.grow.call(this, pages);
    const state = /** @type {any} */ (this)[STATE];
    refresh(this);
    if (state.view !== 0) call(this, "grow", "heap_adopt");
    return before;
  }

  // --- reading and writing ---

  /**
   * All bytes, as that of a `WebAssembly.Memory`; where another thread has just
   * grown the heap, with what it has now.
   * @returns {PlatformMemory["buffer"]}
   */
  get buffer() {
    const state = /** @type {any} */ (this)[STATE];
    if (state && state.base + heapLength(this, state.base) > state.length) {
      refresh(this);
    }
    return super.buffer;
  }

  /**
   * A copy of the bytes as an ArrayBuffer.
   * @param {number} ptr a live block; with `length` any offset
   * @param {number} [length] bytes; by default all of the block
   * @returns {ArrayBuffer}
   */
  arrayBuffer(ptr, length = undefined) {
    return bytesAt(this, "arrayBuffer", ptr, length).slice().buffer;
  }

  /**
   * A copy of the bytes as a SharedArrayBuffer.
   * @param {number} ptr a live block; with `length` any offset
   * @param {number} [length] bytes; by default all of the block
   * @returns {SharedArrayBuffer}
   */
  sharedArrayBuffer(ptr, length = undefined) {
    const bytes = bytesAt(this, "sharedArrayBuffer", ptr, length);
    const copy = new (sharedBufferConstructor())(bytes.length);
    new Uint8Array(copy).set(bytes);
    return copy;
  }

  /**
   * A DataView of the bytes themselves: what is written shows in all threads. Its
   * `buffer` may be one from before another thread grew the heap.
   * @param {number} ptr a live block; with `length` any offset
   * @param {number} [length] bytes; by default all of the block
   * @returns {DataView}
   */
  dataView(ptr, length = undefined) {
    const bytes = extent(this, "dataView", ptr, length);
    const { buffer } = /** @type {any} */ (this)[STATE];
    return new DataView(buffer, ptr, bytes);
  }

  /**
   * A typed array over the bytes themselves: what is written shows in all
   * threads. Its `buffer` may be one from before another thread grew the heap.
   * @template {TypedArrayConstructor} T
   * @param {T} TypedArray the constructor of the view
   * @param {number} ptr a live block; with `length` any offset. A multiple of
   *   the element's size
   * @param {number} [length] elements; by default the whole ones of the block
   * @returns {InstanceType<T>}
   */
  arrayView(TypedArray, ptr, length = undefined) {
    checkTypedArray("arrayView", TypedArray);
    const size = TypedArray.BYTES_PER_ELEMENT;
    if (length !== undefined) checkSize("arrayView", "a length", length);
    const bytes = length === undefined ? undefined : length * size;
    const all = extent(this, "arrayView", ptr, bytes);
    checkMultiple("arrayView", ptr, size);
    const { buffer } = /** @type {any} */ (this)[STATE];
    return new TypedArray(buffer, ptr, Math.floor(all / size));
  }

  // Little-endian, at any offset of the memory from 64 up. A read or write that
  // another thread may see half-done is the user's to avoid: see the atomics.

  /**
   * Reads a signed byte.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {number}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getInt8(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getInt8", ptr, state.length);
    }
    try {
      return state.data.getInt8(ptr);
    } catch (error) {
      return dataAgain(this, "getInt8", ptr, error).getInt8(ptr);
    }
  }

  /**
   * Writes a signed byte.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {number} value its lowest 8 bits count
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setInt8(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setInt8", ptr, state.length);
    }
    try {
      state.data.setInt8(ptr, value);
    } catch (error) {
      dataAgain(this, "setInt8", ptr, error).setInt8(ptr, value);
    }
  }

  /**
   * Reads an unsigned byte.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {number}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getUint8(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getUint8", ptr, state.length);
    }
    try {
      return state.data.getUint8(ptr);
    } catch (error) {
      return dataAgain(this, "getUint8", ptr, error).getUint8(ptr);
    }
  }

  /**
   * Writes an unsigned byte.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {number} value its lowest 8 bits count
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setUint8(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setUint8", ptr, state.length);
    }
    try {
      state.data.setUint8(ptr, value);
    } catch (error) {
      dataAgain(this, "setUint8", ptr, error).setUint8(ptr, value);
    }
  }

  /**
   * Reads a signed 16-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {number}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getInt16(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getInt16", ptr, state.length);
    }
    try {
      return state.data.getInt16(ptr, true);
    } catch (error) {
      return dataAgain(this, "getInt16", ptr, error).getInt16(ptr, true);
    }
  }

  /**
   * Writes a signed 16-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {number} value its lowest 16 bits count
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setInt16(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setInt16", ptr, state.length);
    }
    try {
      state.data.setInt16(ptr, value, true);
    } catch (error) {
      dataAgain(this, "setInt16", ptr, error).setInt16(ptr, value, true);
    }
  }

  /**
   * Reads an unsigned 16-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {number}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getUint16(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getUint16", ptr, state.length);
    }
    try {
      return state.data.getUint16(ptr, true);
    } catch (error) {
      return dataAgain(this, "getUint16", ptr, error).getUint16(ptr, true);
    }
  }

  /**
   * Writes an unsigned 16-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {number} value its lowest 16 bits count
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setUint16(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setUint16", ptr, state.length);
    }
    try {
      state.data.setUint16(ptr, value, true);
    } catch (error) {
      dataAgain(this, "setUint16", ptr, error).setUint16(ptr, value, true);
    }
  }

  /**
   * Reads a signed 32-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {number}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getInt32(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getInt32", ptr, state.length);
    }
    try {
      return state.data.getInt32(ptr, true);
    } catch (error) {
      return dataAgain(this, "getInt32", ptr, error).getInt32(ptr, true);
    }
  }

  /**
   * Writes a signed 32-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {number} value its lowest 32 bits count
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setInt32(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setInt32", ptr, state.length);
    }
    try {
      state.data.setInt32(ptr, value, true);
    } catch (error) {
      dataAgain(this, "setInt32", ptr, error).setInt32(ptr, value, true);
    }
  }

  /**
   * Reads an unsigned 32-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {number}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getUint32(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getUint32", ptr, state.length);
    }
    try {
      return state.data.getUint32(ptr, true);
    } catch (error) {
      return dataAgain(this, "getUint32", ptr, error).getUint32(ptr, true);
    }
  }

  /**
   * Writes an unsigned 32-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {number} value its lowest 32 bits count
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setUint32(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setUint32", ptr, state.length);
    }
    try {
      state.data.setUint32(ptr, value, true);
    } catch (error) {
      dataAgain(this, "setUint32", ptr, error).setUint32(ptr, value, true);
    }
  }

  /**
   * Reads a 16-bit float; only where the platform has them. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {number}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getFloat16(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getFloat16", ptr, state.length);
    }
    try {
      return state.data.getFloat16(ptr, true);
    } catch (error) {
      return dataAgain(this, "getFloat16", ptr, error).getFloat16(ptr, true);
    }
  }

  /**
   * Writes a 16-bit float; only where the platform has them. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {number} value rounded to fit
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setFloat16(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setFloat16", ptr, state.length);
    }
    try {
      state.data.setFloat16(ptr, value, true);
    } catch (error) {
      dataAgain(this, "setFloat16", ptr, error).setFloat16(ptr, value, true);
    }
  }

  /**
   * Reads a 32-bit float. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {number}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getFloat32(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getFloat32", ptr, state.length);
    }
    try {
      return state.data.getFloat32(ptr, true);
    } catch (error) {
      return dataAgain(this, "getFloat32", ptr, error).getFloat32(ptr, true);
    }
  }

  /**
   * Writes a 32-bit float. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {number} value rounded to fit
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setFloat32(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setFloat32", ptr, state.length);
    }
    try {
      state.data.setFloat32(ptr, value, true);
    } catch (error) {
      dataAgain(this, "setFloat32", ptr, error).setFloat32(ptr, value, true);
    }
  }

  /**
   * Reads a 64-bit float. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {number}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getFloat64(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getFloat64", ptr, state.length);
    }
    try {
      return state.data.getFloat64(ptr, true);
    } catch (error) {
      return dataAgain(this, "getFloat64", ptr, error).getFloat64(ptr, true);
    }
  }

  /**
   * Writes a 64-bit float. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {number} value
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setFloat64(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setFloat64", ptr, state.length);
    }
    try {
      state.data.setFloat64(ptr, value, true);
    } catch (error) {
      dataAgain(this, "setFloat64", ptr, error).setFloat64(ptr, value, true);
    }
  }

  /**
   * Reads a signed 64-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {bigint}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getBigInt64(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getBigInt64", ptr, state.length);
    }
    try {
      return state.data.getBigInt64(ptr, true);
    } catch (error) {
      return dataAgain(this, "getBigInt64", ptr, error).getBigInt64(ptr, true);
    }
  }

  /**
   * Writes a signed 64-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {bigint} value its lowest 64 bits count
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setBigInt64(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setBigInt64", ptr, state.length);
    }
    try {
      state.data.setBigInt64(ptr, value, true);
    } catch (error) {
      dataAgain(this, "setBigInt64", ptr, error).setBigInt64(ptr, value, true);
    }
  }

  /**
   * Reads an unsigned 64-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @returns {bigint}
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  getBigUint64(ptr) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("getBigUint64", ptr, state.length);
    }
    try {
      return state.data.getBigUint64(ptr, true);
    } catch (error) {
      return dataAgain(this, "getBigUint64", ptr, error).getBigUint64(
        ptr,
        true,
      );
    }
  }

  /**
   * Writes an unsigned 64-bit integer. Little-endian.
   * @param {number} ptr the offset, from 64 up, aligned or not
   * @param {bigint} value its lowest 64 bits count
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setBigUint64(ptr, value) {
    const state = /** @type {any} */ (this)[STATE];
    if (typeof ptr !== "number" || ptr >>> 0 !== ptr || ptr < FLOOR) {
      throw badOffset("setBigUint64", ptr, state.length);
    }
    try {
      state.data.setBigUint64(ptr, value, true);
    } catch (error) {
      dataAgain(this, "setBigUint64", ptr, error).setBigUint64(
        ptr,
        value,
        true,
      );
    }
  }

  /**
   * The index of a pointer in an array over the whole memory, as the atomics
   * take it.
   * @param {TypedArrayConstructor} TypedArray
   * @param {number} ptr a multiple of the element's size
   * @returns {number} `ptr / TypedArray.BYTES_PER_ELEMENT`
   * @throws {RangeError} `ERR_LSHM_MISALIGNED`
   */
  index(TypedArray, ptr) {
    checkTypedArray("index", TypedArray);
    const size = TypedArray.BYTES_PER_ELEMENT;
    checkRange("index", this, ptr, 0);
    checkMultiple("index", ptr, size);
    return ptr / size;
  }

  // As Atomics, on an array over the whole memory: the index counts elements.

  /**
   * Adds to an element in one step for all threads.
   * @template {AtomicConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {ElementOf<T>} value
   * @returns {ElementOf<T>} what was there before
   */
  add(TypedArray, index, value) {
    const array = element(this, "add", TypedArray, index);
    return AnyAtomics.add(array, index, value);
  }

  /**
   * Subtracts from an element in one step for all threads.
   * @template {AtomicConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {ElementOf<T>} value
   * @returns {ElementOf<T>} what was there before
   */
  sub(TypedArray, index, value) {
    const array = element(this, "sub", TypedArray, index);
    return AnyAtomics.sub(array, index, value);
  }

  /**
   * Ands an element with a value in one step for all threads.
   * @template {AtomicConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {ElementOf<T>} value
   * @returns {ElementOf<T>} what was there before
   */
  and(TypedArray, index, value) {
    const array = element(this, "and", TypedArray, index);
    return AnyAtomics.and(array, index, value);
  }

  /**
   * Ors an element with a value in one step for all threads.
   * @template {AtomicConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {ElementOf<T>} value
   * @returns {ElementOf<T>} what was there before
   */
  or(TypedArray, index, value) {
    const array = element(this, "or", TypedArray, index);
    return AnyAtomics.or(array, index, value);
  }

  /**
   * Xors an element with a value in one step for all threads.
   * @template {AtomicConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {ElementOf<T>} value
   * @returns {ElementOf<T>} what was there before
   */
  xor(TypedArray, index, value) {
    const array = element(this, "xor", TypedArray, index);
    return AnyAtomics.xor(array, index, value);
  }

  /**
   * Exchanges an element for a value in one step for all threads.
   * @template {AtomicConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {ElementOf<T>} value
   * @returns {ElementOf<T>} what was there before
   */
  exchange(TypedArray, index, value) {
    const array = element(this, "exchange", TypedArray, index);
    return AnyAtomics.exchange(array, index, value);
  }

  /**
   * Stores an element in one step for all threads.
   * @template {AtomicConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {ElementOf<T>} value
   * @returns {ElementOf<T>} what was stored
   */
  store(TypedArray, index, value) {
    const array = element(this, "store", TypedArray, index);
    return AnyAtomics.store(array, index, value);
  }

  /**
   * Loads an element in one step for all threads.
   * @template {AtomicConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @returns {ElementOf<T>} what is there
   */
  load(TypedArray, index) {
    const array = element(this, "load", TypedArray, index);
    return AnyAtomics.load(array, index);
  }

  /**
   * Stores an element if the expected one is there, in one step for all threads.
   * @template {AtomicConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {ElementOf<T>} expected
   * @param {ElementOf<T>} value
   * @returns {ElementOf<T>} what was there before: `expected` where it was stored
   */
  compareExchange(TypedArray, index, expected, value) {
    const array = element(this, "compareExchange", TypedArray, index);
    return AnyAtomics.compareExchange(array, index, expected, value);
  }

  /**
   * Whether the platform's atomics on elements of a size need no lock, as
   * `Atomics.isLockFree`.
   * @param {number} size bytes
   * @returns {boolean}
   */
  isLockFree(size) {
    return Atomics.isLockFree(size);
  }

  /**
   * Sleeps while an element is `value`, until somebody notifies it, as
   * `Atomics.wait`. A thread that is about to wait first hands the others what
   * it holds in reserve.
   * @template {WaitableConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {ElementOf<T>} value
   * @param {number} [timeout] milliseconds; without, for ever
   * @returns {"ok" | "not-equal" | "timed-out"}
   * @throws {TypeError} where the platform forbids blocking
   */
  wait(TypedArray, index, value, timeout = undefined) {
    const array = element(this, "wait", TypedArray, index);
    const state = /** @type {any} */ (this)[STATE];
    const waits = timeout === undefined || !(timeout <= 0); // NaN: for ever
    if (waits && state.view !== 0 && Atomics.load(array, index) === value) {
      call(this, "wait", "thread_trim");
    }
    return AnyAtomics.wait(array, index, value, timeout);
  }

  /**
   * As {@link LocalSharedMemory#wait wait}, but returns at once, with a promise where
   * it would sleep: `Atomics.waitAsync`.
   * @template {WaitableConstructor} T
   * @param {T} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {ElementOf<T>} value
   * @param {number} [timeout] milliseconds; without, for ever
   * @returns {WaitAsyncResult}
   * @throws {TypeError} where the platform has no `Atomics.waitAsync`
   */
  waitAsync(TypedArray, index, value, timeout = undefined) {
    const array = element(this, "waitAsync", TypedArray, index);
    if (AnyAtomics.waitAsync === undefined) {
      throw typeError("waitAsync", "this platform has no Atomics.waitAsync");
    }
    return AnyAtomics.waitAsync(array, index, value, timeout);
  }

  /**
   * Wakes threads that wait for an element, as `Atomics.notify`.
   * @param {WaitableConstructor} TypedArray which elements
   * @param {number} index of the element in the whole memory: see
   *   {@link LocalSharedMemory#index index}
   * @param {number} [count] all by default
   * @returns {number} how many were woken
   */
  notify(TypedArray, index, count = undefined) {
    const array = element(this, "notify", TypedArray, index);
    return Atomics.notify(array, index, count);
  }

  /**
   * Copies bytes; the ranges may overlap.
   * @param {number} dst the offset to write to, from 64 up
   * @param {number} src the offset to read from, from 64 up
   * @param {number} n bytes
   * @returns {number} `dst`
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`; nothing is written then
   */
  memcpy(dst, src, n) {
    return copyBytes(this, "memcpy", dst, src, n);
  }

  /**
   * Copies bytes; the ranges may overlap.
   * @param {number} dst the offset to write to, from 64 up
   * @param {number} src the offset to read from, from 64 up
   * @param {number} n bytes
   * @returns {number} `dst`
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`; nothing is written then
   */
  memmove(dst, src, n) {
    return copyBytes(this, "memmove", dst, src, n);
  }

  /**
   * Fills bytes with a value.
   * @param {number} ptr the offset, from 64 up
   * @param {number} byte the value, of which the lowest 8 bits count
   * @param {number} n bytes
   * @returns {number} `ptr`
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`; nothing is written then
   */
  memset(ptr, byte, n) {
    if (typeof byte !== "number") {
      throw typeError("memset", `expected a byte, a number, not ${show(byte)}`);
    }
    const buffer = checkRange("memset", this, ptr, n);
    new Uint8Array(buffer, ptr, n).fill(byte);
    return ptr;
  }

  /**
   * Decodes UTF-8; what is malformed becomes U+FFFD.
   * @param {number} ptr a live block; with `byteLength` any offset
   * @param {number} [byteLength] by default all of the block
   * @returns {string}
   */
  getString(ptr, byteLength = undefined) {
    return decodeUtf8(bytesAt(this, "getString", ptr, byteLength).slice());
  }

  /**
   * Encodes as UTF-8. Bytes behind the text stay as they are.
   * @param {number} ptr a live block; with `byteLength` any offset
   * @param {string} text
   * @param {number} [byteLength] room for the text; by default all of the block
   * @returns {number} bytes written
   * @throws {RangeError} where the text is longer; nothing is written then
   */
  setString(ptr, text, byteLength = undefined) {
    if (typeof text !== "string") {
      throw typeError("setString", `expected a string, not ${show(text)}`);
    }
    const room = bytesAt(this, "setString", ptr, byteLength);
    const bytes = encodeUtf8(text);
    if (bytes.length > room.length) {
      throw rangeError(
        "setString",
        `the text takes ${bytes.length} bytes, there is room for ${room.length}`,
      );
    }
    room.set(bytes);
    return bytes.length;
  }

  /**
   * Allocates a block with a text in UTF-8, exactly as long.
   * @param {string} text
   * @returns {number} a pointer
   */
  string(text) {
    if (typeof text !== "string") {
      throw typeError("string", `expected a string, not ${show(text)}`);
    }
    const bytes = encodeUtf8(text);
    const ptr = allocate(this, "string", bytes.length, 16);
    if (ptr === 0) throw outOfMemory(this, "string", bytes.length, 16);
    new Uint8Array(this.buffer, ptr, bytes.length).set(bytes);
    return ptr;
  }

  // --- roots, names ---

  /**
   * A root: one of 16 pointers by which whoever opens the heap finds its data.
   * What a thread wrote before it set a root is seen by those who get it.
   * @param {number} i 0 to 15
   * @returns {number} what was set, at first 0
   */
  getRoot(i) {
    const { base } = enter(this, "getRoot");
    const index = rootIndex(this, "getRoot", i);
    return fromBase(Number(this.load(BigUint64Array, index)), base);
  }

  /**
   * Sets a root, for all threads.
   * @param {number} i 0 to 15
   * @param {number} ptr an offset in the heap, or 0
   * @throws {RangeError} `ERR_LSHM_OUTSIDE`
   */
  setRoot(i, ptr) {
    const { base } = enter(this, "setRoot");
    const index = rootIndex(this, "setRoot", i);
    const offset = checkValue("setRoot", this, ptr, base);
    this.store(BigUint64Array, index, BigInt(offset));
  }

  /**
   * Sets a root if it is what is expected; one step for all threads.
   * @param {number} i 0 to 15
   * @param {number} expected an offset in the heap, or 0
   * @param {number} ptr an offset in the heap, or 0
   * @returns {number} what it was: `expected` where it was set
   */
  casRoot(i, expected, ptr) {
    const { base } = enter(this, "casRoot");
    const index = rootIndex(this, "casRoot", i);
    const old = BigInt(checkValue("casRoot", this, expected, base));
    const offset = BigInt(checkValue("casRoot", this, ptr, base));
    const was = this.compareExchange(BigUint64Array, index, old, offset);
    return fromBase(Number(was), base);
  }

  /**
   * The pointer that has a name, in any thread and in images.
   * @param {string} text at most 47 bytes in UTF-8, and not empty
   * @returns {number} what the name was set to; 0 if it was not
   */
  getName(text) {
    const { base } = enter(this, "getName");
    const index = nameIndex(this, "getName", text, false);
    const values = new BigUint64Array(this.buffer);
    return index ? fromBase(Number(Atomics.load(values, index)), base) : 0;
  }

  /**
   * Names a pointer. There is room for 16 names, which stay; the pointer
   * may change.
   * @param {string} text at most 47 bytes in UTF-8, and not empty
   * @param {number} ptr an offset in the heap, or 0
   * @throws {RangeError} `ERR_LSHM_NAME_TOO_LONG`, `ERR_LSHM_NAMES_FULL`
   */
  setName(text, ptr) {
    const { base } = enter(this, "setName");
    const offset = checkValue("setName", this, ptr, base);
    const index = nameIndex(this, "setName", text, true);
    if (index === 0) throw coreError("setName", lastError(this));
    const values = new BigUint64Array(this.buffer);
    Atomics.store(values, index, BigInt(offset));
  }

  // --- threads, death ---

  /**
   * This thread's number in the heap: never used twice. Another one after a
   * call was cut short by an exception, or after attaching again.
   * @returns {number}
   */
  get thread() {
    return enter(this, "thread").thread;
  }

  /**
   * The attached threads.
   * @returns {number[]} their numbers
   */
  threads() {
    return listThreads(this, "threads", false);
  }

  /**
   * A number for a worker about to start, which passes it to
   * {@link LocalSharedMemory.from from}, so that one that dies early is known too.
   * @returns {number}
   * @throws {RangeError} `ERR_LSHM_THREADS_FULL`
   */
  reserveThread() {
    return reserve(this, "reserveThread");
  }

  /**
   * Recovers what a thread held, when its worker has ended. Proof of that is,
   * on Node, the worker's `exit`; on Bun its `exit` or `close`; in browsers the
   * release of a Web Lock that the worker took when it attached. On Deno
   * nothing proves it: the promise is rejected at once.
   * @param {any} worker a `Worker` of the platform
   * @param {number} thread the worker's number: reserve it, or have it tell
   * @param {object} [options]
   * @param {boolean} [options.free] also free all blocks that it allocated
   * @returns {Promise<Remains>} what is left of it, or was freed; nothing for
   *   a worker that had detached
   */
  async watch(worker, thread, options = {}) {
    checkOptions("watch", options);
    const { free = false } = options;
    checkThread("watch", thread);
    const { ended } = enter(this, "watch");
    await proveEnd(this, worker, thread);
    ended.add(thread);
    try {
      return this.reap(thread, { free });
    } catch (error) {
      const { code } = /** @type {HeapError} */ (error);
      if (code !== "ERR_LSHM_THREAD_GONE") throw error;
      return { thread, blocks: 0, bytes: 0 };
    }
  }

  /**
   * Recovers what a dead thread held in reserve. Its blocks live on.
   * @param {number} thread its number
   * @param {object} [options]
   * @param {boolean} [options.free] also free all blocks that it allocated
   * @param {boolean} [options.force] the caller knows that it has ended. A
   *   thread that runs on after that damages the heap
   * @returns {Remains} what is left of it, or was freed
   * @throws {RangeError} `ERR_LSHM_THREAD_UNKNOWN` without proof of its death,
   *   `ERR_LSHM_THREAD_GONE` for an old number; nothing has changed then
   */
  reap(thread, options = {}) {
    checkOptions("reap", options);
    const { free = false, force = false } = options;
    checkThread("reap", thread);
    const state = enter(this, "reap");
    if (slotWord(this, "reap", thread) === 0) {
      throw coreError("reap", -ERRORS.THREAD_GONE[0], `thread ${thread}`);
    }
    if (thread === state.thread) {
      throw rangeError("reap", `thread ${thread} is the one that calls`);
    }
    if (!force && !state.ended.has(thread)) {
      throw coreError("reap", -ERRORS.THREAD_UNKNOWN[0], `thread ${thread}`);
    }
    const how = free ? REAP_FREE : REAP_COUNT;
    const result = call(this, "reap", "thread_reap", thread, how);
    if (result !== 0) throw coreError("reap", result, `thread ${thread}`);
    state.ended.delete(thread);
    const bytes = viewWord(this, FOUND.size);
    return { thread, blocks: viewWord(this, FOUND.count), bytes };
  }
}

/**
 * Where a root stands, as an index in the memory's 64-bit words.
 * @param {any} memory
 * @param {string} where
 * @param {any} i
 * @returns {number}
 */
function rootIndex(memory, where, i) {
  checkSize(where, "a root's number", i);
  if (i > 15) throw rangeError(where, `expected a root from 0 to 15, not ${i}`);
  return (enter(memory, where).base + HEADER.root) / 8 + i;
}

/** @param {number} offset @param {number} base */
const fromBase = (offset, base) => (offset === 0 ? 0 : offset + base);

/**
 * @param {string} where
 * @param {any} memory
 * @param {any} ptr
 * @param {number} base
 * @returns {number} its offset from the base
 */
function checkValue(where, memory, ptr, base) {
  if (ptr === 0) return 0;
  checkRange(where, memory, ptr, 0);
  if (ptr <= base) throw badOffset(where, ptr, memory.buffer.byteLength);
  return ptr - base;
}

/**
 * Where a name's offset stands, as an index in the memory's 64-bit words.
 * @param {any} memory
 * @param {string} where
 * @param {any} text
 * @param {boolean} make
 * @returns {number} 0: there is no such name, and none was made
 */
function nameIndex(memory, where, text, make) {
  if (typeof text !== "string") {
    throw typeError(where, `expected a name, a string, not ${show(text)}`);
  }
  const bytes = encodeUtf8(text);
  if (bytes.length === 0) throw rangeError(where, 'expected a name, not ""');
  // It would end there for the C library, and for who looks it up.
  if (bytes.includes(0)) {
    throw rangeError(where, "expected a name without U+0000");
  }
  if (bytes.length > 47) {
    throw rangeError(
      where,
      `expected a name of at most 47 bytes, not ${bytes.length}`,
      "NAME_TOO_LONG",
    );
  }
  const address = enter(memory, where).view + VIEW.report;
  const place = new Uint8Array(memory.buffer, address, 48);
  place.fill(0).set(bytes);
  return (call(memory, where, "name_value", address, Number(make)) >>> 0) / 8;
}

/**
 * Resolves when a worker's end is proven.
 * @param {any} memory
 * @param {any} worker
 * @param {number} thread
 * @returns {Promise<void>}
 */
function proveEnd(memory, worker, thread) {
  const listen = worker?.once ?? worker?.addEventListener;
  if (typeof listen !== "function") {
    throw typeError("watch", `expected a Worker, not ${show(worker)}`);
  }
  if (Platform.Deno !== undefined) {
    throw coreError("watch", -ERRORS.THREAD_UNKNOWN[0]);
  }
  if (worker.once !== undefined) {
    if (worker.threadId === -1 && Platform.Bun === undefined) {
      return Promise.resolve(); // it had ended before
    }
    return new Promise((resolve) => worker.once("exit", () => resolve()));
  }
  if (Platform.Bun !== undefined) {
    return new Promise((resolve) => {
      worker.addEventListener("close", () => resolve(), { once: true });
    });
  }
  const manager = locks();
  if (manager === null) throw coreError("watch", -ERRORS.THREAD_UNKNOWN[0]);
  return waitForLock(memory, manager, thread);
}

/**
 * Waits until a thread's lock is free and its slot says that it was held.
 * @param {any} memory
 * @param {any} manager
 * @param {number} thread
 * @returns {Promise<void>}
 */
async function waitForLock(memory, manager, thread) {
  for (;;) {
    const over = await manager.request(lockName(memory, thread), () => {
      const word = slotWord(memory, "watch", thread);
      return word === 0 || (word & SLOT.provable) !== 0;
    });
    if (over) return;
    // The worker has not asked for its lock yet.
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const prototype = /** @type {any} */ (LocalSharedMemory.prototype);

Object.defineProperty(
  prototype,
  /** @type {any} */ (Symbol).dispose ?? Symbol.for("Symbol.dispose"),
  {
    /** @this {LocalSharedMemory} */
    value: function dispose() {
      this.detach();
    },
    writable: true,
    configurable: true,
  },
);
if (Platform.Float16Array === undefined) delete prototype.Float16Array;
if (!("getFloat16" in DataView.prototype)) {
  delete prototype.getFloat16;
  delete prototype.setFloat16;
}

export default LocalSharedMemory;
