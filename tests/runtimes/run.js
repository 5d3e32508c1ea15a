// Runs the portable part of the suite on the runtimes and browsers that are
// installed here, tells what ran where, and fails if a test did.
//
//   node tests/runtimes/run.js [--all] [--brief] [--write] [NAME...]
//
// --all fails where one of them is not installed; --brief leaves out the other
// versions of Node, and of each browser all but one place; --write writes the
// table into docs/PLATFORMS.md; NAMEs choose among node-20, deno, chromium and so on.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { browsers } from "./browsers.js";
import { bundle } from "./bundle.js";
import { lacksOf, places } from "./places.js";
import { runProgram, runtimes } from "./programs.js";
import { report, write } from "./report.js";
import { servers } from "./servers.js";
import { outcome, tests as own } from "./own.js";

const TIME_LIMIT = 300_000; // milliseconds, of one place
const AT_A_TIME = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: "boolean" },
    brief: { type: "boolean" },
    write: { type: "boolean" },
  },
});
const seed = process.env.LSHM_SEED ?? String(Date.now() >>> 0);
const wanted = (name) =>
  positionals.length === 0
    ? !(values.brief && name.startsWith("node-"))
    : positionals.includes(name);

/** The results of one place of a browser. */
async function runPlace(browser, urls, place) {
  const base = places[place].isolated === false ? urls.alone : urls.isolated;
  try {
    const tab = await browser.open(`${base}?${browser.name}&${place}&${seed}`);
    const { results, error } = await outcome(tab, TIME_LIMIT);
    return results ?? [{ name: place, outcome: "failed", reason: error }];
  } catch (error) {
    return [{ name: place, outcome: "failed", reason: error.stack }];
  }
}

/** The results of the tests that are for browsers alone. */
async function runOwn(browser, urls) {
  const results = [];
  for (const { name, body, lacks = {} } of own) {
    const reason = lacks[browser.name];
    if (reason !== undefined) {
      results.push({ name, outcome: "left out", reason });
      continue;
    }
    try {
      await body(browser, urls);
      results.push({ name, outcome: "passed" });
    } catch (error) {
      results.push({ name, outcome: "failed", reason: error.stack });
    }
  }
  return results;
}

/** Where a browser's brief run is: where it can start workers, best in one. */
const briefPlace = (name) =>
  ["worker", "page"].find((place) => !lacksOf(name, place).threads);

/** Starts a browser; once more where it did not come up, as on a busy machine. */
async function begin(name) {
  try {
    return await browsers[name]();
  } catch (error) {
    console.log(`${name} did not start: ${error.message}`);
    return browsers[name]();
  }
}

/** Runs something in a browser of its own: one that crashes takes nothing else along. */
async function runBrowser(name, work) {
  const browser = await begin(name);
  if (browser === null) return null;
  browser.name = name;
  try {
    return { version: browser.version, results: await work(browser) };
  } finally {
    await browser.close();
  }
}

/** All that runs in a browser. */
function browserJobs(name, urls) {
  const jobs = Object.entries(places)
    .filter(([place]) => !values.brief || place === briefPlace(name))
    .map(([place, { title }]) => ({
      runtime: name,
      place: title,
      run: () => runBrowser(name, (browser) => runPlace(browser, urls, place)),
    }));
  if (!values.brief)
    jobs.push({
      runtime: name,
      place: "pages of their own",
      run: () => runBrowser(name, (browser) => runOwn(browser, urls)),
    });
  return jobs;
}

const rows = [];
const missing = new Set();

/** Does the jobs in turn, several at a time: mostly they wait. */
async function runAll(jobs) {
  const left = jobs.entries();
  const next = async () => {
    for (const [i, { runtime, place, run }] of left) {
      const ran = missing.has(runtime) ? null : await run();
      if (ran === null) {
        missing.add(runtime);
      } else {
        rows[i] = { runtime, place, ...ran };
        report(rows[i]);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, next));
}

console.log(`LSHM_SEED=${seed}`);
const jobs = runtimes
  .filter(({ name }) => wanted(name))
  .map((runtime) => ({
    runtime: runtime.name,
    place: "",
    run: () => runProgram(runtime, seed, TIME_LIMIT),
  }));
const folder = mkdtempSync(join(tmpdir(), "lshm-browser-"));
try {
  await bundle(folder);
  const { urls, close } = await servers(folder);
  try {
    for (const name of Object.keys(browsers).filter(wanted))
      jobs.push(...browserJobs(name, urls));
    await runAll(jobs);
  } finally {
    await close();
  }
} finally {
  rmSync(folder, { recursive: true });
}
for (const name of missing) console.log(`left out: ${name} is not installed`);
if (values.write) await write(rows.filter(Boolean));
if (values.brief) console.log("left out: all else that `make platforms` runs");
const failed = rows.some(
  ({ results }) =>
    results.some(({ outcome }) => outcome === "failed") ||
    !results.some(({ outcome }) => outcome === "passed"),
);
if (failed || (values.all && missing.size > 0)) process.exitCode = 1;
