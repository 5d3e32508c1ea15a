// The demo: several workers index a body of text into one hash table, all in one
// heap and without a lock; then a C process reads the table from the heap's
// image.
//
//     node examples/demo/run.js [--workers N] [--mib N] [--image FILE] [PATH...]

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import LocalSharedMemory from "localsharedmemory";
import { bytesOf, countPlainly, openCorpus } from "./corpus.js";
import { integer, mebibytes, printTable, seconds, showProgress } from "./report.js";
import { countTogether } from "./together.js";

const SHOWN = 12;
const build =
  process.env.LSHM_BUILD ??
  fileURLToPath(new URL("../../build/release", import.meta.url));

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      workers: { type: "string" },
      mib: { type: "string", default: "64" },
      image: { type: "string", default: join(build, "examples/words.heap") },
    },
  });
  const cores = availableParallelism();
  const workers = Number(values.workers ?? Math.min(Math.max(cores, 2), 8));
  const mib = Number(values.mib);
  if (!Number.isInteger(workers) || workers < 2 || workers > 64) {
    throw new Error(`expected --workers from 2 to 64, not ${values.workers}`);
  }
  if (!(mib >= 0 && mib <= 4096)) {
    throw new Error(`expected --mib from 0 to 4096, not ${values.mib}`);
  }
  const paths = positionals.length > 0 ? positionals : ["/usr/share/common-licenses"];
  return { workers, cores, paths, least: mib * 2 ** 20, image: resolve(values.image) };
}

/** Most frequent first, then by the bytes: as words.c sorts. */
const sorted = (counts) =>
  [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));

/** Fails unless two lists of words and counts are the same. */
function compare(name, list, expected) {
  const wrong = expected.findIndex(
    ([word, count], i) => list[i]?.[0] !== word || list[i][1] !== count,
  );
  if (wrong < 0 && list.length === expected.length) return;
  const at = wrong < 0 ? expected.length : wrong;
  throw new Error(
    `${name} differs from the plain count in line ${at + 1}: expected ${expected[at]}, not ${list[at]}`,
  );
}

/** What the C program finds in the image. */
function askC(image) {
  const program = join(build, "examples/words");
  const output = execFileSync(program, [image, "0"], {
    encoding: "latin1",
    maxBuffer: 2 ** 30,
  });
  const lines = output.split("\n").slice(0, -1);
  return lines.map((line) => {
    const [count, word] = line.split("\t");
    return [word, Number(count)];
  });
}

function printWords(lists) {
  const text = (word) => Buffer.from(word, "latin1").toString();
  const rows = lists[0].slice(0, SHOWN).map((_, i) => [
    text(lists[2][i][0]),
    ...lists.map((list) => integer(list[i][1])),
  ]);
  printTable([["word", "Map", "heap", "C process"], ...rows]);
}

function printHeaps(runs) {
  const stats = runs.map(({ memory }) => memory.stats());
  const row = (name, key, unit) => [name, ...stats.map((s) => unit(s[key]))];
  printTable([
    ["heap", ...runs.map(({ name }) => name)],
    row("memory, grown to", "committed", mebibytes),
    row("in live blocks", "used", integer),
    row("free", "free", integer),
    row("largest free block", "largestFree", integer),
    row("the heap's own tables", "metadata", integer),
    row("live blocks", "blocks", integer),
    row("slabs of small blocks", "slabs", integer),
    row("spans (large blocks)", "spans", integer),
    row("attached threads", "threads", integer),
  ]);
}

async function main() {
  const { workers, cores, paths, least, image } = readArguments();
  const corpus = openCorpus(paths, least);
  const all = corpus.bytes * corpus.rounds;
  const skipped = corpus.skipped > 0 ? ` (${corpus.skipped} skipped: not text)` : "";
  console.log(`LocalSharedMemory ${LocalSharedMemory.version}: one heap, one hash table, no lock
  ${paths.join(", ")}: ${integer(corpus.files.length)} files${skipped}
  ${integer(corpus.bytes)} bytes, read ${integer(corpus.rounds)} times: ${mebibytes(all)}\n`);

  let begin = performance.now();
  const plain = await countPlainly(corpus, showProgress("a Map, one thread", all));
  const plainTime = performance.now() - begin;
  const expected = sorted(plain);

  const runs = [];
  for (const count of [1, workers]) {
    const name = count === 1 ? "1 worker" : `${count} workers`;
    const show = showProgress(`one heap, ${name}`, all);
    const progress = (taken) => show(bytesOf(corpus, taken));
    runs.push({ name, ...(await countTogether(corpus, count, progress)) });
    compare(name, sorted(runs.at(-1).table.entries()), expected);
  }
  const [one, several] = runs;

  const words = expected.reduce((sum, [, count]) => sum + count, 0);
  const rate = (ms) => `${(words / ms / 1000).toFixed(1)} M/s`;
  const times = (ms) => `${(one.time / ms).toFixed(2)}`;
  printTable([
    ["counted by", "time", "words", "times 1 worker"],
    ["a Map, one thread", seconds(plainTime), rate(plainTime), times(plainTime)],
    ...runs.map(({ name, time }) => [`one heap, ${name}`, seconds(time), rate(time), times(time)]),
  ]);
  console.log(`  (${cores} cores)`);
  printTable([
    ["worker", "pieces", "words", "new words", "races lost"],
    ...several.workers.map(({ thread, pieces, words, added, lost }) =>
      [`thread ${thread}`, ...[pieces, words, added, lost].map(integer)],
    ),
  ]);
  printHeaps(runs);
  const { blocks, freeBlocks, slabs, spans } = several.memory.check();
  console.log(
    `\n  check(): healthy; ${integer(blocks)} live and ${integer(freeBlocks)} free blocks in ${slabs} slabs and ${spans} spans`,
  );

  mkdirSync(dirname(image), { recursive: true });
  writeFileSync(image, new Uint8Array(several.memory.image()));
  begin = performance.now();
  const fromC = askC(image);
  const cTime = performance.now() - begin;
  compare("the C process", fromC, expected);
  printWords([expected, sorted(several.table.entries()), fromC]);
  console.log(`
  ${integer(words)} words, ${integer(expected.length)} different ones: the Map, both heaps and the C process agree
  on every one. The C process took ${seconds(cTime)} for the image, which stays in
  ${image}`);
}

try {
  await main();
} catch (error) {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}
