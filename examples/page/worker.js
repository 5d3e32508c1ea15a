// A worker of the page: allocates, resizes and frees blocks of its own, and frees
// what the page allocated and put into the inbox. It works in batches of a few
// milliseconds, so that it hears the page, and is hardly ever between two.

import LocalSharedMemory from "../../index.js";
import { BLOCKS, BYTES, INBOX, OPERATIONS } from "./shared.js";

const BATCH_MS = 8;
const MOST_BYTES = 1.5 * 2 ** 20;

const next = new MessageChannel();
const blocks = []; // those of its own: { ptr, bytes, stamp }
let memory, counters, inbox;
let bytesHeld = 0;
let goal = MOST_BYTES / 2;
let paused = false;
let scheduled = false;

/** Mostly small ones, seldom large ones, as programs ask for. */
function randomSize() {
  const kind = Math.random();
  const most = kind < 0.9 ? 512 : kind < 0.995 ? 8192 : 131_072;
  return 2 + Math.floor(Math.random() * most);
}

/** Marks both ends of a block, to see that nobody else writes there. */
function stamp(block) {
  memory.setUint8(block.ptr, block.stamp);
  memory.setUint8(block.ptr + block.bytes - 1, block.stamp);
}

function verify({ ptr, bytes, stamp }) {
  if (
    memory.getUint8(ptr) !== stamp ||
    memory.getUint8(ptr + bytes - 1) !== stamp
  ) {
    throw new Error(`the block at ${ptr} was changed by somebody else`);
  }
}

function allocate() {
  const bytes = randomSize();
  const ptr = memory.tryMalloc(bytes);
  if (ptr === 0) {
    goal = bytesHeld / 2; // the heap is full: give back
    return;
  }
  const block = { ptr, bytes, stamp: Math.floor(Math.random() * 256) };
  stamp(block);
  blocks.push(block);
  bytesHeld += bytes;
}

function resize(block) {
  const bytes = randomSize();
  if (bytes > block.bytes && bytesHeld > goal) return;
  verify(block);
  try {
    block.ptr = memory.realloc(block.ptr, bytes);
  } catch (error) {
    if (error.code === "ERR_LSHM_NOMEM") return; // the block is as it was
    throw error;
  }
  bytesHeld += bytes - block.bytes;
  block.bytes = bytes;
  stamp(block);
}

function release(at) {
  const block = blocks[at];
  blocks[at] = blocks[blocks.length - 1];
  blocks.pop();
  verify(block);
  memory.free(block.ptr);
  bytesHeld -= block.bytes;
}

/**
 * Frees what the page allocated. Of two that reach for it one gets it; one that is
 * terminated with it in its hands takes it along.
 */
function readMail(slot) {
  const ptr = memory.exchange(Uint32Array, inbox + slot, 0);
  if (ptr === 0) return 0;
  if (!memory.getString(ptr).startsWith("mail")) throw new Error("lost mail");
  memory.free(ptr);
  return 1;
}

function step() {
  if (bytesHeld < goal && Math.random() < 0.55) allocate();
  else if (blocks.length > 0) {
    const at = Math.floor(Math.random() * blocks.length);
    if (Math.random() < 0.1) resize(blocks[at]);
    else release(at);
  }
  if (Math.random() < 0.0002) goal = (0.2 + 0.8 * Math.random()) * MOST_BYTES;
}

function batch() {
  scheduled = false;
  if (paused) return;
  let operations = 0;
  const end = performance.now() + BATCH_MS;
  while (performance.now() < end) {
    for (let i = 0; i < 100; i++) step();
    operations += 100 + readMail(Math.floor(Math.random() * INBOX));
  }
  memory.add(Uint32Array, counters + OPERATIONS, operations);
  memory.store(Uint32Array, counters + BLOCKS, blocks.length);
  memory.store(Uint32Array, counters + BYTES, bytesHeld);
  schedule();
}

function schedule() {
  if (!scheduled) next.port2.postMessage(null);
  scheduled = true;
}

next.port1.onmessage = batch;
onmessage = ({ data }) => {
  if (data.handle !== undefined) {
    memory = LocalSharedMemory.from(data.handle);
    counters = memory.index(Uint32Array, data.counters);
    inbox = memory.index(Uint32Array, data.inbox);
  }
  paused = data.paused;
  postMessage({ paused });
  if (!paused) schedule();
};
