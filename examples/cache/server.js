// A Node server whose workers share a cache: what one computed, all of them find.
//
//     node examples/cache/server.js [PORT]       then GET /primes/1000000
//
// The cache is a table of words. A word is an entry's pointer plus, in its four
// low bits (blocks are multiples of 16), how many workers are reading the entry
// now. Such an entry is not replaced, and nobody waits: who cannot store goes on.

import { createServer } from "node:http";
import threads from "node:worker_threads";
import LocalSharedMemory from "localsharedmemory";

const WORDS = 1024;
const READERS = 15; // the bits that count them

/** The word for a key, as an index for atomics. */
function wordOf(memory, table, key) {
  let hash = 0;
  for (const c of key) hash = (Math.imul(hash, 31) + c.charCodeAt()) >>> 0;
  return memory.index(Uint32Array, table) + (hash % WORDS);
}

/** What is stored for a key, or null. */
function lookUp(memory, table, key) {
  const at = wordOf(memory, table, key);
  for (;;) {
    const word = memory.load(Uint32Array, at);
    const readers = word & READERS;
    if (word === 0 || readers === READERS) return null;
    if (memory.compareExchange(Uint32Array, at, word, word + 1) === word) {
      const [found, value] = JSON.parse(memory.getString(word - readers));
      memory.sub(Uint32Array, at, 1);
      return found === key ? value : null;
    }
  }
}

/** Stores a value, unless somebody reads what is to be replaced. */
function store(memory, table, key, value) {
  const at = wordOf(memory, table, key);
  const old = memory.load(Uint32Array, at);
  if ((old & READERS) !== 0) return;
  const entry = memory.string(JSON.stringify([key, value]));
  const was = memory.compareExchange(Uint32Array, at, old, entry);
  memory.free(was === old ? old : entry);
}

/** The expensive part: how many primes there are below a number. */
function countPrimes(limit) {
  const composite = new Uint8Array(limit);
  let count = 0;
  for (let i = 2; i < limit; i++) {
    if (composite[i]) continue;
    count++;
    for (let j = i * i; j < limit; j += i) composite[j] = 1;
  }
  return count;
}

function answer(memory, table, path) {
  const limit = Number(/^\/primes\/(\d{1,8})$/.exec(path)?.[1]);
  if (Number.isNaN(limit)) return { error: "expected /primes/NUMBER" };
  const value = lookUp(memory, table, path);
  if (value !== null) return { ...value, from: "cache" };
  const computed = { primes: countPrimes(limit), by: memory.thread };
  store(memory, table, path, computed);
  return { ...computed, from: "computation" };
}

function main(port) {
  const memory = new LocalSharedMemory(16, 1024);
  const table = memory.calloc(WORDS, 4);
  const waiting = new Map();
  const workers = Array.from({ length: 4 }, () =>
    new threads.Worker(new URL(import.meta.url), {
      workerData: { handle: memory.handle(), table },
    }).on("message", ({ id, body }) => {
      waiting.get(id).end(`${JSON.stringify(body)}\n`);
      waiting.delete(id);
    }),
  );
  let id = 0;
  createServer(({ url: path }, response) => {
    waiting.set(++id, response);
    workers[id % workers.length].postMessage({ id, path });
  }).listen(port, "127.0.0.1", function () {
    console.log(`http://127.0.0.1:${this.address().port}/primes/1000000`);
  });
}

const { handle, table } = threads.workerData ?? {};
if (threads.isMainThread) main(Number(process.argv[2] ?? 8080));
else {
  const memory = LocalSharedMemory.from(handle);
  threads.parentPort.on("message", ({ id, path }) => {
    const body = answer(memory, table, path);
    threads.parentPort.postMessage({ id, body });
  });
}
