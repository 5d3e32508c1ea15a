// The page: makes the heap, starts who works in it, and shows what goes on.

import LocalSharedMemory from "../../index.js";
import { watch } from "../../inspect.js";
import { Queens } from "./queens.js";
import { Team } from "./team.js";

const HEAP_BASE = 65536; // below stand the C module's static data and stack
const MOST_WORKERS = 6;
const QUEENS = 12;
const SHOWN = 30; // lines of the log

const byId = (id) => document.getElementById(id);
const integer = (n) => Math.round(n).toLocaleString("en-US");
const { format: compact } = new Intl.NumberFormat("en-US", {
  notation: "compact",
  maximumFractionDigits: 1,
});
const plural = (n, word) => `${integer(n)} ${word}${n === 1 ? "" : "s"}`;

function size(bytes) {
  if (bytes < 2 ** 20) return `${integer(bytes / 1024)} KiB`;
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function log(text, failed = false) {
  const entry = document.createElement("li");
  entry.textContent = text;
  entry.className = failed ? "failed" : "";
  byId("log").prepend(entry);
  while (byId("log").children.length > SHOWN) byId("log").lastChild.remove();
}

/** Runs what a button asks for, once at a time. */
function onClick(id, action) {
  const button = byId(id);
  button.disabled = false;
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true"); // it keeps the focus
    try {
      await action(button);
    } catch (error) {
      log(`${button.textContent}: ${error.message}`, true);
    }
    button.removeAttribute("aria-disabled");
  });
}

const ISOLATION = `This page is not cross-origin isolated, so the browser shares \
no memory between its threads. Whoever serves it has to send two headers: \
Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: \
require-corp. “make page” does.`;

// --- the table of threads ----------------------------------------------------

class Table {
  #rows = new Map();

  /** @param {number} thread @param {string} name @param {() => void} [terminate] */
  add(thread, name, terminate) {
    const row = byId("threads").insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    const number = document.createElement("small");
    number.textContent = `thread ${thread}`;
    head.append(name, " ", number);
    row.append(head);
    const cells = [0, 1, 2].map(() => row.insertCell());
    for (const cell of cells) cell.className = "number";
    const last = row.insertCell();
    if (terminate !== undefined) {
      const button = document.createElement("button");
      button.textContent = "Terminate";
      button.setAttribute("aria-label", `Terminate ${name}`);
      button.addEventListener("click", terminate);
      last.append(button);
    }
    this.#rows.set(thread, { row, cells, last, operations: 0 });
  }

  /** Shows a thread's numbers; gives its operations since the last time. */
  update(thread, { operations, blocks, bytes }, seconds) {
    const shown = this.#rows.get(thread);
    const done = (operations - shown.operations) >>> 0;
    shown.operations = operations;
    const texts = [compact(done / seconds), integer(blocks), size(bytes)];
    shown.cells.forEach((cell, i) => (cell.textContent = texts[i]));
    return done;
  }

  /** Says how a thread ended; its row stays for a while, to be read. */
  end(thread, text) {
    const { row, cells, last } = this.#rows.get(thread);
    this.#rows.delete(thread);
    const had = last.contains(document.activeElement);
    row.className = "ended";
    for (const cell of cells) cell.textContent = "–";
    last.textContent = text;
    setTimeout(() => row.remove(), 5000);
    if (had) (byId("threads").querySelector("button") ?? byId("add")).focus();
  }
}

// --- the page ----------------------------------------------------------------

class Page {
  constructor() {
    this.memory = new LocalSharedMemory({
      initial: 128, // 8 MiB, and no more: the map keeps its size
      heapBase: HEAP_BASE,
    });
    this.table = new Table();
    this.team = new Team(this.memory, {
      failed: ({ name }, why) => log(`${name} failed: ${why}`, true),
      ended: (member, remains) => this.#ended(member, remains),
    });
    this.operations = 0; // of this page
    this.asked = false; // to pause, by the user
    this.table.add(this.memory.thread, "This page");
    this.last = performance.now();
  }

  addWorker() {
    if (this.team.members.size === MOST_WORKERS) {
      log(`${MOST_WORKERS} workers are enough for one page`);
      return;
    }
    const member = this.team.add();
    const terminate = () => this.team.terminate(member);
    this.table.add(member.thread, member.name, terminate);
    log(`${member.name} began, as thread ${member.thread} of the heap`);
  }

  #ended({ name, thread, terminated }, { blocks, bytes }) {
    const late = Math.round(performance.now() - terminated);
    const back = `${plural(blocks, "block")}, ${size(bytes)}`;
    this.table.end(thread, `back after ${late} ms`);
    log(
      `${name} was terminated in mid-work. Its memory was back after ` +
        `${late} ms: ${back}`,
    );
  }

  /** Paused by the button, or while nobody sees the page. */
  pause() {
    return this.team.pause(this.asked || document.hidden);
  }

  async save() {
    const was = this.team.paused;
    await this.team.pause(true); // so that it is of one instant
    let image, blocks;
    try {
      image = this.memory.image();
      ({ blocks } = this.memory.check());
    } finally {
      await this.team.pause(was);
    }
    const url = URL.createObjectURL(new Blob([image]));
    const link = document.createElement("a");
    link.href = url;
    link.download = "heap.lshm";
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    log(
      `Saved heap.lshm: ${size(image.byteLength)}, ${plural(blocks, "live block")}`,
    );
  }

  async runQueens(button) {
    const begin = performance.now();
    await this.queens.solve(QUEENS);
    const time = Math.round(performance.now() - begin);
    log(
      `Two threads of the C module searched the ways to place ${QUEENS} queens ` +
        `for ${integer(time)} ms. Each solution is a block from C's malloc`,
    );
    await new Promise((resolve) => setTimeout(resolve, 1000)); // to be looked at
    button.dataset.solutions = await this.queens.freeAll(() => {
      this.operations++;
    });
    const count = integer(Number(button.dataset.solutions));
    log(`This page freed the ${count} solutions that C had allocated`);
  }

  check() {
    const begin = performance.now();
    const { blocks, freeBlocks, slabs, spans } = this.memory.check();
    const time = (performance.now() - begin).toFixed(1);
    log(
      `Healthy, checked in ${time} ms while the others worked: ` +
        `${plural(blocks, "live block")}, ${integer(freeBlocks)} free ones, ` +
        `${plural(slabs, "slab")}, ${plural(spans, "span")}`,
    );
  }

  showNumbers() {
    const now = performance.now();
    const seconds = (now - this.last) / 1000;
    this.last = now;
    const { used, free, blocks, byThread } = this.memory.stats();
    const { thread } = this.memory;
    const own = byThread.find((entry) => entry.thread === thread);
    const counts = { blocks: own?.blocks ?? 0, bytes: own?.bufferSize ?? 0 };
    const { operations } = this;
    let done = this.table.update(thread, { operations, ...counts }, seconds);
    for (const member of this.team.members.values()) {
      const numbers = this.team.count(member);
      done += this.table.update(member.thread, numbers, seconds);
    }
    byId("used").textContent = size(used);
    byId("free").textContent = size(free);
    byId("blocks").textContent = integer(blocks);
    byId("rate").textContent = compact(done / seconds);
  }
}

async function main() {
  if (!crossOriginIsolated) throw new Error(ISOLATION);
  const page = new Page();
  globalThis.heap = page.memory; // to look around from the console
  page.queens = await Queens.load(page.memory, HEAP_BASE);
  const cores = navigator.hardwareConcurrency ?? 2;
  for (let i = 0; i < Math.min(Math.max(cores - 1, 2), 4); i++)
    page.addWorker();
  onClick("add", () => page.addWorker());
  onClick("check", () => page.check());
  onClick("save", () => page.save());
  onClick("queens", (button) => page.runQueens(button));
  onClick("pause", async (button) => {
    page.asked = !page.asked;
    button.setAttribute("aria-pressed", String(page.asked));
    await page.pause();
  });
  document.addEventListener("visibilitychange", () => page.pause());
  setInterval(() => page.showNumbers(), 500);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  watch(page.memory, byId("map"), {
    title: "Address space",
    interval: calm ? 2000 : 200,
  });
  const send = () => {
    page.operations += page.team.sendMail();
    requestAnimationFrame(send);
  };
  send();
}

try {
  await main();
} catch (error) {
  byId("notice").textContent = error.message;
  byId("notice").hidden = false;
}
