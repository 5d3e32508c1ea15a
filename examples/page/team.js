// The workers: started, paused, terminated, and what they held reaped.

import { BLOCKS, BYTES, COUNTERS, INBOX, OPERATIONS } from "./shared.js";

export class Team {
  #memory;
  #inbox;
  #started = 0;
  paused = false;
  /** @type {Map<number, object>} the running ones, by thread */
  members = new Map();

  /**
   * @param {LocalSharedMemory} memory
   * @param {object} tell what is called when a worker fails, or is gone
   */
  constructor(memory, tell) {
    this.#memory = memory;
    this.#inbox = memory.calloc(INBOX, 4);
    this.tell = tell;
  }

  add() {
    const memory = this.#memory;
    const handle = memory.handle();
    const { thread } = handle;
    const counters = memory.calloc(COUNTERS, 4);
    const worker = new Worker(new URL("worker.js", import.meta.url), {
      type: "module",
      name: `worker ${++this.#started}`,
    });
    const member = { name: `Worker ${this.#started}`, thread, worker };
    member.words = memory.index(Uint32Array, counters);
    member.failed = new Promise((resolve) => {
      worker.onerror = (event) => {
        event.preventDefault();
        this.terminate(member); // its blocks come back as those of any other
        resolve(event.message || "it could not be loaded");
      };
    });
    member.failed.then((why) => this.tell.failed(member, why));
    // Settles when the worker is proven to have ended, in whichever way.
    member.ended = memory.watch(worker, thread, { free: true });
    member.ended.then(
      (remains) => {
        memory.free(counters);
        this.members.delete(thread);
        this.tell.ended(member, remains);
      },
      (error) => this.tell.failed(member, error.message),
    );
    this.members.set(thread, member);
    worker.postMessage({
      handle,
      counters,
      inbox: this.#inbox,
      paused: this.paused,
    });
    return member;
  }

  terminate(member) {
    member.terminated = performance.now();
    member.worker.terminate();
  }

  /** Resolves when all workers have heard it. */
  pause(paused) {
    this.paused = paused;
    const heard = [...this.members.values()].map(({ worker, ended }) => {
      const answer = new Promise((resolve) => {
        worker.addEventListener("message", function listen({ data }) {
          if (data.paused !== paused) return;
          worker.removeEventListener("message", listen);
          resolve();
        });
      });
      worker.postMessage({ paused });
      return Promise.race([answer, ended]);
    });
    return Promise.all(heard);
  }

  /** Puts strings where workers find and free them; how many. */
  sendMail() {
    const memory = this.#memory;
    const first = memory.index(Uint32Array, this.#inbox);
    let sent = 0;
    for (let slot = 0; slot < INBOX && !this.paused; slot++) {
      if (memory.load(Uint32Array, first + slot) !== 0) continue;
      memory.store(Uint32Array, first + slot, memory.string(`mail ${slot}`));
      sent++;
    }
    return sent;
  }

  /** What a worker's counters say. */
  count({ words }) {
    const load = (i) => this.#memory.load(Uint32Array, words + i);
    return {
      operations: load(OPERATIONS),
      blocks: load(BLOCKS),
      bytes: load(BYTES),
    };
  }
}
