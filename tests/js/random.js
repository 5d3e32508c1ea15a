// Seeds and lengths of random tests, also of those that import no module.

/** Whether the long versions of the storms run. */
export const long = process.env.LSHM_LONG === "1";

/** Whether they run for hours. */
export const soak = process.env.LSHM_SOAK === "1";
/** Whether short ones do: one place of many. */
export const brief = process.env.LSHM_BRIEF === "1";

/** The seed of all random streams: LSHM_SEED, else the time. */
export const seed = Number(process.env.LSHM_SEED ?? Date.now()) >>> 0;

/** A generator of random numbers (mulberry32); `below(n)` gives integers. */
export function random(start) {
  let state = start >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  };
  return {
    next,
    below: (n) => next() % n,
    pick: (list) => list[next() % list.length],
  };
}
