// How the demo tells: progress, columns and numbers.

import { stdout } from "node:process";

export const integer = (n) => n.toLocaleString("en-US");
export const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
export const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

/**
 * Shows how far a task is: a bar on a terminal, up to four lines elsewhere.
 * Returns the function that is told of the bytes done.
 */
export function showProgress(task, total) {
  const begin = performance.now();
  const step = total / (stdout.isTTY ? 100 : 4);
  let told = 0;
  return (done) => {
    const ended = done === total;
    if (told === total || (!ended && done < told + step)) return;
    told = done;
    const text = `${task.padEnd(20)} ${mebibytes(done)} of ${mebibytes(total)}`;
    if (stdout.isTTY) {
      const bar = "#".repeat(Math.floor((24 * done) / total)).padEnd(24, ".");
      stdout.write(`\r  [${bar}] ${text}${ended ? "\n" : ""}`);
    } else {
      console.log(`  ${text}, ${seconds(performance.now() - begin)}`);
    }
  };
}

/** Prints rows of strings in columns, the first of them aligned left, the others
 * right. The first row is a heading. */
function printTable([heading, ...rows]) {
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

/** The times: `runs` of a name and milliseconds, the second of one worker. */
export function printTimes(runs, words) {
  printTable([
    ["counted by", "time", "words", "against 1 worker"],
    ...runs.map(({ name, time }) => [
      name,
      seconds(time),
      `${(words / time / 1000).toFixed(1)} M/s`,
      `${(runs[1].time / time).toFixed(2)} x`,
    ]),
  ]);
}

/** What each worker did. */
export function printWorkers(workers) {
  printTable([
    ["worker", "pieces of text", "words", "new words", "races lost"],
    ...workers.map(({ thread, pieces, words, added, lost }) => [
      `thread ${thread}`,
      ...[pieces, words, added, lost].map(integer),
    ]),
  ]);
}

/** Heap statistics of several runs. */
export function printHeaps(runs) {
  const stats = runs.map(({ memory }) => memory.stats());
  const row = (name, key) => [name, ...stats.map((s) => integer(s[key]))];
  printTable([
    ["heap statistics", ...runs.map(({ name }) => name)],
    row("bytes it has", "committed"),
    row("bytes it may grow to", "maximum"),
    row("bytes in live blocks", "used"),
    row("bytes free", "free"),
    row("bytes of its own tables", "metadata"),
    row("largest free block", "largestFree"),
    row("live blocks", "blocks"),
    row("slabs of small blocks", "slabs"),
    row("spans, each a large block", "spans"),
    row("attached threads", "threads"),
  ]);
}

/** The first words of sorted lists: of the Map, the heap and the C process. */
export function printWords(lists, count) {
  const text = (word) => Buffer.from(word, "latin1").toString();
  const rows = lists[0]
    .slice(0, count)
    .map((_, i) => [
      text(lists.at(-1)[i][0]),
      ...lists.map((list) => integer(list[i][1])),
    ]);
  printTable([["word", "Map", "heap", "C process"], ...rows]);
}
