// report.js - makes the tables of what run.js left: ratios of medians, and the
// goals of goals.json met or missed.
//
//   node bench/report.js [DIRECTORY]     makes them again from the results that
//                                        are there (bench/results by default)
//
// Reads raw.csv and machine.json and writes table.md and the plots beside them. In
// docs/BENCHMARKS.md it replaces what stands between the two marker lines.

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { judge } from "./goals.js";
import { digits, Medians, table } from "./numbers.js";
import { plot } from "./plots.js";
import { describeWorkers, rows, tables, titles, units } from "./plan.js";

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

/** Of a row's numbers. */
function unitOf({ host, mode, load }) {
  if (host === "program") return "ms";
  if (mode === "heap") return units[load];
  return mode === "space" ? "times the payload" : "ns";
}

/** Some rows, one in a line, with every allocator and the ratio to it. */
export function printRows(wanted, results, unit = undefined) {
  const medians = new Medians(results);
  for (const row of wanted) {
    const [heap, ...peers] = row.allocators;
    if (!medians.has(row.id, heap)) continue;
    const own = medians.of(row.id, heap);
    const measured = peers.filter((name) => medians.has(row.id, name));
    const others = measured.map((name) => {
      const other = medians.of(row.id, name);
      return `${name} ${digits(other)} (${digits(own / other)})`;
    });
    const first = `${row.id.padEnd(32)} ${heap} ${digits(own)}`;
    console.log([`${first} ${unit ?? unitOf(row)}`, ...others].join("   "));
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

/** The name of a row in its table. */
function nameOf({ load, mode, options }) {
  if (mode === "heap") return `${load}: ${units[load]}`;
  return options.heaps === undefined ? load : `${options.heaps} heaps`;
}

function section(medians, { title, rows: all }) {
  const chosen = all.filter((row) => medians.has(row.id, row.allocators[0]));
  const [heap, ...peers] = new Set(chosen.flatMap((each) => each.allocators));
  if (heap === undefined) return [];
  const lines = chosen.map((row) => [
    nameOf(row),
    describeWorkers(row),
    ownCell(medians, row.id, heap),
    ...peers.map((name) => peerCell(medians, row.id, heap, name)),
  ]);
  const head = ["load", "workers", titles[heap]];
  const names = peers.map((name) => titles[name]);
  return [`### ${title}`, table([...head, ...names], lines)];
}

const ownKinds = ["adopted", "grown"]; // of this heap

/** Where another allocator is ahead: by how much, and which is best. */
function behind(medians) {
  const found = [];
  for (const row of rows) {
    const [heap, ...peers] = row.allocators;
    if (!medians.has(row.id, heap)) continue;
    const ratios = peers
      .filter((name) => !ownKinds.includes(name) && medians.has(row.id, name))
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

/**
 * The goals by all runs, and by each third of them, one after the other: whether
 * three measurements in a row agree.
 */
function goalTable(results, medians) {
  const runs = Math.max(...results.map(({ run }) => run));
  const thirds = [0, 1, 2].map((third) =>
    judge(
      new Medians(
        results.filter(
          ({ run }) => Math.floor((3 * (run - 1)) / runs) === third,
        ),
      ),
    ),
  );
  const agree = (goal, i) => {
    const met = thirds.filter((each) => each[i].met).length;
    return met === (goal.met ? 3 : 0) ? "yes" : `met in ${met} of 3`;
  };
  return table(
    ["goal", "measured", "", "alike in each third of the runs"],
    judge(medians).map((goal, i) => [
      goal.title,
      goal.measured,
      goal.met ? "met" : "**missed**",
      runs < 3 ? "" : agree(goal, i),
    ]),
  );
}

/** Where the plots stand, seen from `from`. */
function plotList(drawn, from) {
  return drawn
    .map(({ name, title }) => `![${title}](${from}${name}.svg)`)
    .join("\n\n");
}

/**
 * Writes table.md and the plots into the directory, and the same into `page` if
 * given; prints the tables.
 */
export async function report(directory, page = undefined) {
  const results = readResults(join(directory, "raw.csv"));
  const medians = new Medians(results);
  const machine = JSON.parse(
    readFileSync(join(directory, "machine.json"), "utf8"),
  );
  const text = [
    ...["### Machine", describe(machine)],
    ...["### Goals", goalTable(results, medians)],
    ...tables.flatMap((each) => section(medians, each)),
    ...["### Where others are ahead", behind(medians)],
  ].join("\n\n");
  console.log(text);
  const drawn = await plot(directory, medians);
  const withPlots = (from) =>
    drawn.length === 0
      ? text
      : [text, "### How cost grows", plotList(drawn, from)].join("\n\n");
  writeFileSync(join(directory, "table.md"), `${withPlots("")}\n`);
  if (page !== undefined) replaceResults(page, withPlots("../bench/results/"));
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
  await report(directory, directory === results ? page : undefined);
}
