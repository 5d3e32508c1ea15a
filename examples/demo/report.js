// How the demo tells: columns, numbers, and progress.

import { stdout } from "node:process";

export const integer = (n) => n.toLocaleString("en-US");
export const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
export const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

/** Prints rows of strings in columns, the first of them aligned left, the others
 * right. The first row is a heading. */
export function printTable([heading, ...rows]) {
  const widths = heading.map((_, column) =>
    Math.max(...[heading, ...rows].map((row) => row[column].length)),
  );
  const line = (row) =>
    row
      .map((text, i) => text[i === 0 ? "padEnd" : "padStart"](widths[i]))
      .join("   ")
      .trimEnd();
  console.log(`\n  ${line(heading)}`);
  console.log(`  ${widths.map((width) => "-".repeat(width)).join("   ")}`);
  for (const row of rows) console.log(`  ${line(row)}`);
}

/**
 * Shows how far a task is: a bar on a terminal, four lines elsewhere. Returns
 * the function that is told.
 */
export function showProgress(task, total) {
  const begin = performance.now();
  let told = 0;
  return (done) => {
    const part = Math.min(done / total, 1);
    const text = `${mebibytes(done)} of ${mebibytes(total)}`;
    if (stdout.isTTY) {
      const bar = "#".repeat(Math.floor(part * 24)).padEnd(24, ".");
      const end = part === 1 ? "\n" : "";
      if (told < 1) stdout.write(`\r  ${task.padEnd(24)} [${bar}] ${text}${end}`);
      told = part;
    } else if (part === 1 ? told < 1 : part >= told + 0.25) {
      told = part;
      const time = seconds(performance.now() - begin);
      console.log(`  ${task.padEnd(24)} ${text}, ${time}`);
    }
  };
}
