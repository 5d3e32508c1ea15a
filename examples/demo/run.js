// The demo: several workers count the words of a body of text in one hash table,
// all of it in one heap and without a lock. Then a C process opens the heap's
// image and reads the same table.
//
//     node examples/demo/run.js [--workers N] [--mib N] [--image FILE] [PATH...]

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import LocalSharedMemory from "localsharedmemory";
import { askC, compare, sorted } from "./agree.js";
import { bytesOf, countPlainly, openCorpus } from "./corpus.js";
import * as report from "./report.js";
import { countTogether } from "./together.js";

const { integer, mebibytes, seconds, showProgress } = report;
const TEXT = "/usr/share/common-licenses";
const SHOWN = 12;
const build =
  process.env.LSHM_BUILD ??
  fileURLToPath(new URL("../../build/release", import.meta.url));
const program = join(build, "examples/words");

/** A number from an option, within its range. */
function numberOption(name, text, least, most) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(
    `expected --${name}, a number from ${least} to ${most}, not ${text}`,
  );
}

function readArguments() {
  const cores = availableParallelism();
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      workers: {
        type: "string",
        default: `${Math.min(Math.max(cores, 2), 8)}`,
      },
      mib: { type: "string", default: "64" },
      image: { type: "string", default: join(build, "examples/words.heap") },
    },
  });
  return {
    cores,
    workers: numberOption("workers", values.workers, 2, 64),
    least: numberOption("mib", values.mib, 1, 4096) * 2 ** 20,
    image: resolve(values.image),
    paths: positionals.length > 0 ? positionals : [TEXT],
  };
}

/** Counts in each way. The first of the runs gives what is expected. */
async function count(corpus, workers) {
  const all = corpus.bytes * corpus.rounds;
  const runs = [{ name: "a Map, one thread" }];
  const [plain] = runs;
  const begin = performance.now();
  const counts = await countPlainly(corpus, showProgress(plain.name, all));
  plain.time = performance.now() - begin;
  plain.list = sorted(counts);
  for (const [n, name] of [
    [1, "one heap, 1 worker"],
    [workers, `one heap, ${workers} workers`],
  ]) {
    const show = showProgress(name, all);
    const progress = (taken) => show(bytesOf(corpus, taken));
    const run = await countTogether(corpus, n, progress);
    const list = sorted(run.table.entries());
    compare(name, list, plain.list);
    runs.push({ name, list, ...run });
  }
  return runs;
}

/** Lets the C program read the image of a heap. */
function readImage(memory, image) {
  mkdirSync(dirname(image), { recursive: true });
  writeFileSync(image, new Uint8Array(memory.image()));
  return askC(program, image);
}

async function main() {
  const { workers, cores, paths, least, image } = readArguments();
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: make builds it`);
  }
  const corpus = openCorpus(paths, least);
  const { files, skipped, bytes, rounds } = corpus;
  console.log(`LocalSharedMemory ${LocalSharedMemory.version}: \
one heap, ${workers} workers, one hash table, no lock

  ${paths.join(", ")}: ${integer(files.length)} files\
${skipped > 0 ? ` (and ${integer(skipped)} that are not text)` : ""}
  ${integer(bytes)} bytes, read ${rounds === 1 ? "once" : `${integer(rounds)} times`}: \
${mebibytes(bytes * rounds)}; ${cores} cores
`);
  const runs = await count(corpus, workers);
  const [plain, , several] = runs;
  const words = plain.list.reduce((sum, [, times]) => sum + times, 0);
  report.printTimes(runs, words);
  report.printWorkers(several.workers);
  report.printHeaps(runs.slice(1));
  const { blocks, freeBlocks, slabs, spans } = several.memory.check();
  console.log(`
  check(): healthy. Live blocks ${integer(blocks)}, free blocks \
${integer(freeBlocks)}, slabs ${integer(slabs)}, spans ${integer(spans)}`);

  const begin = performance.now();
  const list = readImage(several.memory, image);
  const time = performance.now() - begin;
  compare("the C process", list, plain.list);
  report.printWords([plain.list, several.list, list], SHOWN);
  console.log(`
  ${integer(words)} words, ${integer(list.length)} different ones. \
The Map, both heaps and the C process
  agree on each count. To write the heap's image and have C read it took \
${seconds(time)};
  it stays in ${relative(".", image)}`);
}

try {
  await main();
} catch (error) {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}
