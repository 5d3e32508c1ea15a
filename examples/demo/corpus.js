// The body of text: which files, cut into pieces, and the plain count of their
// words that everything else is checked against.

import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";

const PIECE = 1 << 20;
const LOOK = 4096;
const isLetter = (byte) =>
  byte >= 0x80 ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x61 && byte <= 0x7a);

/** The files of the paths, folders with all that is below, each file once. */
function listFiles(paths) {
  const files = new Set();
  const enter = (path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() && stat.size > 0) files.add(realpathSync(path));
    if (!stat?.isDirectory()) return;
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      // A link to a folder could lead in circles.
      const linked = entry.isSymbolicLink();
      const child = join(path, entry.name);
      if (!linked || statSync(child, { throwIfNoEntry: false })?.isFile()) {
        enter(child);
      }
    }
  };
  for (const path of paths) {
    statSync(path); // throws for one that is not there
    enter(path);
  }
  return [...files].sort();
}

/** Cuts a file into pieces between words; null for one that is no text. */
function cutFile(path) {
  const fd = openSync(path);
  try {
    const { size } = statSync(path);
    const look = new Uint8Array(LOOK);
    if (look.subarray(0, readSync(fd, look, 0, LOOK, 0)).includes(0))
      return null;
    const pieces = [];
    for (let start = 0, end; start < size; start = end) {
      for (end = Math.min(start + PIECE, size); end < size; end += LOOK) {
        const got = readSync(fd, look, 0, LOOK, end);
        const gap = look.subarray(0, got).findIndex((byte) => !isLetter(byte));
        if (gap >= 0) {
          end += gap;
          break;
        }
      }
      end = Math.min(end, size);
      pieces.push({ path, start, end });
    }
    return pieces;
  } finally {
    closeSync(fd);
  }
}

/**
 * The text below the paths, to be read as often as it takes to read `least`
 * bytes.
 */
export function openCorpus(paths, least) {
  const cut = listFiles(paths).map(cutFile);
  const texts = cut.filter((pieces) => pieces !== null);
  const pieces = texts.flat();
  const bytes = pieces.reduce((sum, { start, end }) => sum + end - start, 0);
  if (bytes === 0) throw new Error(`no text in ${paths.join(", ")}`);
  const rounds = Math.max(Math.ceil(least / bytes), 1);
  return {
    paths,
    files: texts.map(([{ path }]) => path),
    skipped: cut.length - texts.length,
    pieces,
    bytes,
    rounds,
    total: pieces.length * rounds,
  };
}

/** How many bytes the first `taken` pieces are. */
export function bytesOf({ pieces, bytes, total }, taken) {
  const done = Math.min(taken, total);
  const last = pieces.slice(0, done % pieces.length);
  const whole = Math.floor(done / pieces.length) * bytes;
  return last.reduce((sum, { start, end }) => sum + end - start, whole);
}

/**
 * Counts the words in one thread with nothing but strings and a Map; `progress`
 * hears of the bytes read. Words have a character per byte, as in the table.
 */
export async function countPlainly({ files, rounds }, progress) {
  const seen = new Map();
  let bytes = 0;
  const count = (text) => {
    for (const word of text.match(/[A-Za-z\x80-\xff]+/g) ?? []) {
      seen.set(word, (seen.get(word) ?? 0) + 1);
    }
  };
  for (let round = 0; round < rounds; round++) {
    for (const path of files) {
      let rest = "";
      const stream = createReadStream(path, {
        encoding: "latin1",
        highWaterMark: PIECE,
      });
      for await (const chunk of stream) {
        const text = rest + chunk;
        let end = text.length;
        while (end > 0 && isLetter(text.charCodeAt(end - 1))) end--;
        count(text.slice(0, end));
        rest = text.slice(end);
        bytes += chunk.length;
      }
      count(rest);
      progress(bytes);
    }
  }
  const counts = new Map();
  for (const [word, times] of seen) {
    const lower = word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    counts.set(lower, (counts.get(lower) ?? 0) + times);
  }
  return counts;
}
