// A worker: takes pieces of the text until there are none, reads each into a
// block of the heap, counts its words there and frees the block.

import { closeSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import LocalSharedMemory from "localsharedmemory";
import { Table } from "./table.js";

const { handle, pieces, total, control } = workerData;
const memory = LocalSharedMemory.from(handle);
const table = new Table(memory);
const go = memory.index(Int32Array, control);
const next = memory.index(Uint32Array, control + 4);

/** Reads a piece into a new block. */
function read({ path, start, end }) {
  const text = memory.malloc(end - start);
  const view = memory.arrayView(Uint8Array, text);
  const fd = openSync(path);
  try {
    for (let got = 0; got < view.length;) {
      const bytes = readSync(fd, view, got, view.length - got, start + got);
      if (bytes === 0) throw new Error(`${path} has become shorter`);
      got += bytes;
    }
  } finally {
    closeSync(fd);
  }
  return text;
}

parentPort.postMessage("ready");
memory.wait(Int32Array, go, 0);
let words = 0;
let taken = 0;
for (;;) {
  const i = memory.add(Uint32Array, next, 1);
  if (i >= total) break;
  const piece = pieces[i % pieces.length];
  const text = read(piece);
  words += table.countText(text, piece.end - piece.start);
  memory.free(text);
  taken++;
}
parentPort.postMessage({
  thread: memory.thread,
  pieces: taken,
  words,
  added: table.added,
  lost: table.lost,
});
