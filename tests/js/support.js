// What the tests of the JavaScript class share, on every host. All of them
// import the class from here, so that LSHM_MODULE can point the suite at an
// installed package.
//
// A test file that imports nothing but this one, node:test and node:assert runs
// on every runtime and in browsers too (tests/runtimes).

import assert from "node:assert/strict";
import { test as hostTest } from "node:test";
import { lacks, onMessage } from "./host.js";
import { random, seed } from "./random.js";

export { LocalSharedMemory, moduleUrl, realm, start } from "./host.js";
export { brief, long, random, seed, soak } from "./random.js";

/**
 * As node:test's, with one more option: `needs`, what not every host has.
 * Where it is lacking, the test is left out, and the reason printed.
 */
export function test(name, options, body = options) {
  if (body === options) return hostTest(name, body);
  const { needs = [], ...rest } = options;
  const reason = [needs]
    .flat()
    .map((need) => lacks[need])
    .find(Boolean);
  if (reason === undefined) return hostTest(name, rest, body);
  console.log(`left out: ${JSON.stringify([name, reason])}`);
  return hostTest(name, { ...rest, skip: reason }, body);
}

/** Prints the seed with the test that uses it, and starts a stream from it. */
export function seeded(t, offset = 0) {
  t.diagnostic(`LSHM_SEED=${seed}`);
  return random(seed + offset * 7919);
}

/** Options of tests that need a memory that can be cloned. */
export const sharing = { needs: "sharing" };
/** Options of tests that need other threads over a memory. */
export const threads = { needs: "threads" };
/** Options of tests that need another realm. */
export const realms = { needs: "realm" };

/** Lets the host go on to other tasks, where it has more than one. */
export const turn = () =>
  new Promise((resolve) => (globalThis.setTimeout ?? ((go) => go()))(resolve));

/** The next message of a worker; rejects when it fails or ends before. */
export function message(worker) {
  return new Promise((resolve, reject) => {
    onMessage(worker, resolve);
    worker.ended.then(
      (code) => reject(new Error(`the worker ended (${code}) without a word`)),
      reject,
    );
  });
}

/** Expects an error of a class with a code, and what its message matches. */
export function fails(body, Type, code, pattern = /./) {
  assert.throws(body, (error) => {
    assert.equal(error.code, `ERR_LSHM_${code}`, error.stack);
    assert.ok(error instanceof Type, `${error.name} is no ${Type.name}`);
    assert.match(error.message, pattern);
    return true;
  });
}

/** Expects the footprints of the live blocks to be the bytes in use. */
export function settled(memory) {
  memory.check();
  const { used, blocks } = memory.stats();
  const list = memory.allocs();
  assert.equal(list.length, blocks);
  assert.equal(
    list.reduce((sum, { bufferSize }) => sum + bufferSize, 0),
    used,
  );
  return list;
}

/** The largest block that can be had now, found by trying. */
export function largest(memory) {
  let [low, high] = [0, memory.buffer.byteLength];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const ptr = memory.tryMalloc(middle);
    if (ptr === 0) high = middle - 1;
    else {
      memory.free(ptr);
      low = middle;
    }
  }
  return low;
}

/** All kinds of accessors: name, bytes, and some values that fit. */
export const kinds = [
  ["Int8", 1, [-128, -1, 0, 127]],
  ["Uint8", 1, [0, 1, 255]],
  ["Int16", 2, [-32768, -1, 0, 32767]],
  ["Uint16", 2, [0, 1, 65535]],
  ["Int32", 4, [-(2 ** 31), -1, 0, 2 ** 31 - 1]],
  ["Uint32", 4, [0, 1, 2 ** 32 - 1]],
  ["Float32", 4, [0, -1.5, Math.fround(Math.PI), Number.POSITIVE_INFINITY]],
  ["Float64", 8, [0, Math.PI, -1e300, Number.MIN_VALUE]],
  ["BigInt64", 8, [-(2n ** 63n), -1n, 0n, 2n ** 63n - 1n]],
  ["BigUint64", 8, [0n, 1n, 2n ** 64n - 1n]],
  ...("getFloat16" in DataView.prototype
    ? [["Float16", 2, [0, -1.5, 65504]]]
    : []),
];
