// The tests that are for browsers alone. Their pages are functions of
// tests/browser/pages/own.js.

import assert from "node:assert/strict";

/** What a page leaves in `outcome`, as soon as it does, within a time. */
export async function outcome(tab, limit) {
  const start = Date.now();
  let last = "nothing";
  try {
    for (;;) {
      const found = await tab.read("[globalThis.outcome, globalThis.progress]");
      if (found[0]) return found[0];
      last = found[1] ?? last;
      if (Date.now() - start > limit) throw new Error(`over ${limit} ms`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } catch (cause) {
    throw new Error(`the page does not answer; it began: ${last}`, { cause });
  }
}

/** Opens a page of a kind of server and gives its value. */
async function visit(browser, url, page) {
  const tab = await browser.open(`${url}own.html?${page}`);
  try {
    const { value, error } = await outcome(tab, 180_000);
    assert.equal(error, undefined);
    return value;
  } finally {
    await tab.close();
  }
}

const headers =
  /Cross-Origin-Opener-Policy: same-origin.*Cross-Origin-Embedder-Policy: require-corp/;

export const tests = [
  {
    name: "a worker that never yields is not reaped; once it ended, it is",
    body: (browser, { isolated }) => visit(browser, isolated, "neverYields"),
  },
  {
    name: "a worker terminated before it ever yielded stays, without force",
    body: (browser, { isolated }) =>
      visit(browser, isolated, "terminatedUnproven"),
  },
  {
    name: "an AudioWorklet allocates what the page reads and frees",
    body: (browser, { isolated }) => visit(browser, isolated, "worklet"),
  },
  {
    name: "a page's main thread may not wait, and is told so",
    body: (browser, { isolated }) => visit(browser, isolated, "blocking"),
  },
  {
    name: "without isolation: one thread works, sharing names the two headers",
    async body(browser, { alone }) {
      const found = await visit(browser, alone, "alone");
      assert.equal(found.handle.code, "ERR_LSHM_NOT_ISOLATED");
      assert.equal(found.handle.name, "TypeError");
      assert.match(found.handle.message, headers);
      // The switch that lets WebKit share lets it in every page.
      if (browser.name !== "webkit")
        assert.equal(found.post.name, "DataCloneError");
      assert.equal(found.threads, 1, "nothing is left of the refused handle");
    },
  },
  {
    name: "a policy without wasm-unsafe-eval: a clear error",
    async body(browser, { strict }) {
      const found = await visit(browser, strict, "policy");
      for (const error of [found.here, found.worker]) {
        assert.equal(error?.code, "ERR_LSHM_NO_WASM");
        assert.match(error.message, /forbidden by a policy/);
      }
    },
  },
  {
    name: "a policy with wasm-unsafe-eval: everything works",
    async body(browser, { wasm }) {
      const found = await visit(browser, wasm, "policy");
      assert.deepEqual(found, { here: null, worker: null });
      await visit(browser, wasm, "neverYields");
    },
  },
  {
    name: "a page that is loaded again leaves no lock and no memory behind",
    async body(browser, { isolated }) {
      // A browser has room for far fewer than eight times as many such memories.
      const count = browser.name === "webkit" ? 4 : 20;
      const url = `${isolated}own.html?crowd,${count}`;
      const tab = await browser.open(url);
      try {
        for (let load = 0; load < 8; load++) {
          assert.deepEqual(await outcome(tab, 180_000), { value: null });
          await tab.go(url);
        }
      } finally {
        await tab.close();
      }
    },
  },
];
