// The part of node:test that the suite uses, for browsers: tests, one after the
// other, in pages, workers and AudioWorklets.

const TIME_LIMIT = 120_000; // milliseconds, of one test
const tests = [];

export function test(name, options, body = options) {
  const { skip = false } = body === options ? {} : options;
  tests.push({ name, skip, body });
}

/** Rejects after the time limit, where there are timers. */
function limit() {
  let timer;
  const late = new Promise((_, reject) => {
    const fail = () => reject(new Error(`not over after ${TIME_LIMIT} ms`));
    timer = globalThis.setTimeout?.(fail, TIME_LIMIT);
  });
  return { late, stop: () => globalThis.clearTimeout?.(timer) };
}

async function runOne({ name, skip, body }) {
  if (skip) return { name, outcome: "left out", reason: skip };
  const notes = [];
  const context = { diagnostic: (text) => notes.push(text) };
  const { late, stop } = limit();
  try {
    await Promise.race([body(context), late]);
    return { name, outcome: "passed" };
  } catch (error) {
    const stack = String(error?.stack).split("\n").slice(0, 12).join("\n");
    const text = `${error}\n${stack}`;
    return { name, outcome: "failed", reason: [text, ...notes].join("\n") };
  } finally {
    stop();
  }
}

/**
 * Runs all tests; gives the result of each: name, outcome, reason. `begin` is
 * told the name of each before it runs.
 */
export async function run(begin) {
  const results = [];
  for (const one of tests) {
    begin(one.name);
    results.push(await runOne(one));
    // Others get their turn.
    await new Promise((resolve) =>
      (globalThis.setTimeout ?? queue)(resolve, 0),
    );
  }
  return results;
}

const queue = (callback) => Promise.resolve().then(callback);
