// The table of what ran where: on the terminal, and in docs/PLATFORMS.md.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./bundle.js";

const TITLES = {
  deno: "Deno",
  bun: "Bun",
  chromium: "Chromium",
  firefox: "Firefox ESR",
  webkit: "WebKitGTK",
};

const title = (name) => TITLES[name] ?? "Node";

const count = (results, wanted) =>
  results.filter(({ outcome }) => outcome === wanted).length;

/** Tells one row, and what failed. */
export function report({ runtime, version, place, results }) {
  const counts = ["passed", "failed", "left out"].map(
    (outcome) => `${count(results, outcome)} ${outcome}`,
  );
  console.log(`${title(runtime)} ${version} ${place}: ${counts.join(", ")}`);
  for (const { name, outcome, reason } of results)
    if (outcome === "failed") console.log(`  failed: ${name}\n${reason}`);
}

/** The tests that were left out, by reason, and by where. */
function leftOut(rows) {
  const byReason = new Map();
  for (const { runtime, place, results } of rows) {
    for (const { name, outcome, reason } of results) {
      if (outcome !== "left out") continue;
      const entry = byReason.get(reason) ?? { names: new Set(), at: new Set() };
      byReason.set(reason, entry);
      entry.names.add(name);
      entry.at.add(`${title(runtime)}${place && `, ${place}`}`);
    }
  }
  return byReason;
}

const line = (...cells) => `| ${cells.join(" | ")} |`;

/** Both tables, as Markdown. */
export function table(rows) {
  const lines = [
    line("runtime", "version", "where", "passed", "failed", "left out"),
    "|---|---|---|---|---|---|",
  ];
  for (const { runtime, version, place, results } of rows) {
    const counts = ["passed", "failed", "left out"].map((outcome) =>
      count(results, outcome),
    );
    lines.push(line(title(runtime), version, place, ...counts));
  }
  lines.push("", line("left out because", "where", "tests"), "|---|---|---|");
  for (const [reason, { names, at }] of leftOut(rows)) {
    lines.push(line(reason, [...at].join("; "), [...names].join("; ")));
  }
  return lines.join("\n");
}

/** Writes the tables into the documentation, between its marks. */
export function write(rows) {
  const path = join(root, "docs/PLATFORMS.md");
  const text = readFileSync(path, "utf8");
  const marks =
    /(<!-- results: written by make platforms -->\n)[^]*(<!-- end of results -->)/;
  if (!marks.test(text)) throw new Error(`${path}: no marks for the results`);
  writeFileSync(path, text.replace(marks, `$1\n${table(rows)}\n\n$2`));
}
