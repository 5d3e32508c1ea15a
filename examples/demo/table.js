// One hash table that any number of threads fill at once, without a lock. All
// of it stands in the heap; table.h says how.

import { readFileSync } from "node:fs";

const header = readFileSync(new URL("table.h", import.meta.url), "utf8");
const [, name] = /#define TABLE_NAME "(.+?)"/.exec(header);
const field = Object.fromEntries(
  [...header.matchAll(/^\t([A-Z_]+) = (\d+),/gm)].map((m) => [m[1], +m[2]]),
);
const { TABLE_SIZE, TABLE_BUCKET } = field;
const { NODE_NEXT, NODE_HASH, NODE_COUNT, NODE_LENGTH, NODE_WORD, NODE_BYTES } =
  field;

/** Words are runs of ASCII letters and of bytes that are not ASCII. Gives the
 * lower-case byte of each such byte, and 0 for all others. */
const LETTER = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x41 && byte <= 0x5a) return byte + 0x20;
  return byte >= 0x80 || (byte >= 0x61 && byte <= 0x7a) ? byte : 0;
});
const HASH_START = 0x811c9dc5; // FNV-1a
const HASH_FACTOR = 0x01000193;
const RECENT = 1024;

export class Table {
  /** New words that this thread put in. */
  added = 0;
  /** Times that another thread changed the bucket first. */
  lost = 0;
  /** Nodes of words met recently, and what their counts still lack. */
  recent = new Uint32Array(RECENT);
  pending = new Uint32Array(RECENT);

  /** Makes a table, under its name, or opens the one that is there. */
  constructor(memory, buckets) {
    this.memory = memory;
    if (buckets !== undefined) {
      const table = memory.calloc(1, TABLE_BUCKET + 4 * buckets);
      memory.setUint32(table + TABLE_SIZE, buckets);
      memory.setName(name, table);
    }
    this.table = memory.getName(name);
    if (this.table === 0) throw new Error(`the heap has no "${name}"`);
    this.mask = memory.getUint32(this.table + TABLE_SIZE) - 1;
  }

  /** Counts the words of a text that stands in the heap; returns how many. Turns
   * them into lower case where they stand. */
  countText(text, length) {
    const bytes = this.memory.arrayView(Uint8Array, text, length);
    let words = 0;
    for (let i = 0; i < length; i++) {
      const start = i;
      let hash = HASH_START;
      for (let byte; i < length && (byte = LETTER[bytes[i]]) !== 0; i++) {
        bytes[i] = byte;
        hash = Math.imul(hash ^ byte, HASH_FACTOR);
      }
      if (i === start) continue;
      this.countWord(text + start, i - start, hash >>> 0);
      words++;
    }
    for (let slot = 0; slot < RECENT; slot++) this.settle(slot);
    return words;
  }

  /** Counts one word, whose bytes stand in the heap, among the recent ones: if
   * every "the" were added to its node at once, all threads would wait for one
   * cache line. */
  countWord(word, length, hash) {
    const slot = hash % RECENT;
    const node = this.recent[slot];
    if (node === 0 || !this.matches(node, word, length, hash)) {
      this.settle(slot);
      this.recent[slot] = this.enter(word, length, hash);
    }
    this.pending[slot]++;
  }

  /** Adds what was counted of a recent word to its node. */
  settle(slot) {
    if (this.pending[slot] === 0) return;
    const count = (this.recent[slot] + NODE_COUNT) / 4;
    this.memory.add(Uint32Array, count, this.pending[slot]);
    this.pending[slot] = 0;
  }

  /** The node of a word, which is put in if it was not there. */
  enter(word, length, hash) {
    const { memory } = this;
    const bucket = (this.table + TABLE_BUCKET) / 4 + (hash & this.mask);
    let first = memory.load(Uint32Array, bucket);
    let seen = 0; // from here on the list was searched before
    let node = 0;
    for (;;) {
      for (let at = first; at !== seen; at = memory.getUint32(at + NODE_NEXT)) {
        if (!this.matches(at, word, length, hash)) continue;
        if (node !== 0) this.freeNode(node);
        return at;
      }
      if (node === 0) node = this.makeNode(word, length, hash);
      // Nobody else knows the node before the compare-exchange publishes it.
      memory.setUint32(node + NODE_NEXT, first);
      const was = memory.compareExchange(Uint32Array, bucket, first, node);
      if (was === first) break;
      this.lost++;
      seen = first;
      first = was;
    }
    this.added++;
    return node;
  }

  /** Whether a node is that of a word. */
  matches(node, word, length, hash) {
    const { memory } = this;
    if (memory.getUint32(node + NODE_HASH) !== hash) return false;
    if (memory.getUint32(node + NODE_LENGTH) !== length) return false;
    const own = memory.getUint32(node + NODE_WORD);
    for (let i = 0; i < length; i++) {
      if (memory.getUint8(own + i) !== memory.getUint8(word + i)) return false;
    }
    return true;
  }

  makeNode(word, length, hash) {
    const { memory } = this;
    const node = memory.malloc(NODE_BYTES);
    const own = memory.malloc(length);
    memory.memcpy(own, word, length);
    memory.setUint32(node + NODE_HASH, hash);
    memory.setUint32(node + NODE_COUNT, 0);
    memory.setUint32(node + NODE_LENGTH, length);
    memory.setUint32(node + NODE_WORD, own);
    return node;
  }

  freeNode(node) {
    this.memory.free(this.memory.getUint32(node + NODE_WORD));
    this.memory.free(node);
  }

  /** The words, a character per byte, and how often each was met. */
  *entries() {
    const { memory } = this;
    for (let i = 0; i <= this.mask; i++) {
      let node = memory.getUint32(this.table + TABLE_BUCKET + 4 * i);
      for (; node !== 0; node = memory.getUint32(node + NODE_NEXT)) {
        const word = memory.getUint32(node + NODE_WORD);
        const length = memory.getUint32(node + NODE_LENGTH);
        const bytes = memory.arrayBuffer(word, length);
        yield [
          Buffer.from(bytes).toString("latin1"),
          memory.getUint32(node + NODE_COUNT),
        ];
      }
    }
  }
}
