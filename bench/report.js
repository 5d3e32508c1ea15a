// report.js - makes the table of what run.js left: ratios of medians.
//
//   node bench/report.js [DIRECTORY]     makes it again from the results that
//                                        are there (bench/results by default)
//
// Reads raw.csv and machine.json and writes table.md beside them. In
// docs/BENCHMARKS.md it replaces what stands between the two marker lines.

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { comparisons, describeWorkers, titles } from "./plan.js";

/** Of raw.csv. */
export const columns = [
  ...["host", "load", "worker", "workers", "allocator", "run"],
  ...["operations", "nanoseconds"],
];

const BEGIN = "<!-- results: written by make bench -->";
const END = "<!-- end of results -->";

function readRows(path) {
  const [head, ...lines] = readFileSync(path, "utf8").trim().split("\n");
  if (head !== columns.join(",")) {
    throw new Error(`${path}: expected ${columns.join(",")}, not ${head}`);
  }
  return lines.map((line) => {
    const cells = line.split(",");
    return Object.fromEntries(columns.map((key, i) => [key, cells[i]]));
  });
}

/** The times of one operation, in nanoseconds, in order; empty if not run. */
function timesOf(rows, comparison, allocator) {
  const wanted = { ...comparison, allocator };
  const keys = ["host", "load", "worker", "workers", "allocator"];
  return rows
    .filter((row) => keys.every((key) => row[key] === String(wanted[key])))
    .map((row) => Number(row.nanoseconds) / Number(row.operations))
    .sort((a, b) => a - b);
}

function median(sorted) {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Three digits: a run repeats no more. */
function digits(value) {
  if (value >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}

/** The median of this heap and its range. */
function ownCell(times) {
  const [least, most] = [times[0], times[times.length - 1]];
  return `**${digits(median(times))}** (${digits(least)}-${digits(most)})`;
}

/** The median of another and this heap's share of it. */
function peerCell(own, times) {
  if (times.length === 0) return "";
  return `${digits(median(times))} → ${digits(median(own) / median(times))}`;
}

function line(cells) {
  return `| ${cells.join(" | ")} |`;
}

/** One host's table. The last column is the same load by one worker of ours. */
function table(rows, host) {
  const chosen = comparisons.filter((comparison) => comparison.host === host);
  const [heap, ...peers] = new Set(chosen.flatMap((each) => each.allocators));
  const head = [
    "load",
    "workers",
    titles[heap],
    ...peers.map((name) => titles[name]),
  ];
  const lines = [
    line([...head, "one worker"]),
    line([...head, ""].map(() => "---")),
  ];
  for (const comparison of chosen) {
    const own = timesOf(rows, comparison, heap);
    if (own.length === 0) throw new Error(`no results for ${comparison.load}`);
    const alone =
      comparison.workers === 1
        ? []
        : timesOf(rows, { ...comparison, worker: "thread", workers: 1 }, heap);
    lines.push(
      line([
        ...[comparison.load, describeWorkers(comparison), ownCell(own)],
        ...peers.map((name) => peerCell(own, timesOf(rows, comparison, name))),
        peerCell(own, alone),
      ]),
    );
  }
  return lines.join("\n");
}

/** Where another allocator is faster: by how much, and which is best. */
function behind(rows) {
  const found = [];
  for (const comparison of comparisons) {
    const [heap, ...peers] = comparison.allocators;
    const own = median(timesOf(rows, comparison, heap));
    const faster = peers
      .map((name) => ({ name, time: median(timesOf(rows, comparison, name)) }))
      .filter(({ time }) => time < own)
      .sort((a, b) => a.time - b.time)
      .map(
        ({ name, time }) =>
          `${digits(own / time)} times the time of ${titles[name]}`,
      );
    if (faster.length === 0) continue;
    const { host, load } = comparison;
    found.push(
      `- ${host}, ${load}, ${describeWorkers(comparison)}: ${faster.join(", ")}`,
    );
  }
  return found.length === 0 ? "Nowhere in this run." : found.join("\n");
}

function describe(machine) {
  const versions = Object.entries(machine.versions)
    .map(([name, version]) => `${titles[name]} ${version}`)
    .join(", ");
  return [
    `- ${machine.date}: ${machine.processor}, ${machine.cores} cores, ${machine.memory}; ` +
      `${machine.system}`,
    `- ${machine.compiler}; Node ${machine.node}`,
    `- ${versions}`,
    `- ${machine.runs} runs, each ${machine.timed} ms after ${machine.warm} ms of ` +
      `warming up; seed ${machine.seed}; load average at the start ${machine.busy}`,
  ].join("\n");
}

/** Writes table.md into the directory, and into `page` if given; returns it. */
export function report(directory, page = undefined) {
  const rows = readRows(join(directory, "raw.csv"));
  const machine = JSON.parse(
    readFileSync(join(directory, "machine.json"), "utf8"),
  );
  const text = [
    ...["### Machine", describe(machine)],
    ...["### Native", table(rows, "native")],
    ...["### JavaScript", table(rows, "javascript")],
    ...["### Where others are faster", behind(rows)],
  ].join("\n\n");
  writeFileSync(join(directory, "table.md"), `${text}\n`);
  if (page !== undefined) replaceResults(page, text);
  return text;
}

function replaceResults(page, text) {
  const old = readFileSync(page, "utf8");
  const [begin, end] = [old.indexOf(BEGIN), old.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(`${page}: expected the lines ${BEGIN} and ${END}`);
  }
  const before = old.slice(0, begin + BEGIN.length);
  writeFileSync(page, `${before}\n\n${text}\n\n${old.slice(end)}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const results = fileURLToPath(new URL("results", import.meta.url));
  const directory = resolve(process.argv[2] ?? results);
  const page = fileURLToPath(new URL("../docs/BENCHMARKS.md", import.meta.url));
  console.log(report(directory, directory === results ? page : undefined));
}
