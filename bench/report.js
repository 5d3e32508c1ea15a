// report.js - makes the tables of what run.js left: ratios of medians, and the
// goals of goals.json met or missed.
//
//   node bench/report.js [DIRECTORY]     makes them again from the results that
//                                        are there (bench/results by default)
//
// Reads raw.csv and machine.json and writes table.md beside them. In
// docs/BENCHMARKS.md it replaces what stands between the two marker lines.

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { judge } from "./goals.js";
import { digits, Medians, table } from "./numbers.js";
import { describeWorkers, rows, titles } from "./plan.js";

const columns = ["row", "allocator", "run", "value"];
const BEGIN = "<!-- results: written by make bench -->";
const END = "<!-- end of results -->";

export function writeResults(directory, machine, results) {
  const lines = results.map((each) =>
    columns.map((key) => each[key]).join(","),
  );
  writeFileSync(
    join(directory, "raw.csv"),
    `${[columns.join(","), ...lines].join("\n")}\n`,
  );
  writeFileSync(
    join(directory, "machine.json"),
    `${JSON.stringify(machine, null, 2)}\n`,
  );
}

function readResults(path) {
  const [head, ...lines] = readFileSync(path, "utf8").trim().split("\n");
  if (head !== columns.join(",")) {
    throw new Error(`${path}: expected ${columns.join(",")}, not ${head}`);
  }
  return lines.map((line) => {
    const [row, allocator, run, value] = line.split(",");
    return { row, allocator, run: Number(run), value: Number(value) };
  });
}

/** Some rows, one in a line, with every allocator and the ratio to it. */
export function printRows(wanted, results, unit) {
  const medians = new Medians(results);
  for (const { id, allocators } of wanted) {
    const [heap, ...peers] = allocators;
    const own = medians.of(id, heap);
    const others = peers.map((name) => {
      const other = medians.of(id, name);
      return `${name} ${digits(other)} (${digits(own / other)})`;
    });
    const cells = [
      `${id.padEnd(32)} ${heap} ${digits(own)} ${unit}`,
      ...others,
    ];
    console.log(cells.join("   "));
  }
}

/** The median of this heap and its range. */
function ownCell(medians, id, heap) {
  const [least, most] = medians.range(id, heap);
  return `**${digits(medians.of(id, heap))}** (${digits(least)}-${digits(most)})`;
}

/** The median of another and this heap's share of it. */
function peerCell(medians, id, heap, name) {
  if (!medians.has(id, name)) return "";
  const other = medians.of(id, name);
  return `${digits(other)} → ${digits(medians.of(id, heap) / other)}`;
}

/** The rows of one host and mode. */
function section(medians, host, mode) {
  const chosen = rows.filter(
    (row) =>
      row.host === host &&
      row.mode === mode &&
      medians.has(row.id, row.allocators[0]),
  );
  const [heap, ...peers] = new Set(chosen.flatMap((each) => each.allocators));
  return table(
    ["load", "workers", titles[heap], ...peers.map((name) => titles[name])],
    chosen.map((row) => [
      row.load,
      describeWorkers(row),
      ownCell(medians, row.id, heap),
      ...peers.map((name) => peerCell(medians, row.id, heap, name)),
    ]),
  );
}

/** Where another allocator is ahead: by how much, and which is best. */
function behind(medians) {
  const found = [];
  for (const row of rows) {
    const [heap, ...peers] = row.allocators;
    if (!medians.has(row.id, heap)) continue;
    const ratios = peers
      .map((name) => ({
        name,
        ratio: medians.of(row.id, heap) / medians.of(row.id, name),
      }))
      .filter(({ ratio }) => ratio > 1)
      .sort((a, b) => b.ratio - a.ratio)
      .map(({ name, ratio }) => `${digits(ratio)} times ${titles[name]}`);
    if (ratios.length > 0) found.push(`- ${row.id}: ${ratios.join(", ")}`);
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

function goalTable(medians) {
  return table(
    ["goal", "measured", ""],
    judge(medians).map(({ title, measured, met }) => [
      title,
      measured,
      met ? "met" : "**missed**",
    ]),
  );
}

/** Writes table.md into the directory, and into `page` if given; prints it. */
export function report(directory, page = undefined) {
  const medians = new Medians(readResults(join(directory, "raw.csv")));
  const machine = JSON.parse(
    readFileSync(join(directory, "machine.json"), "utf8"),
  );
  const text = [
    ...["### Machine", describe(machine)],
    ...["### Goals", goalTable(medians)],
    ...["### Native: nanoseconds", section(medians, "native", "time")],
    ...[
      "### Native: 99.9th percentile of one operation, nanoseconds",
      section(medians, "native", "latency"),
    ],
    ...[
      "### Native: memory taken over payload, peaks",
      section(medians, "native", "space"),
    ],
    ...["### JavaScript: nanoseconds", section(medians, "javascript", "time")],
    ...["### Where others are ahead", behind(medians)],
  ].join("\n\n");
  writeFileSync(join(directory, "table.md"), `${text}\n`);
  if (page !== undefined) replaceResults(page, text);
  console.log(text);
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
  report(directory, directory === results ? page : undefined);
}
