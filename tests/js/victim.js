// A program that uses a heap which somebody else writes over, and the pen of
// that somebody. Every member may throw an Error, and has to return.

/** A number that is likely to be a bound or just beyond one. */
function bound(rng) {
  const x = rng.next();
  return [0xffffffff, 0, x % 8, 1 << (x % 32), x, 0xffff, -(x % 8), 64][x % 8];
}

/** A map word in all but its place: kind, slot, some epoch, an argument. */
function mapWord(rng) {
  const low =
    (rng.below(10) | (rng.below(6) << 4) | (rng.below(4) << 12)) >>> 0;
  return (BigInt(bound(rng) >>> 0) << 40n) | BigInt(low);
}

/**
 * Writes one word of a heap that stands at `base`: often of its tables.
 * @param {BigUint64Array} words of the whole memory
 * @returns {() => void} puts back what was there
 */
export function scribble(words, base, rng) {
  const reach = [64, 256, 768, 2048, 8192, words.length][rng.below(6)];
  const first = base / 8 + 8;
  const at = first + rng.below(Math.min(reach, words.length - first));
  const was = Atomics.load(words, at);
  const how = rng.below(6);
  let next = (BigInt(rng.next()) << 32n) | BigInt(rng.next());
  if (how === 0) next = was ^ (1n << BigInt(rng.below(64)));
  if (how === 1) next = (was & ~0xffffffffn) | BigInt(bound(rng) >>> 0);
  if (how === 2) next = (was & 0xffffffffn) | (BigInt(bound(rng) >>> 0) << 32n);
  if (how === 3) next = Atomics.load(words, first + rng.below(2048));
  if (how === 4) next = mapWord(rng);
  Atomics.store(words, at, next);
  return () => Atomics.store(words, at, was);
}

const blocks = new Array(64).fill(0);

/** The step that looks through all of the map. */
export const claim = (memory, rng, i) =>
  (blocks[i] = memory.tryMalloc(rng.below(30000)));

/** What the victim may do, and each may throw. */
const steps = [
  (memory, rng, i) => (blocks[i] = memory.malloc(rng.below(600))),
  claim,
  (memory, rng, i) => (blocks[i] = memory.calloc(1, rng.below(3000), 64)),
  (memory, rng, i) => (blocks[i] = memory.realloc(blocks[i], rng.below(9000))),
  (memory, rng, i) => memory.free(blocks[i]),
  (memory, rng, i) => memory.free(blocks[i]),
  (memory, rng) => memory.free(rng.next()),
  (memory, rng, i) => memory.sizeof(blocks[i]) + memory.lengthof(blocks[i]),
  (memory) => memory.allocs().length,
  (memory) => memory.check(),
  (memory) => memory.stats(),
  (memory) => memory.trim(),
  (memory, rng, i) =>
    memory.setFloat64(blocks[i], memory.getFloat64(blocks[i])),
  (memory, rng, i) => memory.getString(blocks[i]),
  (memory, rng, i) => memory.setRoot(rng.below(16), blocks[i]),
  (memory, rng) => memory.getFloat32(memory.getRoot(rng.below(16))),
  (memory, rng, i) => memory.setName(`name ${rng.below(20)}`, blocks[i]),
  (memory, rng) => memory.getName(`name ${rng.below(20)}`),
  (memory, rng) => memory.reap(rng.pick(memory.threads()), { force: true }),
  (memory) => memory.reserveThread(),
  (memory, rng) =>
    memory.imports.env.free(memory.imports.env.malloc(rng.below(99))),
  (memory) => memory.detach(),
  (memory) => memory.image().byteLength,
];

/**
 * One step of the victim, any or the given one. What it throws must be an Error
 * that a program can handle: true if it did.
 */
export function step(LocalSharedMemory, memory, rng, what = rng.pick(steps)) {
  try {
    LocalSharedMemory.from(memory); // attached, unless that fails too
    what(memory, rng, rng.below(blocks.length));
    return false;
  } catch (error) {
    if (error instanceof Error) return true;
    throw error;
  }
}
